// WorkerServer+Post: in a front: short requests and responses through memory shared with a worker.
// Assembly.
//
// Scoreboard/Letterbox.swift is the memory, WorkerServer+Posted the worker's side. A bell is rung
// only where the other side sleeps, and once for all that was posted in a round of events.
//
// Requests may be posted ahead of a worker's threads, so that a worker with short requests always
// finds the next one. What stands there and is not taken up for some milliseconds, because the
// request before it turned out to be long, is taken back into the queue: others may be free, and
// the queue has time limits.
internal import Bytes
internal import Frames
internal import HTTP1
internal import Platform
internal import Scoreboard
internal import Synchronization

extension WorkerServer {
  /// How long a worker may look at nothing before what waits there is taken back, where another one
  /// has a thread for it, or will have one soon.
  private static let patienceWithPostsMs: Int64 = 4
  /// The same where nobody else could take it, and only the time limit of the queue is waiting: on
  /// a busy machine a worker may not run for longer than the first.
  private static let longestPatienceMs: Int64 = 100

  /// Bytes of a request that surely fits into its place, with the numbers of an ordinary head.
  private static let shortBytes = 5_120

  // MARK: requests

  /// Whether the whole request that a connection has is short.
  func mayBePosted(_ index: Int32) -> Bool {
    let connection = unsafe table[index]
    guard let waiting = unsafe connection.pointee.upload else {
      return unsafe connection.pointee.inputCount <= Self.shortBytes
    }
    let upload = unsafe waiting.takeUnretainedValue()
    return unsafe upload.inMemory != nil
      && upload.count + Int64(upload.headCount) <= Int64(Self.shortBytes)
  }

  /// Posts a request, if it is short and the lane has a place.
  func post(
    _ frame: RequestFrame, headBytes: UnsafePointer<UInt8>, body: UnsafeBufferPointer<UInt8>,
    _ connection: UnsafeMutablePointer<Connection>, on lane: Lane, _ relay: Relay,
    _ thread: HandlerThread
  ) -> Bool {
    guard lane.place >= 0, let shared = lane.worker.shared else { return false }
    let (peer, local) = unsafe (connection.clientText, connection.localText)
    let count = RequestFrame.byteCount(
      head: thread.parser.head, peer: peer.count, local: local.count, inlineBody: body.count)
    guard count <= Letterbox.requestBytes else { return false }
    var writer = unsafe ByteWriter(
      base: shared.box.requestPlace(lane.place), capacity: Letterbox.requestBytes)
    unsafe frame.encode(
      thread.parser.head, thread.parser.fields, headBytes: headBytes, body: body, peer: peer,
      local: local, into: &writer)
    precondition(!writer.overflowed && writer.count == count)
    guard shared.box.post(lane.place, count: count) else { return false }
    if !shared.isInUse {
      shared.isInUse = true
      shared.moved(nowMs: nowMs)
      relay.posting.append(lane.worker)
    }
    shared.isUnrung = true
    relay.hasUnrung = true
    return true
  }

  // MARK: responses

  /// Passes on what workers have answered, and wakes those that have something to do. What waits
  /// for too long is taken back.
  func takeAnswers(_ relay: Relay, _ thread: HandlerThread) {
    var index = 0
    while index < relay.posting.count {
      let worker = relay.posting[index]
      index += 1
      guard let shared = worker.shared else { continue }
      var answered = shared.box.takeAnswered()
      if answered != 0 { shared.moved(nowMs: nowMs) }
      while answered != 0 {
        let place = answered.trailingZeroBitCount
        answered &= answered &- 1
        guard place < shared.box.lanes, let lane = shared[place] else { continue }
        takeAnswer(lane, shared, relay, thread)
      }
      if worker.ahead > 0 {
        let stillMs = shared.stillMs(nowMs: nowMs)
        if stillMs >= Self.patienceWithPostsMs && stillMs >= patienceMs(with: worker) {
          takeBack(worker, shared, relay, thread)
        }
      }
    }
    relay.posting.removeAll { worker in
      guard worker.busy == 0 else { return false }
      worker.shared?.isInUse = false
      return true
    }
    for group in relay.groups {
      // Who left freed a lane.
      if group.queue.count > 0 { dispatchQueue(of: group, relay, thread) }
      group.ahead = 0
    }
    ringBells(relay)
    for worker in relay.posting { worker.group.ahead += worker.ahead }
    for group in relay.groups { showQueue(of: group) }
  }

