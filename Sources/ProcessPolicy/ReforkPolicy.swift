// ReforkPolicy: when a worker that has served becomes the next mold. Pure.

/// Decides when a *scout* is forked: a worker that serves real traffic with one thread, and then
/// becomes the mold that the others are forked from.
///
///     came into service ──N requests──▶ scout ──▶ refork ──10 × N──▶ scout ──▶ refork, the last
///                                         └─ fails ──4 × as many──▶ scout …, three times in all
///
/// 1. Requests count from the moment in which the mold that serves came into service, or from the
///    latest failure.
/// 2. There are at most ``mostReforks`` for one load of the application, whatever comes: each costs
///    the memory of another mold for a while, and the first brings most.
/// 3. A failure is a reason to wait ``failureFactor`` times as long; after ``mostFailures`` there
///    is none until the application is loaded anew.
/// 4. A scout that had to go for another reason, such as a restart, is no failure; the requests
///    count anew.
public struct ReforkPolicy: Equatable, Sendable {
  /// Reforks for one load of the application.
  public static let mostReforks = 2
  /// The second one comes after so many times the requests of the first.
  public static let laterFactor: Int64 = 10
  /// Failures after which no scout is forked any more.
  public static let mostFailures = 3
  /// After each failure so many times as many requests are waited for.
  public static let failureFactor: Int64 = 4
  /// Least time for which a mold has been in service, ms.
  public static let leastServiceMs: Int64 = 10_000
  /// Longest life of a scout that serves, ms: where clients keep their connections to the other
  /// workers, it may never have answered enough.
  public static let mostScoutMs: Int64 = 600_000
  /// Share of a mold's memory that must be free, in percent: a scout that becomes one copies most
  /// of what it shared.
  public static let roomPercent: Int64 = 125

  /// What the caller sees.
  public struct Tick: Equatable, Sendable {
    /// Now, ms of the monotonic clock.
    public var nowMs: Int64
    /// Requests that the server has ever answered.
    public var requests: Int64
    /// Whether a scout lives already.
    public var hasScout: Bool
    /// Whether another mold is loading or on trial, or takes over from the one before.
    public var isChanging: Bool
    /// What the server takes and may take; nil where nobody measures.
    public var memory: MemoryView?

    /// What the caller sees.
    public init(
      nowMs: Int64, requests: Int64, hasScout: Bool = false, isChanging: Bool = false,
      memory: MemoryView? = nil
    ) {
      self.nowMs = nowMs
      self.requests = requests
      self.hasScout = hasScout
      self.isChanging = isChanging
      self.memory = memory
    }
  }

  /// Requests before the first refork; 0: there is none.
  public let afterRequests: Int
  /// Molds of the present load of the application that were workers.
  public private(set) var reforks = 0
  /// Failures since the application was loaded.
  public private(set) var failures = 0
  private var isGivenUp = false
  private var baseRequests: Int64 = 0
  private var baseMs: Int64 = 0

  /// Nothing was loaded yet.
  ///
  /// - Parameter afterRequests: requests before the first refork; 0 or less: never.
  public init(afterRequests: Int) { self.afterRequests = max(0, afterRequests) }

  /// A mold came into service that has loaded the application itself.
  public mutating func loaded(requests: Int64, nowMs: Int64) {
    reforks = 0
    failures = 0
    begin(requests: requests, nowMs: nowMs)
  }

  /// A mold came into service that was a worker.
  public mutating func succeeded(requests: Int64, nowMs: Int64) {
    reforks += 1
    begin(requests: requests, nowMs: nowMs)
  }

  /// A scout did not become a mold that serves.
  public mutating func failed(requests: Int64, nowMs: Int64) {
    failures += 1
    begin(requests: requests, nowMs: nowMs)
  }

  /// A mold that was a worker came into service and turned out to be broken: none any more until
  /// ``allow()``.
  public mutating func giveUp() { isGivenUp = true }

  /// Somebody asked for the application to be loaded anew.
  public mutating func allow() { isGivenUp = false }

  /// A scout had to go before it could become a mold.
  public mutating func cancelled(requests: Int64, nowMs: Int64) {
    begin(requests: requests, nowMs: nowMs)
  }

  private mutating func begin(requests: Int64, nowMs: Int64) {
    baseRequests = requests
    baseMs = nowMs
  }

  /// Requests that the next scout waits for, from the last event on; nil where there is no next.
  public var nextAfterRequests: Int64? {
    guard afterRequests > 0, !isGivenUp, reforks < Self.mostReforks, failures < Self.mostFailures
    else {
      return nil
    }
    var requests = Int64(afterRequests)
    if reforks > 0 { requests *= Self.laterFactor }
    for _ in 0..<failures { requests *= Self.failureFactor }
    return requests
  }

  /// Whether a scout shall be forked now.
  public func isDue(_ tick: Tick) -> Bool {
    guard let most = nextAfterRequests, !tick.hasScout, !tick.isChanging else { return false }
    return tick.requests - baseRequests >= most && tick.nowMs - baseMs >= Self.leastServiceMs
      && Self.hasRoom(tick.memory)
  }

  /// Whether there is room for another mold; also where nobody measures.
  public static func hasRoom(_ memory: MemoryView?) -> Bool {
    guard let memory else { return true }
    let mold = memory.figures.server.moldsBytes / 100 * Self.roomPercent
    return memory.budget.room(memory.figures).bytes >= mold + memory.expectedBytes
  }
}
