// WorkerServer+RelayResponse: in a front: responses of workers to their clients. Assembly.
internal import AccessLog
internal import Bytes
internal import Control
internal import Frames
internal import HTTP1
internal import Platform
internal import Scoreboard
internal import Synchronization

extension WorkerServer {
  /// Receives that one lane may have before others get their turn.
  private static let receivesPerTurn = 4

  /// Something happened on a lane.
  func laneEvent(_ token: UInt64, _ events: Epoll.Events, _ thread: HandlerThread) {
    guard let relay, let lane = relay.lane(token) else { return }
    let hadOutput = lane.output.count > 0
    if !events.isDisjoint(with: [.peerClosed, .hangup, .error]) { lane.peerClosed = true }
    while lane.output.count > 0 {
      let bytes = unsafe lane.output.bytes
      guard
        case .moved(let count) = unsafe SocketIO.send(
          lane.socket, bytes.baseAddress!, count: bytes.count)
      else { break }
      lane.output.drop(count)
    }
    if hadOutput && lane.output.count == 0 {
      awaitRoom(lane.socket, token: Token.lane(lane), false)
    }
    if !lane.isPaused { readLane(lane, relay, thread) }
  }

  /// Reads what the worker has sent, and passes it on.
  private func readLane(_ lane: Lane, _ relay: Relay, _ thread: HandlerThread) {
    var turns = Self.receivesPerTurn
    while true {
      let kept = lane.input.count
      if kept > 0 {
        unsafe thread.input.update(from: lane.input.bytes.baseAddress!, count: kept)
        lane.input.removeAll()
      }
      let capacity = thread.inputCapacity - kept
      switch unsafe SocketIO.receive(lane.socket, into: thread.input + kept, capacity: capacity) {
      case .moved(let count):
        let before = lane.generation
        guard unsafe take(thread.input, count: kept + count, lane, relay, thread) else { return }
        guard relay.lanes[lane.number]?.generation == before, !lane.isPaused else { return }
        turns -= 1
        // A short read emptied the socket, but the end may be behind it and is not told twice.
        if count < capacity && !lane.peerClosed { return }
        if turns == 0 {
          // It comes back with the next round: level changes are not told twice.
          relay.again.append(lane)
          hasHandBacks.store(true, ordering: .releasing)
          return
        }
      case .wouldBlock:
        if kept > 0 {
          unsafe lane.input.append(UnsafeBufferPointer(start: thread.input, count: kept))
        }
        return
      case .peerClosed, .failed:
        return laneBroke(lane, relay, thread)
      }
    }
  }

  /// Goes through the frames in `bytes`. False where the lane is gone.
  func take(
    _ bytes: UnsafeMutablePointer<UInt8>, count: Int, _ lane: Lane, _ relay: Relay,
    _ thread: HandlerThread
  ) -> Bool {
    var position = 0
    while position < count {
      if lane.bodyLeft > 0 {
        let some = min(lane.bodyLeft, count - position)
        unsafe passOn(
          UnsafeRawBufferPointer(start: bytes + position, count: some), lane, relay, thread)
        position += some
        lane.bodyLeft -= some
        if lane.bodyLeft == 0 && lane.bodyIsLast {
          guard endResponse(lane, relay, thread) else { return false }
        }
        continue
      }
      let seen = unsafe UnsafeBufferPointer(start: bytes + position, count: count - position)
      guard seen.count >= FrameHeader.byteCount else {
        unsafe lane.input.append(seen)
        return true
      }
      guard let header = unsafe FrameHeader(decoding: seen) else {
        return refuseLane(lane, relay, thread)
      }
      switch (header.kind, lane.state) {
      case (.pong, _) where header.length == 0:
        position += FrameHeader.byteCount
      case (.body, .streaming), (.body, .discarding):
        position += FrameHeader.byteCount
        lane.bodyLeft = header.length
        lane.bodyIsLast = header.isLast
        if header.length == 0 && header.isLast {
          guard endResponse(lane, relay, thread) else { return false }
        }
      case (.abort, .streaming), (.abort, .discarding):
        guard header.length == 0, seen.count == FrameHeader.byteCount else {
          return refuseLane(lane, relay, thread)
        }
        return abortResponse(lane, relay, thread)
      case (.head, .awaitingHead), (.head, .discarding):
        let total = FrameHeader.byteCount + header.length
        guard total <= lane.worker.group.responseHeadBytes + HandlerThread.headOverhead else {
          return refuseLane(lane, relay, thread)
        }
        guard seen.count >= total else {
          unsafe lane.input.append(seen)
          return true
        }
        position += total
        let payload = unsafe UnsafeBufferPointer(rebasing: seen[FrameHeader.byteCount..<total])
        if lane.state == .discarding { continue }
        guard let response = unsafe ResponseFrame(decoding: payload) else {
          return refuseLane(lane, relay, thread)
        }
        let rest = unsafe UnsafeBufferPointer(rebasing: seen[total...])
        let used = unsafe beginResponse(response, payload, rest: rest, lane, relay, thread)
        guard used >= 0 else { return false }
        position += used
      default:
        return refuseLane(lane, relay, thread)
      }
    }
    return true
  }

