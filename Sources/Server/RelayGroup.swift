// RelayGroup: the workers of one process group, and the requests that wait for one. Assembly.
internal import Configuration
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
  /// Requests that wait at workers, when they were last counted.
  var ahead = 0
  /// At most so many of them have a client that has left.
  var leavers = 0
  /// Since when there has been no worker, CLOCK_MONOTONIC in ms; .max while there is one.
  var emptySinceMs = Int64.max
  /// Whether it gets long uploads while they arrive.
  let streamsUploads: Bool
  /// Bytes of the head of a response at most.
  let responseHeadBytes: Int
  /// Bytes of a response that are held in memory for a slow client, and in a file.
  let responseBufferBytes: Int
  let responseSpoolBytes: Int64
  /// How long a request waits while there is none; 0: as long as for a worker that is busy.
  private let connectTimeoutMs: Int64
  /// `--timeout`: a request that had so long was stuck, when its worker is killed; 0: none is.
  let timeoutMs: Int64
  /// How many workers are used side by side before work is gathered on few: one for each core.
  private let spread: Int

  init(number: Int, _ group: FrontGroup, connections: Int, cores: Int) {
    self.number = number
    scoreboard = group.scoreboard
    slot = group.scoreboard[group.slot]
    queue = IndexQueue(capacity: connections)
    queueLimit = QueueLimit(group.settings)
    streamsUploads = group.settings.streamsUploads
    responseHeadBytes = group.settings.responseHeadBytes
    responseBufferBytes = group.settings.responseBufferBytes
    responseSpoolBytes = group.settings.responseSpoolBytes
    connectTimeoutMs = group.settings.connectTimeoutMs
    timeoutMs = group.settings.timeoutMs
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
    if lane.place >= 0 { worker.shared?.leavePlace(of: lane) }
    if lane.state == .idle {
      worker.idle.removeAll { $0 === lane }
    } else {
      worker.busy -= 1
    }
    if worker.lanes == 0 { workers.removeAll { $0 === worker } }
  }

  /// When a request that is whole since `wholeMs`, and waits, is turned away; .max: never.
  func dueMs(wholeMs: Int64) -> Int64 {
    let due = queueLimit.dueMs(wholeMs: wholeMs)
    guard connectTimeoutMs > 0, emptySinceMs < .max else { return due }
    return min(due, max(wholeMs, emptySinceMs) + connectTimeoutMs)
  }

  // MARK: who waits

  /// Requests that wait for a thread, here or at a worker.
  var waiting: Int { queue.count + ahead }

  // MARK: who gets the next request

  /// A lane for a request; nil where every worker has its hands full.
  ///
  /// Of the most recently used workers, one for each core, the one with the fewest requests: each
  /// has an interpreter lock of its own. The others stay idle, and so keep sharing their memory.
  ///
  /// - Parameter isShort: whether the request can be posted, and so taken back: then it may wait
  ///   at a worker for a thread.
  func take(isShort: Bool) -> Lane? {
    var chosen = -1
    var seen = 0
    for index in workers.indices where workers[index].mayTakeMore {
      if chosen < 0 || workers[index].busy < workers[chosen].busy { chosen = index }
      seen += 1
      if seen == spread || workers[chosen].busy == 0 { break }
    }
    if chosen < 0 && isShort { chosen = nearlyFree() }
    guard chosen >= 0 else { return nil }
    let lane = workers[chosen].takeIdle()
    lane.worker.busy += 1
    // Only so far that those in use side by side do not change places all the time.
    if chosen >= spread {
      workers.insert(workers.remove(at: chosen), at: spread - 1)
    }
    return lane
  }

  /// Where no worker has a thread: one with short requests that may have some more of them ahead,
  /// the one with the fewest of those used side by side; -1 for none.
  private func nearlyFree() -> Int {
    var chosen = -1
    for index in workers.indices.prefix(spread) where workers[index].mayTakeAhead {
      if chosen < 0 || workers[index].busy < workers[chosen].busy { chosen = index }
    }
    return chosen
  }
}
