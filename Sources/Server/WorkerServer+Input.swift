// WorkerServer+Input: from received bytes to whole requests. Assembly.
internal import Configuration
internal import HTTP1
internal import Platform
internal import Scoreboard

extension WorkerServer {
  // MARK: Receiving.

  /// Receives (of 64 KiB each) that one connection may have before others get their turn.
  private static let receivesPerTurn = 4
  /// Bytes of a whole request head; a named bound over the sum of the single limits. Over it: 431.
  private static let headBytes = 131_072

  /// Reads what has arrived and serves what is whole. False when the role was lost.
  func receive(_ index: Int32, _ thread: HandlerThread) -> Bool {
    let connection = unsafe table[index]
    if unsafe connection.pointee.isLane { return receiveFrames(index, thread) }
    let generation = unsafe connection.pointee.generation
    unsafe connection.pointee.hasNews = false
    var turns = Self.receivesPerTurn
    while true {
      let transfer: Transfer
      let capacity: Int
      let usesOwnInput = unsafe connection.pointee.inputCount > 0
      if usesOwnInput {
        unsafe connection.pointee.reserve(2048)
        capacity = unsafe connection.pointee.inputCapacity - connection.pointee.inputCount
        transfer = unsafe SocketIO.receive(
          connection.pointee.socket,
          into: connection.pointee.input! + connection.pointee.inputCount, capacity: capacity)
      } else {
        capacity = HandlerThread.readCapacity
        transfer = unsafe SocketIO.receive(
          connection.pointee.socket, into: thread.input, capacity: capacity)
      }
      switch transfer {
      case .moved(let count):
        unsafe connection.pointee.receivedBytes += count
        // A full buffer: more may be there, and no event will tell (EPOLLET). Noted before anything
        // is served, because that may hand the connection over.
        unsafe connection.pointee.hasNews = count == capacity
        let holds: Bool
        if usesOwnInput {
          unsafe connection.pointee.inputCount += count
          holds = unsafe consume(
            index, thread, connection.pointee.input!, count: connection.pointee.inputCount)
        } else {
          holds = unsafe consume(index, thread, thread.input, count: count)
        }
        guard holds else { return false }
        guard unsafe connection.pointee.generation == generation,
          unsafe connection.pointee.isReading
        else {
          return true
        }
        turns -= 1
        if turns == 0 {
          // Others get their turn; this one comes back through the queue.
          unsafe connection.pointee.hasNews = true
          handBack(index)
          return true
        }
        // A short read emptied the socket (epoll(7)); only an end of file could be behind it.
        if unsafe count < capacity && !connection.pointee.peerClosed { return true }
      case .wouldBlock:
        unsafe connection.pointee.hasNews = false
        if unsafe drainMode == .stop && connection.pointee.isIdle { beginClose(index) }
        return true
      case .peerClosed, .failed:
        close(index)
        return true
      }
    }
  }

  /// Goes on with bytes that were kept, then with what the socket has. False when the role was
  /// lost.
  func resume(_ index: Int32, _ thread: HandlerThread) -> Bool {
    let connection = unsafe table[index]
    let generation = unsafe connection.pointee.generation
    if unsafe connection.pointee.inputCount > 0 && !connection.pointee.isLane {
      guard
        unsafe consume(
          index, thread, connection.pointee.input!, count: connection.pointee.inputCount)
      else { return false }
      guard unsafe connection.pointee.generation == generation, unsafe connection.pointee.isReading
      else {
        return true
      }
    }
    if unsafe connection.pointee.hasNews || connection.pointee.peerClosed {
      return receive(index, thread)
    }
    return true
  }

