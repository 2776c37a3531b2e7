// WorkerServer+Lanes: requests that come from a front, in frames. Assembly.
//
// A lane is one end of a Unix socket pair whose other end a front has; it carries one request at a
// time (docs/frames.md). It stands in the table of connections like a client's, and goes through
// the same phases, with these differences:
//
//   - The body is there when the request is: in the frame, or in a file that came along.
//   - It has no time limits of its own: the front has those of its client.
//   - Only the front ends it. A worker that drains serves what comes until every lane is closed.
internal import Bytes
internal import Frames
internal import HTTP1
internal import Platform
internal import Scoreboard
internal import Synchronization

extension WorkerServer {
  /// Bytes of a request frame at most: a head and its fields, texts, and a short body.
  private static let mostFrameBytes = 1 << 20

  /// What is waited for on a lane. A Unix socket becomes "writable" with each read of the other
  /// side, full or not, which would be a wake-up for nothing with each message.
  static let laneEvents: Epoll.Events = [.readable, .peerClosed, .edgeTriggered]

  /// Waits, or does not wait any more, for room in the socket of a lane, on either side of it.
  func awaitRoom(_ socket: Int32, token: UInt64, _ isFull: Bool) {
    // It fails only for a socket that is gone.
    try? epoll.modify(
      socket, isFull ? Self.laneEvents.union(.writable) : Self.laneEvents, token: token)
  }

  /// Serves the requests that come over these sockets, which are owned from now on.
  func takeLanes(_ sockets: [Int32], firstWord: Int) {
    for (offset, socket) in sockets.enumerated() {
      let index = table.open(socket)
      guard index >= 0 else {
        SocketIO.close(socket)
        continue
      }
      lanes += 1
      unsafe table[index].pointee.isLane = true
      attach(index, word: firstWord + offset)
      do {
        try epoll.add(socket, Self.laneEvents, token: table.token(index))
      } catch {
        ErrorLog.write(.error, "Cannot wait for requests of a front: \(error).")
        close(index)
      }
    }
  }

  /// Reads what a front sends and serves a request that is whole. False when the role was lost.
  func receiveFrames(_ index: Int32, _ thread: HandlerThread) -> Bool {
    let connection = unsafe table[index]
    unsafe connection.pointee.hasNews = false
    if !letterboxes.isEmpty, let holds = servePostedLate(index, thread) { return holds }
    while true {
      let keepsInput = unsafe connection.pointee.inputCount > 0
      if keepsInput { unsafe connection.pointee.reserve(16_384) }
      let capacity =
        unsafe keepsInput
        ? connection.pointee.inputCapacity - connection.pointee.inputCount
        : HandlerThread.readCapacity
      let place =
        unsafe keepsInput
        ? connection.pointee.input! + connection.pointee.inputCount : thread.input
      var file: Int32 = -1
      var signal: Int32 = -1
      let transfer = unsafe SocketIO.receive(
        connection.pointee.socket, into: place, capacity: capacity, descriptor: &file,
        second: &signal)
      if signal >= 0 {
        unsafe SocketIO.closeIfOpen(connection.pointee.bodySignal)
        unsafe connection.pointee.bodySignal = signal
      }
      if file >= 0 {
        unsafe SocketIO.closeIfOpen(connection.pointee.bodyFile)
        unsafe connection.pointee.bodyFile = file
      }
      switch transfer {
      case .moved(let count):
        let bytes: UnsafeMutablePointer<UInt8>
        let total: Int
        if keepsInput {
          unsafe connection.pointee.inputCount += count
          unsafe bytes = unsafe connection.pointee.input!
          total = unsafe connection.pointee.inputCount
        } else {
          unsafe bytes = unsafe thread.input
          total = count
        }
        switch unsafe frame(bytes, count: total) {
        case .incomplete:
          unsafe connection.pointee.keep(bytes, count: total)
        case .request:
          return unsafe serveFrame(index, thread, bytes, count: total)
        case .ping:
          unsafe connection.pointee.dropInput()
          unsafe answerPing(connection)
        case .broken:
          ErrorLog.write(.error, "A front sent what is no frame; its lane is closed.")
          close(index)
          return true
        }
      case .wouldBlock:
        return true
      case .peerClosed, .failed:
        close(index)
        return true
      }
    }
  }

  enum Arrived {
    case incomplete, request, ping, broken
  }

  /// What stands in `bytes`: at most one frame, because a front waits for the answer.
  func frame(_ bytes: UnsafePointer<UInt8>, count: Int) -> Arrived {
    guard count >= FrameHeader.byteCount else { return .incomplete }
    let seen = unsafe UnsafeBufferPointer(start: bytes, count: count)
    guard let header = unsafe FrameHeader(decoding: seen), header.length <= Self.mostFrameBytes
    else { return .broken }
    let total = FrameHeader.byteCount + header.length
    guard count >= total else { return .incomplete }
    switch header.kind {
    case .request where count == total: return .request
    case .ping where count == total: return .ping
    default: return .broken
    }
  }

