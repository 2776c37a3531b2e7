// ProcessSnapshot: one slot of the scoreboard as a policy sees it. Pure.

/// One slot of the scoreboard at the moment of a decision.
public struct ProcessSnapshot: Equatable, Sendable {
  /// Number of the slot, from 0.
  public var slot: Int
  /// What the process does; with several threads only ``ProcessState/starting``,
  /// ``ProcessState/graceful``, ``ProcessState/idleCleanup`` and ``ProcessState/open`` matter.
  public var state: ProcessState
  /// Generation of the configuration or the mold that the process belongs to.
  public var generation: Int
  /// Whether the application is loaded, so that the next request is not delayed by imports.
  public var isLoaded: Bool
  /// Threads that hold a request or a connection.
  public var busyThreads: Int
  /// Threads that wait for work. Those that do not exist yet are in neither count.
  public var idleThreads: Int
  /// Whether the process takes new connections; false where its accept gate is closed.
  public var isAccepting: Bool
  /// Threads of a leaving process that have ended. Where this is not 0, Apache's worker MPM may
  /// start the next process in the same slot; 0 where slots are not shared.
  public var endedThreads: Int
  /// When the process last began a request, ms of the monotonic clock; 0 for never.
  public var lastUsedMs: Int64
  /// When the process was started, ms of the monotonic clock.
  public var startedMs: Int64
  /// What the process takes for itself, in bytes, when it was last measured; nil before that.
  public var memoryBytes: Int64?
  /// Whether it is a scout (``ReforkPolicy``): it serves besides the others, and leaves by itself.
  public var isScout = false

  /// A slot with a process in it, or an open one.
  public init(
    slot: Int, state: ProcessState, generation: Int = 0, isLoaded: Bool = true,
    busyThreads: Int = 0, idleThreads: Int = 0, isAccepting: Bool = true, endedThreads: Int = 0,
    lastUsedMs: Int64 = 0, startedMs: Int64 = 0, memoryBytes: Int64? = nil
  ) {
    self.slot = slot
    self.state = state
    self.generation = generation
    self.isLoaded = isLoaded
    self.busyThreads = busyThreads
    self.idleThreads = idleThreads
    self.isAccepting = isAccepting
    self.endedThreads = endedThreads
    self.lastUsedMs = lastUsedMs
    self.startedMs = startedMs
    self.memoryBytes = memoryBytes
  }
}
