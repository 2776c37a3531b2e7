// PolicyTick: everything a policy knows when it decides. Pure.

/// What the caller saw since the last decision.
///
/// A tick is a return of the wait for children: either some were reaped, or the time was up and
/// none was. So call at once when children were reaped, and otherwise when a decision is due.
public struct PolicyTick: Equatable, Sendable {
  /// Now, ms of the monotonic clock.
  public var nowMs: Int64
  /// The generation that new processes belong to.
  public var generation: Int
  /// Children reaped in this tick, in order. Their slots count as open.
  public var reaped: [ReapedProcess]
  /// Every occupied slot, in any order. Slots that are missing are open.
  public var processes: [ProcessSnapshot]
  /// Connections that wait for a handler, in all queues.
  public var waitingConnections: Int
  /// Cores that this server may use; at least 1.
  public var usableCores: Int
  /// Whether the processes have used nearly all CPU time of those cores lately.
  public var isCPUSaturated: Bool
  /// What the server takes and may take; nil where nobody measures.
  public var memory: MemoryView?
  /// Least time between two exchanges of a process of an older generation, ms; 0: none. Where the
  /// generations are the same code, there is no hurry.
  public var handoverPaceMs: Int64 = 0

  /// What the caller saw.
  public init(
    nowMs: Int64, generation: Int = 0, reaped: [ReapedProcess] = [],
    processes: [ProcessSnapshot], waitingConnections: Int = 0, usableCores: Int = 1,
    isCPUSaturated: Bool = false, memory: MemoryView? = nil
  ) {
    self.nowMs = nowMs
    self.generation = generation
    self.reaped = reaped
    self.processes = processes
    self.waitingConnections = waitingConnections
    self.usableCores = usableCores
    self.isCPUSaturated = isCPUSaturated
    self.memory = memory
  }

  /// Slots with a process in them, lowest number first; without the reaped.
  var occupied: [ProcessSnapshot] {
    let gone = Set(reaped.map(\.slot))
    return
      processes
      .filter { $0.state != .open && !gone.contains($0.slot) }
      .sorted { $0.slot < $1.slot }
  }
}

/// A child that ended.
public struct ReapedProcess: Equatable, Sendable {
  /// How a child ended.
  public enum Exit: Equatable, Sendable {
    /// By itself or because it was told to.
    case finished
    /// With a code that says that it failed.
    case failed
    /// Killed by a signal.
    case signaled
    /// It found the machine short of something: descriptors, memory, threads.
    case resourceShortage
  }

  /// The slot it was in.
  public var slot: Int
  /// How it ended.
  public var exit: Exit
  /// How long it had been ready, in ms; nil where it never was.
  public var readyForMs: Int64?

  /// A child that ended.
  public init(slot: Int, exit: Exit, readyForMs: Int64? = nil) {
    self.slot = slot
    self.exit = exit
    self.readyForMs = readyForMs
  }
}