  func refuseLane(_ lane: Lane, _ relay: Relay, _ thread: HandlerThread) -> Bool {
    ErrorLog.write(
      .error,
      "The worker with pid \(lane.worker.pid) sent what is no response; its lane is closed. Look "
        + "for code in the application that tampers with the server's descriptors.")
    laneBroke(lane, relay, thread)
    return false
  }

  /// The head of a response is here. Where all of its body came along, the worker gets its next
  /// request first, and then the client its response, at once.
  ///
  /// - Returns: bytes of `rest` that were used; -1 where the lane is gone.
  private func beginResponse(
    _ response: ResponseFrame, _ payload: UnsafeBufferPointer<UInt8>,
    rest: UnsafeBufferPointer<UInt8>, _ lane: Lane, _ relay: Relay, _ thread: HandlerThread
  ) -> Int {
    let carried = Carried(lane)
    let head = unsafe UnsafeBufferPointer(rebasing: payload[ResponseFrame.fixedBytes...])
    let exchange: Exchange = thread.exchange
    if rest.count >= FrameHeader.byteCount, let body = unsafe FrameHeader(decoding: rest),
      body.kind == .body, body.isLast, rest.count >= FrameHeader.byteCount + body.length
    {
      let total = FrameHeader.byteCount + body.length
      guard rest.count == total else { return refuseLane(lane, relay, thread) ? 0 : -1 }
      let isThere = freeLane(lane, relay)
      dispatchQueue(of: lane.worker.group, relay, thread)
      openAnswer(carried, thread)
      unsafe exchange.beginHead(relaying: response, head)
      unsafe exchange.finish(
        copying: UnsafeRawBufferPointer(
          UnsafeBufferPointer(rebasing: rest[FrameHeader.byteCount..<total])))
      exchange.tail?.isCounted = true
      conclude(carried, thread)
      return isThere ? total : -1
    }
    openAnswer(carried, thread)
    unsafe exchange.beginHead(relaying: response, head)
    exchange.beginStream(lane.worker.group)
    exchange.tail?.isCounted = true
    lane.state = .streaming
    let connection = unsafe table[carried.index]
    log(exchange)
    unsafe connection.pointee.take(exchange)
    exchange.tail = nil
    // The application may go on to read a body that arrives.
    if unsafe arriving(connection) == nil { dropRequest(carried) }
    settle(carried.index)
    if unsafe arriving(connection) != nil { scheduleArriving(carried.index) }
    return 0
  }

