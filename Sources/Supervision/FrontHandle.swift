// FrontHandle: what the supervisor knows about one front. Assembly.
internal import Platform
internal import ProcessPolicy
internal import Scoreboard

/// A front, and the slot that it writes to.
final class FrontHandle {
  /// 0, 1, …: which of the fronts.
  let index: Int
  /// Its slot of the scoreboard.
  let slot: Int
  /// The slot's shared memory.
  let board: WorkerSlot
  /// 0 while there is no process.
  var pid: Int32 = 0
  var link: ChildLink?
  /// When it is started again, or has had long enough to stop; .max where neither is awaited.
  var deadlineMs = Int64.max
  var startedMs: Int64 = 0
  /// CPU time it had used at the last look, for ``CPUMeter``.
  var cpuMs: Int64 = 0
  /// Requests that it had turned away at the last look, for ``ShedNotice``.
  var shedSeen: Int64 = 0
  var backOff = BackOff()
  var readySinceMs: Int64?

  init(index: Int, slot: Int, board: WorkerSlot) {
    self.index = index
    self.slot = slot
    self.board = board
  }

  /// How the log calls it.
  var name: String { "front \(index)" }
}