  private func takeAnswer(
    _ lane: Lane, _ shared: SharedLanes, _ relay: Relay, _ thread: HandlerThread
  ) {
    guard lane.state == .awaitingHead || lane.state == .discarding, lane.input.count == 0 else {
      _ = refuseLane(lane, relay, thread)
      return
    }
    let (count, durationUs) = shared.box.response(lane.place)
    lane.worker.learn(durationUs: durationUs)
    // A copy: what is checked may not change any more.
    unsafe thread.input.update(from: shared.box.responsePlace(lane.place), count: count)
    _ = unsafe take(thread.input, count: count, lane, relay, thread)
  }

  /// The lane has ended: its last answer may still stand in its place.
  func takeLastAnswer(_ lane: Lane, _ relay: Relay, _ thread: HandlerThread) {
    guard lane.state == .awaitingHead || lane.state == .discarding, lane.place >= 0,
      let shared = lane.worker.shared, shared.box.takeAnswered(lane.place)
    else { return }
    takeAnswer(lane, shared, relay, thread)
  }

  /// Wakes the workers that sleep and have something to do.
  private func ringBells(_ relay: Relay) {
    guard relay.hasUnrung else { return }
    relay.hasUnrung = false
    for worker in relay.posting {
      if let shared = worker.shared, shared.isUnrung { shared.ring() }
    }
  }

  // MARK: patience

  /// How long `worker` may take up nothing.
  private func patienceMs(with worker: RelayWorker) -> Int64 {
    let group = worker.group
    let others = group.workers.contains { other in
      guard other !== worker, !other.mayTakeMore, let shared = other.shared else {
        return other !== worker && other.mayTakeMore
      }
      return shared.stillMs(nowMs: nowMs) < Self.patienceWithPostsMs
    }
    if others { return Self.patienceWithPostsMs }
    return group.queueLimit.isOn
      ? min(group.queueLimit.patienceMs, Self.longestPatienceMs) : Self.longestPatienceMs
  }

  /// Puts what a worker has not begun with back into the queue.
  private func takeBack(
    _ worker: RelayWorker, _ shared: SharedLanes, _ relay: Relay, _ thread: HandlerThread
  ) {
    worker.loseCredit()
    for place in 0..<shared.box.lanes {
      guard let lane = shared[place], lane.state == .awaitingHead, lane.connection >= 0,
        shared.box.takeBack(place)
      else { continue }
      let index = lane.connection
      let connection = unsafe table[index]
      unsafe connection.pointee.lane = -1
      unsafe connection.pointee.isQueued = true
      let wholeMs = unsafe connection.pointee.wholeMs
      worker.group.queue.insert(index) { other in unsafe table[other].pointee.wholeMs > wholeMs }
      shedDueMs = min(shedDueMs, worker.group.dueMs(wholeMs: wholeMs))
      _ = freeLane(lane, relay)
    }
    dispatchQueue(of: worker.group, relay, thread)
  }
}

extension Relay {
  var hasPostsAhead: Bool { posting.contains { $0.ahead > 0 } }

  /// Says to the workers that this front is about to sleep. False where a response is here already.
  func sleepsUnanswered() -> Bool {
    var isEmpty = true
    for worker in posting {
      if let shared = worker.shared, !shared.box.frontMaySleep() { isEmpty = false }
    }
    return isEmpty
  }

  func wokeUp() { for worker in posting { worker.shared?.box.frontWoke() } }
}