  /// Serves every whole request in `bytes`, and keeps the rest. False when the role was lost.
  private func consume(
    _ index: Int32, _ thread: HandlerThread, _ bytes: UnsafeMutablePointer<UInt8>, count: Int
  ) -> Bool {
    let connection = unsafe table[index]
    var position = 0
    if unsafe connection.pointee.awaitsProxyHeader {
      switch unsafe greet(connection, bytes, count: count) {
      case .taken(let length): position = length
      case .incomplete:
        unsafe connection.pointee.keep(bytes, count: count)
        awaitHead(index)
        return true
      case .refused:
        close(index)
        return true
      }
    }
    while true {
      if unsafe connection.pointee.phase == .readingBody {
        switch unsafe feedUpload(index, thread, bytes, count: count, position: &position) {
        case .holds: return true
        case .lostRole: return false
        case .next: continue
        }
      }
      if position == count {
        unsafe connection.pointee.dropInput()
        awaitRequest(index)
        return true
      }
      let start = unsafe bytes + position
      unsafe connection.pointee.client.count = 0
      switch unsafe thread.parser.parse(
        UnsafeBufferPointer(start: start, count: count - position),
        scanner: &connection.pointee.scanner)
      {
      case .needMoreBytes where count - position > Self.headBytes:
        unsafe refuse(
          index, thread, Refusal(.headTooLong),
          seen: UnsafeBufferPointer(start: start, count: count - position))
        return true
      case .needMoreBytes:
        unsafe connection.pointee.keep(start, count: count - position)
        awaitHead(index)
        return true
      case .refused(let refusal):
        let seen = unsafe UnsafeBufferPointer(start: start, count: count - position)
        let reason = unsafe self.refusal(refusal, connection, seen: seen)
        unsafe refuse(index, thread, reason, seen: seen)
        return true
      case .complete:
        unsafe connection.pointee.scanner = HeadScanner()
        if let refusal = unsafe heedProxies(connection, thread, start) {
          let seen = unsafe UnsafeBufferPointer(start: start, count: thread.parser.head.length)
          unsafe refuse(index, thread, refusal, seen: seen)
          return true
        }
        switch unsafe serve(index, thread, start, count: count - position) {
        case .served(let rest): position = count - rest
        case .collecting(let used): position += used
        case .handedOver: return true
        case .lostRole: return false
        }
      }
    }
  }

  private enum Fed {
    case holds, lostRole, next
  }

  /// Gives bytes to the body being collected, and serves the request when it is complete.
  private func feedUpload(
    _ index: Int32, _ thread: HandlerThread, _ bytes: UnsafeMutablePointer<UInt8>, count: Int,
    position: inout Int
  ) -> Fed {
    let connection = unsafe table[index]
    let upload = unsafe connection.pointee.upload!.takeUnretainedValue()
    switch unsafe upload.receive(
      UnsafeBufferPointer(start: bytes, count: count), position: &position)
    {
    case .needMoreBytes:
      unsafe connection.pointee.dropInput()
      unsafe timers.schedule(
        index,
        deadlineMs: bodyDeadlineMs(
          beganMs: connection.pointee.readBeganMs, received: connection.pointee.receivedBytes))
      if upload.mayStream { beginStreaming(index, upload, thread) }
      return .holds
    case .refused(let refusal):
      unsafe refuse(index, thread, refusal, seen: upload.headSeen)
      return .holds
    case .failed:
      unsafe refuse(index, thread, Refusal(.bodyNotStored), seen: upload.headSeen)
      return .holds
    case .complete:
      unsafe connection.pointee.upload!.release()
      unsafe connection.pointee.upload = nil
      switch unsafe serve(
        upload, index, thread, rest: bytes + position, restCount: count - position)
      {
      case .served, .collecting: return .next
      case .handedOver: return .holds
      case .lostRole: return .lostRole
      }
    }
  }

  // MARK: Waiting for more.

  /// The connection waits for its next request.
  func awaitRequest(_ index: Int32) {
    let connection = unsafe table[index]
    guard unsafe !connection.pointee.isLane else {
      return unsafe connection.pointee.phase = .waiting
    }
    guard drainMode != .stop else {
      // The response promised to go on, and then came the order to stop.
      unsafe connection.pointee.lingers = true
      beginClose(index)
      return
    }
    unsafe connection.pointee.phase = .waiting
    if unsafe connection.pointee.answered > 0 {
      unsafe show(connection, .keepAlive)
      timers.schedule(index, deadlineMs: nowMs + settings.keepAliveMs)
    }
  }

