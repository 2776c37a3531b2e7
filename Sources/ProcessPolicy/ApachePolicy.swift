// ApachePolicy: how many processes httpd would run, step by step. Pure.

/// The process maintenance of httpd 2.4's prefork, worker and event, with its snowball.
///
/// ```
/// start ──▶ StartServers processes
///   │
///   ▼  a tick
/// something reaped ─▶ after a graceful restart: one for one in the same slot
///   │                 worker, event: killed by a signal: a new one at once, twice in a row
///   │ nothing reaped for a second
///   ▼
/// still to start ───▶ start them, nothing else
///   │ no
///   ▼
/// spare > max ──────▶ end one, rate := 1
/// spare < min ──────▶ start `rate`, then rate := min(2 × rate, 32)
/// otherwise ────────▶ rate := 1
/// ```
///
/// 1. Maintenance never runs in a tick in which a child was reaped, and once a second at most.
/// 2. A process that starts counts as spare. One that imports the application inside its first
///    request counts as busy: so every import looks like load, and starts more imports.
/// 3. Prefork counts processes. Worker and event count threads, but act on processes.
///
/// Source: `perform_idle_server_maintenance` and `server_main_loop` of httpd 2.4, with one bucket
/// of listeners, which is the default (ListenCoresBucketsRatio 0).
public struct ApachePolicy: Equatable, Sendable {
  /// Most processes started in one tick (httpd's MAX_SPAWN_RATE).
  public static let maxSpawnRate = 32
  /// Rate from which on httpd says that the server seems busy.
  public static let busySpawnRate = 8
  /// Ticks that start processes after a graceful restart before the rate doubles.
  public static let holdOffTicks = 10
  /// Time between two maintenances.
  public static let intervalMs: Int64 = 1000
  /// Children killed by signals in a row before worker and event stop replacing them at once.
  public static let killsUntilPause = 3

  /// Corrected settings.
  public private(set) var settings: ApacheSettings
  /// What the policy remembers.
  public var state = State()

  /// What is carried from one tick to the next; most of it also over a restart.
  public struct State: Equatable, Sendable {
    /// Processes to start in the next tick that finds too few spare ones.
    public var spawnRate = 1
    /// Ticks that may still not double the rate.
    public var holdOff = 0
    /// Processes of StartServers that a graceful restart has not started yet.
    public var remainingToStart = 0
    /// Children killed by signals since the last quiet second.
    public var successiveKills = 0
    /// When maintenance last could run, ms.
    public var lastQuietMs: Int64 = 0
    /// Whether it was said that MaxRequestWorkers is reached.
    public var isMaxReported = false
    /// Whether it was said that MaxRequestWorkers is near.
    public var isNearMaxReported = false
    /// Whether a child ended for want of resources (worker, event).
    public var isSick = false
    /// Whether a child ever had all its threads (worker, event).
    public var wasHealthy = false
  }

  /// A policy for settings that went through `ApacheSettings.corrected(previous:)`.
  public init(settings: ApacheSettings) {
    precondition(settings.threadsPerChild > 0 && settings.processLimit > 0, "not corrected")
    self.settings = settings
  }

  /// When ``decide(_:)`` has work to do even if nothing was reaped, ms of the monotonic clock.
  public var nextDecisionMs: Int64 { state.lastQuietMs + Self.intervalMs }

  /// The server starts: StartServers processes at once, in the lowest slots.
  public mutating func start(nowMs: Int64) -> [ProcessAction] {
    state.lastQuietMs = nowMs
    return spawn(Array(0..<settings.startCount))
  }

  /// A graceful restart: every process ends after its requests; new ones come one for one.
  ///
  /// - Parameters:
  ///   - new: corrected settings of the new generation.
  ///   - processes: the occupied slots.
  public mutating func restartGracefully(
    settings new: ApacheSettings, nowMs: Int64, processes: [ProcessSnapshot]
  ) -> [ProcessAction] {
    precondition(new.threadsPerChild > 0 && new.processLimit > 0, "not corrected")
    settings = new
    state.remainingToStart = new.startCount
    state.holdOff = Self.holdOffTicks
    state.lastQuietMs = nowMs
    state.wasHealthy = false
    return
      processes
      .filter { $0.state != .open && !$0.state.isLeaving }
      .map { .endGracefully(slot: $0.slot) }
  }

  /// What httpd would do now.
  public mutating func decide(_ tick: PolicyTick) -> [ProcessAction] {
    guard tick.reaped.isEmpty else { return replaceReaped(tick) }
    guard tick.nowMs >= nextDecisionMs else { return [] }
    state.lastQuietMs = tick.nowMs
    state.successiveKills = 0
    if state.remainingToStart > 0 {
      let slots = lowestFree(state.remainingToStart, besides: Set(tick.occupied.map(\.slot)))
      state.remainingToStart = 0
      return spawn(slots)
    }
    return settings.mpm == .prefork ? maintainProcesses(tick) : maintainThreads(tick)
  }

  // MARK: after a death

  private mutating func replaceReaped(_ tick: PolicyTick) -> [ProcessAction] {
    var taken = Set(tick.occupied.map(\.slot))
    var actions: [ProcessAction] = []
    for child in tick.reaped {
      if child.exit == .resourceShortage {
        // Fewer forks where there is too little for one.
        state.spawnRate = 1
        state.isSick = settings.mpm != .prefork
      } else if state.remainingToStart > 0, child.slot < settings.slotLimit,
        taken.insert(child.slot).inserted
      {
        state.remainingToStart -= 1
        actions += spawn([child.slot])
      }
      guard settings.mpm != .prefork, child.exit == .signaled else { continue }
      state.successiveKills += 1
      if state.successiveKills >= Self.killsUntilPause {
        if state.successiveKills % 10 == Self.killsUntilPause {
          let text = "children are killed successively, so the next are not replaced at once"
          actions.append(.log(PolicyMessage(.warning, text)))
        }
        continue
      }
      let slots = lowestFree(state.remainingToStart + 1, besides: taken)
      state.remainingToStart = 0
      taken.formUnion(slots)
      actions += spawn(slots)
    }
    return actions
  }

  // MARK: parts of every maintenance

  func spawn(_ slots: [Int]) -> [ProcessAction] {
    slots.isEmpty ? [] : [.spawn(slots: slots)]
  }

  func lowestFree(_ count: Int, besides taken: Set<Int>) -> [Int] {
    Array((0..<settings.slotLimit).lazy.filter { !taken.contains($0) }.prefix(count))
  }

  /// What a tick that starts processes leaves for the next one.
  mutating func raiseRate() {
    if state.holdOff > 0 {
      state.holdOff -= 1
    } else {
      state.spawnRate = min(state.spawnRate * 2, Self.maxSpawnRate)
    }
  }

  /// Said once, until the server is stopped.
  mutating func reportMaximum() -> [ProcessAction] {
    guard !state.isMaxReported else { return [] }
    state.isMaxReported = true
    let text =
      "server reached MaxRequestWorkers setting, consider raising the "
      + "MaxRequestWorkers setting"
    return [.log(PolicyMessage(.error, text))]
  }
}
