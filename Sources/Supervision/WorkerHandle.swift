// WorkerHandle: what the supervisor knows about the worker of one slot. Assembly.
internal import Platform
internal import Scoreboard

/// One scoreboard slot and the worker in it.
final class WorkerHandle {
  let slot: Int
  /// The slot's shared memory.
  let board: WorkerSlot
  var state = WorkerState.empty
  var generation = 0
  /// 0 until the mold has told it.
  var pid: Int32 = 0
  var link: ChildLink?
  /// When the present state has lasted too long; .max where it may last.
  var deadlineMs = Int64.max
  var readySinceMs: Int64?
  var killReason: KillReason?
  /// It said that it serves before the mold told its pid.
  var saidReady = false

  init(slot: Int, board: WorkerSlot) {
    self.slot = slot
    self.board = board
  }

  var view: WorkerView { WorkerView(slot: slot, generation: generation, state: state) }

  /// How the log calls it.
  var name: String { "worker \(slot)" }

  /// A worker was asked for.
  func beginFork(generation: Int, link: ChildLink, deadlineMs: Int64) {
    board.clear(generation: generation, phase: .starting)
    self.generation = generation
    self.link = link
    self.deadlineMs = deadlineMs
    state = .forking
    pid = 0
    readySinceMs = nil
    killReason = nil
    saidReady = false
  }

  /// The slot is free again.
  func becomeEmpty() {
    board.clear(generation: 0, phase: .open)
    state = .empty
    pid = 0
    link = nil
    deadlineMs = .max
  }
}
