// WorkerHandle: what the supervisor knows about the worker of one slot. Assembly.
internal import Configuration
internal import Platform
internal import Reporting
internal import Scoreboard

/// One scoreboard slot and the worker in it.
final class WorkerHandle {
  let slot: Int
  /// The slot's shared memory.
  let board: WorkerSlot
  /// How the log calls it.
  let name: String
  var state = WorkerState.empty { didSet { board.setPhase(boardPhase) } }
  var generation = 0
  /// 0 until the mold has told it.
  var pid: Int32 = 0
  var link: ChildLink?
  /// When the present state has lasted too long; .max where it may last.
  var deadlineMs = Int64.max
  /// What it is killed for where it drains, and its deadline passes.
  var lateReason = KillReason.gracefulTimeout(seconds: 0)
  var readySinceMs: Int64?
  var killReason: KillReason?
  /// It was told to go because there were more idle workers than are needed.
  var endsBecauseIdle = false
  /// When it was asked for; CLOCK_MONOTONIC.
  var startedMs: Int64 = 0
  /// The same in microseconds.
  private var askedUs: Int64 = 0
  /// What it took for itself when it was last measured, bytes; nil before that.
  var memoryBytes: Int64?
  /// Pages that the kernel had merged with equal ones then, bytes.
  var mergedBytes: Int64 = 0
  /// Handler threads it had then.
  var measuredThreads = 0
  /// The cheap look at the time of that measurement.
  var glance: ProcessGlance?
  /// CPU time it had used at the last look, for ``CPUMeter``.
  var cpuMs: Int64 = 0
  /// Requests it had turned away at the last look.
  var shedSeen = ShedCounts()
  /// It was forked to become a mold.
  var isScout = false
  /// It has served enough for that, and is on its way.
  var isMaturing = false
  /// It was told to go, or goes for a reason that is none against forking from a worker.
  var scoutIsCancelled = false
  /// Why it cannot be forked from, once told.
  var scoutFailure: String?
  /// It said that it serves before the mold told its pid.
  var saidReady = false

  /// - Parameter group: name of its process group.
  init(slot: Int, board: WorkerSlot, group: String) {
    self.slot = slot
    self.board = board
    name = group == ServerSettings.mainGroup ? "worker \(slot)" : "worker \(slot) of \(group)"
  }

  /// A worker was asked for.
  func beginFork(
    generation: Int, link: ChildLink, isScout: Bool, nowMs: Int64, deadlineMs: Int64
  ) {
    board.clear(generation: generation, phase: .starting)
    self.generation = generation
    self.link = link
    self.deadlineMs = deadlineMs
    endsBecauseIdle = false
    state = .forking
    startedMs = nowMs
    askedUs = Clock.monotonicMicroseconds()
    cpuMs = 0
    memoryBytes = nil
    mergedBytes = 0
    glance = nil
    pid = 0
    readySinceMs = nil
    killReason = nil
    saidReady = false
    self.isScout = isScout
    isMaturing = false
    scoutIsCancelled = false
    scoutFailure = nil
  }

  /// How long it took until it served, in microseconds: since the mold began to fork it, and since
  /// it was asked for. What the worker says of that is believed only as far as it can be.
  func startTimes(nowUs: Int64) -> (forkUs: Int64, askedUs: Int64) {
    let readyUs = min(max(board.readyUs, askedUs), nowUs)
    let beganUs = min(max(board.forkBeganUs, askedUs), readyUs)
    return (readyUs - beganUs, readyUs - askedUs)
  }

  /// The slot is free again.
  func becomeEmpty() {
    state = .empty
    isScout = false
    board.clear(generation: 0, phase: .open)
    pid = 0
    link = nil
    deadlineMs = .max
  }

  /// The state as others see it on the scoreboard.
  private var boardPhase: WorkerSlot.Phase {
    switch state {
    case .empty: .open
    case .forking, .starting: .starting
    case .ready: .serving
    case .draining, .condemned: endsBecauseIdle ? .idleCleanup : .draining
    }
  }
}
