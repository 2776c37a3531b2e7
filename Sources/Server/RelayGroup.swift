// RelayGroup: the workers of one process group, and the requests that wait for one. Assembly.
internal import Platform
internal import Scoreboard

/// One process group behind a front: its workers, its queue, and how long that may be.
@safe final class RelayGroup {
  /// Its number among the server's groups.
  let number: Int
  let scoreboard: Scoreboard
  /// The front's own slot there, in which it tells of this queue.
  let slot: WorkerSlot
  /// Workers that take requests, the most recently used first.
  private(set) var workers: [RelayWorker] = []
  /// Requests that wait for a lane, the oldest first.
  var queue: IndexQueue
  let queueLimit: QueueLimit
  /// How many workers are used side by side before work is gathered on few: one for each core.
  private let spread: Int

  init(number: Int, _ group: FrontGroup, connections: Int, cores: Int) {
    self.number = number
    scoreboard = group.scoreboard
    slot = group.scoreboard[group.slot]
    queue = IndexQueue(capacity: connections)
    queueLimit = QueueLimit(group.settings)
    spread = max(1, cores)
  }

  // MARK: workers come and go

  /// The worker in a slot, which is made where it is new.
  func worker(slot: Int, pid: Int32) -> RelayWorker {
    if let known = workers.first(where: { $0.pid == pid && $0.slot == slot }) { return known }
    let worker = RelayWorker(of: self, slot: slot, pid: pid)
    workers.append(worker)
    return worker
  }

  /// A worker gets no more requests. Gives back the lanes that can be closed at once.
  func retire(pid: Int32) -> [Lane] {
    guard let index = workers.firstIndex(where: { $0.pid == pid }) else { return [] }
    let worker = workers.remove(at: index)
    worker.isRetired = true
    let idle = worker.idle
    worker.idle = []
    return idle
  }

  /// The lane is closed.
  func remove(_ lane: Lane) {
    let worker = lane.worker
    worker.lanes -= 1
    if lane.state == .idle {
      worker.idle.removeAll { $0 === lane }
    } else {
      worker.busy -= 1
    }
    if worker.lanes == 0 { workers.removeAll { $0 === worker } }
  }

  // MARK: who gets the next request

  /// A lane for a request; nil where every worker has its hands full.
  ///
  /// Of the most recently used workers, one for each core, the one with the fewest requests: each
  /// has an interpreter lock of its own. The others stay idle, and so keep sharing their memory.
  func take() -> Lane? {
    var chosen = -1
    var seen = 0
    for index in workers.indices where workers[index].mayTakeMore {
      if chosen < 0 || workers[index].busy < workers[chosen].busy { chosen = index }
      seen += 1
      if seen == spread || workers[chosen].busy == 0 { break }
    }
    guard chosen >= 0 else { return nil }
    let lane = workers[chosen].takeIdle()
    lane.worker.busy += 1
    // Only so far that those in use side by side do not change places all the time.
    if chosen >= spread {
      workers.insert(workers.remove(at: chosen), at: spread - 1)
    }
    return lane
  }
}