  /// Opens the thread's exchange on a request that was relayed, to answer it.
  func openAnswer(_ carried: Carried, _ thread: HandlerThread) {
    let connection = unsafe table[carried.index]
    let exchange: Exchange = thread.exchange
    // The log shows fields; what else is wanted of a request is known.
    if accessLog != nil || carried.head == nil { unsafe parseAgain(connection, thread) }
    let head: UnsafePointer<UInt8>
    if let upload = unsafe connection.pointee.upload {
      unsafe head = unsafe UnsafePointer(upload.takeUnretainedValue().head)
      // Where its next request begins is not known yet.
      if unsafe arriving(connection) != nil {
        unsafe connection.pointee.closesAfterResponse = true
        unsafe connection.pointee.lingers = true
      }
    } else {
      unsafe head = unsafe UnsafePointer(connection.pointee.input!)
    }
    if accessLog == nil, let parsed = carried.head {
      unsafe exchange.open(connection, head: head, parsed: parsed)
    } else {
      unsafe exchange.open(connection, head: head)
    }
    exchange.requestID = carried.requestID
    exchange.handler = .application
    if accessLog != nil { exchange.beganMicroseconds = unsafe connection.pointee.queuedUs }
  }

  /// After a response that went out, or stands in a tail: the connection goes on.
  func conclude(_ carried: Carried, _ thread: HandlerThread) {
    let connection = unsafe table[carried.index]
    let exchange: Exchange = thread.exchange
    log(exchange)
    unsafe connection.pointee.take(exchange)
    exchange.tail = nil
    dropRequest(carried)
    unsafe connection.pointee.lane = -1
    _ = goOn(carried.index, thread)
  }

  /// The request is answered, or its response is under way: what stands behind it stays.
  private func dropRequest(_ carried: Carried) {
    let connection = unsafe table[carried.index]
    if let upload = unsafe connection.pointee.upload {
      unsafe upload.release()
      unsafe connection.pointee.upload = nil
    } else if let input = unsafe connection.pointee.input {
      unsafe connection.pointee.keep(
        input + carried.consumed, count: connection.pointee.inputCount - carried.consumed)
    }
  }

  /// Part of a response's body.
  private func passOn(
    _ bytes: UnsafeRawBufferPointer, _ lane: Lane, _ relay: Relay, _ thread: HandlerThread
  ) {
    guard lane.state == .streaming, let tail = unsafe table[lane.connection].pointee.tail else {
      return
    }
    let stream = unsafe tail.takeUnretainedValue()
    unsafe stream.append(body: bytes)
    _ = pushTail(lane.connection, thread)
    // The client may be gone now, and the lane with it.
    if lane.state == .streaming && stream.isFull { lane.isPaused = true }
  }

  /// A response that was passed on part by part is whole. False where the lane is gone.
  private func endResponse(_ lane: Lane, _ relay: Relay, _ thread: HandlerThread) -> Bool {
    let index = lane.connection
    let wasStreaming = lane.state == .streaming
    let isThere = freeLane(lane, relay)
    dispatchQueue(of: lane.worker.group, relay, thread)
    if wasStreaming, let tail = unsafe table[index].pointee.tail {
      unsafe table[index].pointee.lane = -1
      unsafe tail.takeUnretainedValue().endStream()
      _ = pushTail(index, thread)
    }
    return isThere
  }

  /// The worker gave a response up: the client must see that it is not whole. False where the lane
  /// is gone.
  private func abortResponse(_ lane: Lane, _ relay: Relay, _ thread: HandlerThread) -> Bool {
    let index = lane.connection
    let wasStreaming = lane.state == .streaming
    let isThere = freeLane(lane, relay)
    if wasStreaming { breakOff(index) }
    dispatchQueue(of: lane.worker.group, relay, thread)
    return isThere
  }

  /// Ends a client's connection in the middle of its response.
  private func breakOff(_ index: Int32) {
    let connection = unsafe table[index]
    unsafe connection.pointee.lane = -1
    unsafe connection.pointee.isBroken = true
    unsafe connection.pointee.resetsOnClose = true
    close(index)
  }

  /// Lets a lane go that has done its request. False where it was closed.
  func freeLane(_ lane: Lane, _ relay: Relay) -> Bool {
    lane.bodyIsLast = false
    if relay.give(lane) { return true }
    close(lane, relay)
    return false
  }

  /// Answers the request of a lane with an error page.
  func answer(_ carried: Carried, _ thread: HandlerThread, status: Int) {
    openAnswer(carried, thread)
    thread.exchange.respond(status: status)
    countAnswer(thread.exchange)
    conclude(carried, thread)
  }

