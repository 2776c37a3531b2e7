// WorkerServer+Posted: requests that a front has put into the memory it shares with this worker.
// Assembly.
//
// A letterbox (Scoreboard/Letterbox.swift) stands beside the lanes between one front and this
// worker: a short request comes, and a short response goes, through memory instead of a lane's
// socket. Nothing else is different: a lane carries one request at a time, whichever way it came.
//
// The holder of the poll role looks into the row after each round of events, and takes what stands
// there; so a worker that has enough to do makes no system call for a request. Requests that were
// not taken up yet the front may take back.
internal import Frames
internal import Platform
internal import Scoreboard
internal import Synchronization

/// A letterbox in a worker, and the connections that its lanes are here.
final class PostedLanes {
  let box: Letterbox
  /// The word of the worker's slot that its first lane has.
  let firstWord: Int
  /// Wakes this worker.
  let bell: EventFD
  /// Wakes the front.
  let frontBell: EventFD
  /// By lane: the connection, ``unused`` before there was one, ``gone`` after that.
  fileprivate(set) var connections: [Int32]
  /// Lanes that are open.
  fileprivate(set) var open = 0

  fileprivate static let unused: Int32 = -1
  fileprivate static let gone: Int32 = -2

  init(box: Letterbox, firstWord: Int, bell: Int32, frontBell: Int32) {
    self.box = box
    self.firstWord = firstWord
    self.bell = EventFD(owning: bell)
    self.frontBell = EventFD(owning: frontBell)
    connections = Array(repeating: Self.unused, count: box.lanes)
  }
}

extension WorkerServer {
  /// Requests taken from one row before events get their turn.
  private static let postsPerTurn = 64

  // MARK: life

  /// A front shares memory with this worker, or a worker with this front; the descriptors are owned
  /// from now on.
  func takeLetterbox(
    _ descriptors: [Int32], group: Int, slot number: Int, pid: Int32, firstWord: Int
  ) {
    guard descriptors.count == 3, let box = try? Letterbox(mapping: descriptors[0]) else {
      ErrorLog.write(.warn, "Cannot map the memory shared with another process.")
      for number in descriptors { SocketIO.close(number) }
      return
    }
    SocketIO.close(descriptors[0])
    let (workerBell, frontBell) = (descriptors[1], descriptors[2])
    if let relay {
      let shared = SharedLanes(
        box: box, firstWord: firstWord, bell: frontBell, workerBell: workerBell)
      guard relay.groups.indices.contains(group),
        relay.groups[group].scoreboard.workerSlots.contains(number),
        listen(to: shared.bell.number)
      else { return }
      if !relay.add(shared, to: relay.groups[group], slot: number, pid: pid) {
        epoll.remove(shared.bell.number)
      }
      return
    }
    // One whose front is gone and that never had a lane.
    for old in letterboxes where old.firstWord == firstWord && old.open == 0 { drop(old) }
    let posted = PostedLanes(
      box: box, firstWord: firstWord, bell: workerBell, frontBell: frontBell)
    if listen(to: posted.bell.number) { letterboxes.append(posted) }
  }

  /// A bell is never silenced: each ring is told once.
  private func listen(to bell: Int32) -> Bool {
    do {
      try epoll.add(bell, [.readable, .edgeTriggered], token: Token.bell)
      return true
    } catch {
      ErrorLog.write(.warn, "Cannot wait for a bell: \(error).")
      return false
    }
  }

  private func drop(_ posted: PostedLanes) {
    epoll.remove(posted.bell.number)
    letterboxes.removeAll { $0 === posted }
  }

  /// A lane is open; it has a place in the letterbox unless another lane had that before: what was
  /// under way there could be taken for what comes now.
  func attach(_ index: Int32, word: Int) {
    guard
      let posted = letterboxes.first(where: {
        word >= $0.firstWord && word < $0.firstWord + $0.connections.count
          && $0.connections[word - $0.firstWord] == PostedLanes.unused
      })
    else { return }
    posted.connections[word - posted.firstWord] = index
    posted.open += 1
  }

  /// A lane is closed.
  func detach(_ index: Int32) {
    for posted in letterboxes {
      guard let lane = posted.connections.firstIndex(of: index) else { continue }
      posted.connections[lane] = PostedLanes.gone
      posted.open -= 1
      if posted.open == 0 { drop(posted) }
      return
    }
  }

  // MARK: requests

  /// Serves what stands in the rows. False when the role was lost.
  func servePosted(_ thread: HandlerThread) -> Bool {
    for posted in letterboxes {
      var left = Self.postsPerTurn
      while left > 0 && mayTakePost(thread), let lane = posted.box.next() {
        left -= 1
        let index = posted.connections[lane]
        guard index >= 0 else { continue }
        let connection = unsafe table[index]
        guard unsafe connection.pointee.phase == .waiting && !connection.pointee.isQueued else {
          // The thread that has it sees it when it is done.
          unsafe connection.pointee.hasNews = true
          continue
        }
        guard servePosted(index, lane, posted, thread) else { return false }
      }
    }
    return true
  }

  /// Serves the request that is posted on one lane, if it still is. False when the role was lost.
  func servePosted(
    _ index: Int32, _ lane: Int, _ posted: PostedLanes, _ thread: HandlerThread
  ) -> Bool {
    guard let place = unsafe posted.box.claim(lane), let bytes = place.baseAddress else {
      return true
    }
    // The place gets the next request as soon as this one is answered, while the application may
    // still be looking at its body.
    unsafe thread.input.update(from: bytes, count: place.count)
    guard case .request = unsafe frame(thread.input, count: place.count) else {
      ErrorLog.write(.error, "A front posted what is no request; its lane is closed.")
      close(index)
      return true
    }
    let exchange: Exchange = thread.exchange
    if exchange.posted !== posted { exchange.posted = posted }
    exchange.postedLane = lane
    return unsafe serveFrame(index, thread, thread.input, count: place.count, isPosted: true)
  }

  /// Serves a request that was posted on a lane while its thread was still busy with the one
  /// before. nil where there is none; false when the role was lost.
  func servePostedLate(_ index: Int32, _ thread: HandlerThread) -> Bool? {
    for posted in letterboxes {
      guard let lane = posted.connections.firstIndex(of: index) else { continue }
      guard posted.box.isPosted(lane) else { return nil }
      return servePosted(index, lane, posted, thread)
    }
    return nil
  }

  /// The monitor, which polls while every handler is busy, takes only what a thread that may be
  /// started could run: the rest the front may give to another worker.
  private func mayTakePost(_ thread: HandlerThread) -> Bool {
    guard thread.isMonitor else { return true }
    lock.take()
    defer { lock.give() }
    return ready.count + slot.requestsInHand < max(1, slot.threadsAllowed)
  }

  // MARK: sleep

  /// Says to the fronts that this thread is about to sleep. False where a request is here already.
  func sleepsUnposted() -> Bool {
    var isEmpty = true
    for posted in letterboxes where !posted.box.workerMaySleep() { isEmpty = false }
    return isEmpty || !pollerIsHandler
  }

  func wokeUp() { for posted in letterboxes { posted.box.workerWoke() } }
}