  /// The connection waits for the rest of a head (mod_reqtimeout: header=20-40,MinRate=500).
  private func awaitHead(_ index: Int32) {
    let connection = unsafe table[index]
    if unsafe connection.pointee.phase != .readingHead {
      unsafe connection.pointee.phase = .readingHead
      unsafe show(connection, .reading)
      if unsafe connection.pointee.answered > 0 { unsafe connection.pointee.readBeganMs = nowMs }
      unsafe connection.pointee.receivedBytes = unsafe connection.pointee.inputCount
    }
    unsafe timers.schedule(
      index,
      deadlineMs: deadlineMs(
        beganMs: connection.pointee.readBeganMs, received: connection.pointee.receivedBytes,
        first: settings.headTimeoutMs, last: settings.headTimeoutMaxMs,
        minimumRate: settings.headMinRate))
  }

  /// Begins to collect a body (mod_reqtimeout: body=20,MinRate=500).
  func awaitBody(_ index: Int32, _ upload: Upload) {
    let connection = unsafe table[index]
    unsafe connection.pointee.phase = .readingBody
    unsafe show(connection, .reading)
    unsafe connection.pointee.upload = unsafe Unmanaged.passRetained(upload)
    unsafe connection.pointee.readBeganMs = nowMs
    unsafe connection.pointee.receivedBytes = 0
    timers.schedule(index, deadlineMs: bodyDeadlineMs(beganMs: nowMs, received: 0))
  }

  /// When a body that began at `beganMs` and of which `received` bytes came is too slow.
  func bodyDeadlineMs(beganMs: Int64, received: Int) -> Int64 {
    deadlineMs(
      beganMs: beganMs, received: received, first: settings.bodyTimeoutMs,
      last: settings.bodyTimeoutMaxMs, minimumRate: settings.bodyMinRate)
  }

  /// mod_reqtimeout's rule: `first` milliseconds, and a second more for each `minimumRate` bytes,
  /// up to `last` (0: without end). A `first` of 0 is no limit, a rate of 0 a fixed time.
  private func deadlineMs(
    beganMs: Int64, received: Int, first: Int64, last: Int64, minimumRate: Int
  ) -> Int64 {
    guard first > 0 else { return .max - 1 }
    guard minimumRate > 0 else { return beganMs + first }
    let allowed = first + Int64(received / minimumRate) * 1000
    return beganMs + (last > 0 ? min(allowed, last) : allowed)
  }

  /// The deadline of connection `index` is over.
  func expire(_ index: Int32, _ thread: HandlerThread) {
    if relay != nil && expireArriving(index, thread) { return }
    guard unsafe !table[index].pointee.isQueued else {
      // Its turn comes first; an index in a queue must stay that connection's.
      timers.schedule(index, deadlineMs: nowMs + 1)
      return
    }
    switch unsafe table[index].pointee.phase {
    case .free, .inApplication:
      break
    case .waiting, .lingering:
      close(index)
    case .readingHead:
      let connection = unsafe table[index]
      unsafe refuse(
        index, thread, Refusal(.headTimedOut),
        seen: UnsafeBufferPointer(
          start: connection.pointee.input, count: connection.pointee.inputCount))
    case .readingBody:
      let upload = unsafe table[index].pointee.upload!.takeUnretainedValue()
      unsafe refuse(index, thread, Refusal(.bodyTimedOut), seen: upload.headSeen)
    case .sending:
      ErrorLog.write(
        .info,
        "A client took no byte of its response for \(settings.writeTimeoutMs) ms "
          + "(--write-timeout); its connection is closed.")
      unsafe table[index].pointee.isBroken = true
      unsafe table[index].pointee.resetsOnClose = true
      close(index)
    }
  }
}

extension Connection {
  /// Whether nothing of a request has come.
  var isIdle: Bool { phase == .waiting && inputCount == 0 }

  /// Whether bytes of a request are awaited.
  var isReading: Bool {
    phase == .waiting || phase == .readingHead || phase == .readingBody
  }
}
