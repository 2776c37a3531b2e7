// ChosenPolicy: the policy that a server runs with, behind one door. Pure.

/// One of the two policies, and what a server or a simulation has to tell it.
///
/// It learns from the generation of a tick that the server starts, or goes over to new code.
public struct ChosenPolicy: Equatable, Sendable {
  private enum Kind: Equatable, Sendable {
    case apache(ApachePolicy)
    case loadline(LoadlinePolicy)
  }

  private var kind: Kind
  /// Generation of the last tick; nil before the first.
  private var generation: Int?

  /// Apache's process maintenance, for corrected settings.
  public init(apache settings: ApacheSettings) {
    kind = .apache(ApachePolicy(settings: settings))
  }

  /// As many processes as the demand needs.
  public init(loadline settings: LoadlineSettings) {
    kind = .loadline(LoadlinePolicy(settings: settings))
  }

  /// What to do now. Call it when ``nextDecisionMs(nowMs:)`` has come, and at once when a child was
  /// reaped or became ready; calling it more often does no harm.
  public mutating func decide(_ tick: PolicyTick) -> [ProcessAction] {
    defer { generation = tick.generation }
    switch kind {
    case .loadline(var policy):
      defer { kind = .loadline(policy) }
      return policy.decide(tick)
    case .apache(var policy):
      defer { kind = .apache(policy) }
      guard let generation else { return policy.start(nowMs: tick.nowMs) }
      guard generation != tick.generation else { return policy.decide(tick) }
      // The first process of the new generation is there already: it was tried out before.
      return policy.restartGracefully(
        settings: policy.settings, nowMs: tick.nowMs,
        processes: tick.occupied.filter { $0.generation != tick.generation })
    }
  }

  /// What kept the server from having more processes when it was last decided.
  public var binding: BindingLimit {
    if case .loadline(let policy) = kind { policy.binding } else { .demand }
  }

  /// When ``decide(_:)`` has something to look at next even if nothing happens; ms.
  public func nextDecisionMs(nowMs: Int64) -> Int64 {
    switch kind {
    case .loadline(let policy): policy.nextDecisionMs(nowMs: nowMs)
    case .apache(let policy): policy.nextDecisionMs
    }
  }
}
