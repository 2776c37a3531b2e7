// FrontHandle: what the supervisor knows about one front. Assembly.
internal import Platform
internal import ProcessPolicy
internal import Reporting
internal import Scoreboard

/// A front, and the slot that it writes to.
final class FrontHandle {
  /// 0, 1, …: which of the fronts.
  let index: Int
  /// Its slot in the scoreboard of each process group.
  let slots: [Int]
  /// The slots' shared memory: in the first it tells of itself, in each of the group's queue.
  let boards: [WorkerSlot]
  /// 0 while there is no process.
  var pid: Int32 = 0
  var link: ChildLink?
  /// When it is started again, or has had long enough to stop; .max where neither is awaited.
  var deadlineMs = Int64.max
  var startedMs: Int64 = 0
  /// CPU time it had used at the last look, for ``CPUMeter``.
  var cpuMs: Int64 = 0
  /// Requests of each group that it had turned away at the last look, for ``ShedNotice``.
  var shedSeen: [ShedCounts]
  var backOff = BackOff()
  var readySinceMs: Int64?

  init(index: Int, of scoreboards: [Scoreboard]) {
    self.index = index
    slots = scoreboards.map { $0.workerSlots.count + index }
    boards = scoreboards.map { $0[$0.workerSlots.count + index] }
    shedSeen = scoreboards.map { _ in ShedCounts() }
  }

  /// How the log calls it.
  var name: String { "front \(index)" }
}