  private func answerPing(_ connection: UnsafeMutablePointer<Connection>) {
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: FrameHeader.byteCount) { place in
      var writer = unsafe ByteWriter(base: place.baseAddress!, capacity: place.count)
      FrameHeader(.pong).encode(into: &writer)
      _ = unsafe SocketIO.send(connection.pointee.socket, writer.base, count: writer.count)
    }
  }

  /// Serves the request frame in `bytes`. False when the role was lost.
  ///
  /// - Parameter isPosted: it came through the letterbox that the exchange has; so may the answer.
  func serveFrame(
    _ index: Int32, _ thread: HandlerThread, _ bytes: UnsafeMutablePointer<UInt8>, count: Int,
    isPosted: Bool = false
  ) -> Bool {
    let connection = unsafe table[index]
    if !isPosted || thread.isMonitor { thread.exchange.postedLane = -1 }
    if thread.isMonitor {
      // The first idle handler reads it again.
      unsafe enqueueFrame(connection, index, bytes, count: count)
      return true
    }
    guard unsafe openFrame(index, thread, bytes, count: count) else { return true }
    unsafe connection.pointee.phase = .inApplication
    beginLane(thread.exchange)
    let holds = runApplication(thread)
    return concludeFrame(index, thread, holdsRole: holds)
  }

  private func enqueueFrame(
    _ connection: UnsafeMutablePointer<Connection>, _ index: Int32,
    _ bytes: UnsafeMutablePointer<UInt8>, count: Int
  ) {
    unsafe connection.pointee.phase = .inApplication
    unsafe connection.pointee.isQueued = true
    unsafe connection.pointee.keep(bytes, count: count)
    unsafe connection.pointee.wholeMs = nowMs
    lock.take()
    ready.push(index)
    showReadyQueue()
    lock.give()
    hasHandBacks.store(true, ordering: .releasing)
  }

  /// Answers a request frame from the ready queue. Returns whether the thread holds the role.
  func serveQueuedFrame(_ index: Int32, _ thread: HandlerThread, holdsRole: Bool) -> Bool {
    let connection = unsafe table[index]
    let bytes = unsafe connection.pointee.input!
    let count = unsafe connection.pointee.inputCount
    thread.exchange.postedLane = -1
    guard unsafe openFrame(index, thread, bytes, count: count) else { return holdsRole }
    beginLane(thread.exchange)
    let holds = holdsRole ? runApplication(thread) : runWithoutRole(thread)
    _ = concludeFrame(index, thread, holdsRole: holds, wasQueued: true)
    return holds
  }

  /// Opens the thread's exchange on the frame; false where it is none, and the lane was closed.
  private func openFrame(
    _ index: Int32, _ thread: HandlerThread, _ bytes: UnsafeMutablePointer<UInt8>, count: Int
  ) -> Bool {
    let connection = unsafe table[index]
    let payload = unsafe UnsafeBufferPointer(
      start: bytes + FrameHeader.byteCount, count: count - FrameHeader.byteCount)
    guard let request = unsafe ReceivedRequest(decoding: payload, fields: thread.frameFields),
      unsafe request.frame.hasBodyFile == (connection.pointee.bodyFile >= 0),
      unsafe request.frame.isArriving == (connection.pointee.bodySignal >= 0),
      Int(request.frame.lane) < slot.lanes
    else {
      ErrorLog.write(.error, "A front sent a request that cannot be; its lane is closed.")
      close(index)
      return false
    }
    unsafe connection.pointee.isUnixSocket = request.frame.isUnixSocket
    unsafe connection.pointee.peer.set(request.peer, port: request.frame.peerPort)
    unsafe connection.pointee.local.set(request.local, port: request.frame.localPort)
    unsafe thread.exchange.open(connection, request, fields: thread.frameFields)
    return true
  }

  /// From now on the request is this worker's: nobody else may run it.
  private func beginLane(_ exchange: Exchange) {
    slot.setBegun(exchange.requestID, lane: exchange.lane)
  }

  /// After the response: the lane waits for its next request. False when the role was lost.
  private func concludeFrame(
    _ index: Int32, _ thread: HandlerThread, holdsRole: Bool, wasQueued: Bool = false
  ) -> Bool {
    let exchange: Exchange = thread.exchange
    let connection = unsafe table[index]
    unsafe connection.pointee.take(exchange)
    // With a tail the response is not with the front yet: should this worker die, the request
    // counts as begun.
    if exchange.tail == nil { slot.setBegun(0, lane: exchange.lane) }
    exchange.tail = nil
    exchange.body = .none
    unsafe connection.pointee.dropInput()
    if retireAfter != .max { served.wrappingAdd(1, ordering: .relaxed) }
    if unsafe holdsRole && !wasQueued && connection.pointee.isReadyForNext {
      unsafe connection.pointee.phase = .waiting
      // What came meanwhile would not be told again.
      return unsafe connection.pointee.hasNews || connection.pointee.peerClosed
        ? receiveFrames(index, thread) : true
    }
    handBack(index)
    return holdsRole
  }
}