  /// More of a response went to the client: the worker may go on.
  func resumeLane(of index: Int32, _ tail: ResponseTail) {
    let number = unsafe table[index].pointee.lane
    guard let relay, number >= 0, let lane = relay.lanes[Int(number)], lane.isPaused,
      tail.isNearlyEmpty
    else { return }
    lane.isPaused = false
    relay.again.append(lane)
    hasHandBacks.store(true, ordering: .releasing)
  }

  /// Reads lanes that had to wait for their turn.
  func readWaitingLanes(_ thread: HandlerThread) {
    guard let relay, !relay.again.isEmpty else { return }
    let waiting = relay.again
    relay.again = []
    for lane in waiting where relay.lanes[lane.number] === lane && !lane.isPaused {
      readLane(lane, relay, thread)
    }
  }

  // MARK: ends

  /// The client of a request that waits, or is with a worker, closed its connection.
  func clientLeft(_ index: Int32) {
    let connection = unsafe table[index]
    unsafe connection.pointee.isBroken = true
    // One that waits is dropped when its turn comes, or when the queue is full.
    if unsafe connection.pointee.isQueued {
      unsafe relay?.groups[Int(connection.pointee.group)].leavers += 1
    } else {
      close(index)
    }
  }

  /// The client is gone: the worker is told, and what it still sends is thrown away.
  func abandonLane(of connection: UnsafeMutablePointer<Connection>) {
    let number = unsafe connection.pointee.lane
    guard let relay, number >= 0, let lane = relay.lanes[Int(number)] else { return }
    unsafe connection.pointee.lane = -1
    if lane.place >= 0, lane.worker.shared?.box.takeBack(lane.place) == true {
      _ = freeLane(lane, relay)
      return
    }
    lane.worker.board.setAbandoned(lane.requestID, lane: lane.word)
    lane.state = .discarding
    lane.connection = -1
    if lane.isPaused {
      lane.isPaused = false
      relay.again.append(lane)
      hasHandBacks.store(true, ordering: .releasing)
    }
  }

  /// A worker closed its end, or is gone.
  func laneBroke(_ lane: Lane, _ relay: Relay, _ thread: HandlerThread) {
    // It may have answered before it ended.
    takeLastAnswer(lane, relay, thread)
    guard relay.lanes[lane.number] === lane else { return }
    let index = lane.connection
    let state = lane.state
    if lane.place >= 0 { _ = lane.worker.shared?.box.takeBack(lane.place) }
    let wasBegun = lane.worker.board.begunRequest(lane: lane.word) == lane.requestID
    if !lane.worker.isRetired {
      // The worker may live on; then it gets another lane.
      control.send(
        .laneEnded(slot: lane.worker.slot, pid: lane.worker.pid, word: lane.word))
    }
    if index >= 0 && state == .awaitingHead && !wasBegun {
      // Nobody has seen it: it waits again, before all others.
      unsafe table[index].pointee.lane = -1
      unsafe table[index].pointee.isQueued = true
      let group = lane.worker.group
      group.queue.pushFirst(index)
      close(lane, relay)
      return dispatchQueue(of: group, relay, thread)
    }
    if index >= 0 && state == .awaitingHead {
      let carried = Carried(lane)
      let pid = lane.worker.pid
      let limitMs = lane.worker.group.timeoutMs
      let status = limitMs > 0 && nowMs - lane.sentMs > limitMs ? 504 : 502
      close(lane, relay)
      openAnswer(carried, thread)
      ErrorLog.write(
        .error,
        "\(thread.exchange.label): the worker with pid \(pid) ended before it answered; the "
          + "client gets \(status)")
      answer(carried, thread, status: status)
    } else if index >= 0 && state == .streaming {
      close(lane, relay)
      breakOff(index)
    } else {
      close(lane, relay)
    }
    dispatchQueue(of: lane.worker.group, relay, thread)
  }

  func close(_ lane: Lane, _ relay: Relay) {
    relay.remove(lane)
    if lane.worker.lanes == 0, let shared = lane.worker.shared { epoll.remove(shared.bell.number) }
    noteWorkers(lane.worker.group)
    lane.input.removeAll()
    lane.output.removeAll()
    SocketIO.close(lane.socket)
  }
}
