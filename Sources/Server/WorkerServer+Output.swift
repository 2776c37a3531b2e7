// WorkerServer+Output: what is sent after the application is done, and how connections end.
// Assembly.
internal import Configuration
internal import HTTP1
internal import Platform
internal import Scoreboard
internal import Synchronization

extension WorkerServer {
  /// Lets a connection go on that was handed back. False when the role was lost.
  func goOn(_ index: Int32, _ thread: HandlerThread) -> Bool {
    let connection = unsafe table[index]
    unsafe connection.pointee.isQueued = false
    switch unsafe connection.pointee.phase {
    case .free: return true
    case .sending: return pushTail(index, thread)
    case .waiting, .readingHead, .readingBody: return receive(index, thread)
    case .lingering:
      // A client that never stops sending must not outlive its time.
      if unsafe nowMs >= connection.pointee.deadlineMs {
        close(index)
      } else {
        drainLingering(index)
      }
      return true
    case .inApplication: break
    }
    guard unsafe connection.pointee.isReadyForNext else {
      settle(index)
      // The socket may have become writable while nobody watched it.
      return unsafe table[index].pointee.phase == .sending ? pushTail(index, thread) : true
    }
    return next(index, thread)
  }

  /// The response is over: waits for the next request, or serves it if it is here already.
  private func next(_ index: Int32, _ thread: HandlerThread) -> Bool {
    let connection = unsafe table[index]
    unsafe connection.pointee.phase = .waiting
    if unsafe connection.pointee.inputCount == 0 { awaitRequest(index) }
    return unsafe connection.pointee.phase == .waiting ? resume(index, thread) : true
  }

  /// Sends on, tears down or ends a connection that is not ready for another request.
  func settle(_ index: Int32) {
    let connection = unsafe table[index]
    if unsafe connection.pointee.isBroken {
      close(index)
    } else if unsafe connection.pointee.tail != nil {
      unsafe connection.pointee.phase = .sending
      unsafe showSending(connection)
      if unsafe connection.pointee.isLane {
        unsafe awaitRoom(connection.pointee.socket, token: table.token(index), true)
      }
      timers.schedule(index, deadlineMs: writeDeadlineMs(index))
    } else {
      beginClose(index)
    }
  }

  /// Sends more of a response. False when the role was lost by what came after it.
  func pushTail(_ index: Int32, _ thread: HandlerThread) -> Bool {
    let connection = unsafe table[index]
    let tail = unsafe connection.pointee.tail!.takeUnretainedValue()
    let sentBefore = tail.bytesSent
    let progress = unsafe tail.push(connection.pointee.socket)
    if unsafe connection.pointee.lane >= 0 { resumeLane(of: index, tail) }
    switch progress {
    case .starved:
      // It is the worker's turn, which has time limits of its own; or that of the upload.
      if unsafe arriving(connection) != nil {
        scheduleArriving(index)
      } else {
        timers.schedule(index, deadlineMs: .max - 1)
      }
      return true
    case .blocked:
      // Only progress buys time: a client that merely sends does not.
      if tail.bytesSent > sentBefore {
        timers.schedule(index, deadlineMs: writeDeadlineMs(index))
      }
      return true
    case .yielded:
      timers.schedule(index, deadlineMs: writeDeadlineMs(index))
      handBack(index)
      return true
    case .clientLeft:
      unsafe connection.pointee.isBroken = true
      close(index)
      return true
    case .done:
      if !tail.keepsAlive { unsafe connection.pointee.closesAfterResponse = true }
      dropTail(index, aborted: false)
      if unsafe connection.pointee.isLane {
        unsafe awaitRoom(connection.pointee.socket, token: table.token(index), false)
      }
      guard unsafe connection.pointee.isReadyForNext else {
        beginClose(index)
        return true
      }
      return next(index, thread)
    }
  }

  /// When a client that takes nothing is given up. A front is not: it has that rule for its client.
  private func writeDeadlineMs(_ index: Int32) -> Int64 {
    unsafe table[index].pointee.isLane ? .max - 1 : nowMs + settings.writeTimeoutMs
  }

  private func dropTail(_ index: Int32, aborted: Bool) {
    let connection = unsafe table[index]
    guard let unmanaged = unsafe connection.pointee.tail else { return }
    unsafe connection.pointee.tail = nil
    let tail = unsafe unmanaged.takeRetainedValue()
    if !tail.isCounted { unsafe count(laterBytes: tail.bytesSent, connection) }
    if let owner = unsafe tail.owner {
      lock.take()
      unsafe releases.append(owner)
      lock.give()
      hasReleases.store(true, ordering: .relaxed)
    }
    if let record = tail.record, let accessLog {
      unsafe record.complete(
        connection, bodyBytes: tail.bodyBytesSent, aborted: aborted, writer: accessLog)
    }
  }

  /// Gives lent objects back. On a handler thread, which may wait for the application's locks: not
  /// while holding the role, unless it may be taken away.
  func releaseOwners(_ thread: HandlerThread) {
    guard hasReleases.load(ordering: .relaxed) else { return }
    while true {
      lock.take()
      let owner = unsafe releases.popLast()
      if unsafe owner == nil { hasReleases.store(false, ordering: .relaxed) }
      lock.give()
      guard let owner = unsafe owner else { return }
      unsafe application.release(owner: owner, thread: thread.index)
    }
  }

  // MARK: Ends.

  /// Answers with an error page instead of serving, and ends the connection.
  ///
  /// - Parameter seen: what came of the head, for the access log; stays until this returns.
  func refuse(
    _ index: Int32, _ thread: HandlerThread, _ refusal: Refusal, seen: UnsafeBufferPointer<UInt8>
  ) {
    let connection = unsafe table[index]
    ErrorLog.write(
      .info,
      unsafe "Refused a request of \(connection.peerDescription) with \(refusal.status): "
        + "\(refusal.reason.sentence)")
    unsafe connection.pointee.closesAfterResponse = true
    unsafe connection.pointee.lingers = true
    let exchange = thread.exchange!
    unsafe exchange.openRefused(connection, seen: seen)
    exchange.respond(status: refusal.status)
    countAnswer(exchange)
    log(exchange)
    unsafe connection.pointee.take(exchange)
    exchange.tail = nil
    if let upload = unsafe connection.pointee.upload {
      unsafe upload.release()
      unsafe connection.pointee.upload = nil
    }
    settle(index)
  }

  /// Ends a connection in good order: what the client still sends is read for a while, because
  /// closing with unread bytes resets the connection and may destroy the response on its way
  /// (RFC 9112, section 9.6).
  func beginClose(_ index: Int32) {
    let connection = unsafe table[index]
    guard unsafe connection.pointee.lingers, settings.lingeringCloseMs > 0 else {
      close(index)
      return
    }
    unsafe connection.pointee.dropInput()
    unsafe connection.pointee.phase = .lingering
    lingering += 1
    unsafe show(connection, .closing)
    unsafe SocketIO.finishSending(connection.pointee.socket)
    timers.schedule(index, deadlineMs: nowMs + settings.lingeringCloseMs)
    drainLingering(index)
  }

  /// Throws away what a lingering client sends, until it closes.
  func drainLingering(_ index: Int32) {
    switch unsafe SocketIO.discard(table[index].pointee.socket) {
    case .wouldBlock: break
    case .moved: handBack(index)
    case .peerClosed, .failed: close(index)
    }
  }

  /// Closes the socket and gives back everything the connection holds.
  func close(_ index: Int32) {
    let connection = unsafe table[index]
    if unsafe connection.pointee.phase == .lingering { lingering -= 1 }
    if rule.heedsClaims && isClaiming(index) { claims -= 1 }
    if unsafe connection.pointee.lane >= 0 { unsafe abandonLane(of: connection) }
    dropTail(index, aborted: true)
    if let upload = unsafe connection.pointee.upload { unsafe upload.release() }
    unsafe SocketIO.closeIfOpen(connection.pointee.bodyFile)
    unsafe SocketIO.closeIfOpen(connection.pointee.bodySignal)
    if unsafe connection.pointee.isLane {
      lanes -= 1
      detach(index)
    }
    unsafe connection.pointee.dropInput()
    timers.cancel(index)
    unsafe show(connection, .ready)
    noteChange()
    if unsafe connection.pointee.resetsOnClose {
      unsafe SocketIO.reset(connection.pointee.socket)
    } else {
      unsafe SocketIO.close(connection.pointee.socket)
    }
    table.close(index)
    slot.setConnections(table.count - lanes)
    if listenAgainMs != .max { listenAgainMs = nowMs }
  }
}

extension UnsafeMutablePointer<Connection> {
  /// Lets a client go on that waits before it sends its body (RFC 9110, section 10.1.1).
  ///
  /// - Returns: false where the client is gone.
  func sendContinue() -> Bool {
    let line: StaticString = "HTTP/1.1 100 Continue\r\n\r\n"
    let count = line.utf8CodeUnitCount
    return unsafe SocketIO.send(pointee.socket, line.utf8Start, count: count) == .moved(count)
  }

  /// The client's address for messages.
  var peerDescription: String {
    unsafe clientText.isEmpty
      ? "a client on a Unix socket" : String(decoding: clientText, as: UTF8.self)
  }
}
