// WorkerServer+Input: from accepted connections and received bytes to whole requests. Assembly.
internal import HTTP1
internal import Platform

extension WorkerServer {
  // MARK: Accepting.

  /// Connections taken per event. With several workers one at a time, so that each takes what it can
  /// serve; the listener stays readable for the others.
  private var acceptShare: Int { settings.workers > 1 ? 1 : 64 }

  /// Starts accepting.
  func listen() {
    listenAgainMs = .max
    guard drainMode == .none, !isListening else { return }
    for (position, listener) in listeners.enumerated() {
      let token = Token.firstListener + UInt64(position)
      do {
        try epoll.add(listener, [.readable, .exclusive], token: token)
      } catch {
        ErrorLog.write(.error, "Cannot wait for connections on descriptor \(listener): \(error).")
      }
    }
    isListening = true
  }

  /// Stops accepting. What the kernel announced to this process alone is taken first: nobody else
  /// would be woken for it.
  func stopListening() {
    guard isListening else { return }
    isListening = false
    for listener in listeners { epoll.remove(listener) }
    for position in listeners.indices { take(position, share: .max) }
  }

  func accept(_ position: Int) {
    guard isListening else { return }
    take(position, share: acceptShare)
  }

  private func take(_ position: Int, share: Int) {
    var left = share
    while left > 0 && table.count < table.capacity {
      left -= 1
      switch SocketIO.accept(listeners[position]) {
      case .connection(let socket):
        open(socket, isUnix: listenersAreUnix[position])
      case .none:
        return
      case .exhausted(let code):
        ErrorLog.write(
          .error,
          "Cannot accept a connection: \(SystemCallError("accept4", code: code).reason); "
            + "trying again in a second. Raise the limit of open files (ulimit -n), or lower "
            + "--worker-connections (now \(settings.maxConnections)).")
        pauseListening(forMs: 1000)
        return
      }
    }
    if table.count == table.capacity && isListening {
      ErrorLog.write(
        .warn,
        "This worker holds \(table.count) connections, its limit (--worker-connections); new ones "
          + "wait in the backlog.")
      pauseListening(forMs: 100)
    }
  }

  private func pauseListening(forMs pause: Int64) {
    guard isListening else { return }
    isListening = false
    for listener in listeners { epoll.remove(listener) }
    listenAgainMs = nowMs + pause
  }

  private func open(_ socket: Int32, isUnix: Bool) {
    let index = table.open(socket)
    guard index >= 0 else {
      SocketIO.close(socket)
      return
    }
    let connection = table[index]
    connection.pointee.isUnixSocket = isUnix
    if !isUnix {
      connection.pointee.peer = EndpointText(.peer, of: socket)
      connection.pointee.local = EndpointText(.local, of: socket)
    }
    do {
      try epoll.add(
        socket, [.readable, .writable, .peerClosed, .edgeTriggered], token: table.token(index))
    } catch {
      close(index)
      return
    }
    slot.setConnections(table.count)
    connection.pointee.readBeganMs = nowMs
    timers.schedule(index, deadlineMs: nowMs + settings.headTimeoutMs)
    if drainMode != .none { connection.pointee.closesAfterResponse = true }
  }

  // MARK: Receiving.

  /// Reads what has arrived and serves what is whole. False when the role was lost.
  func receive(_ index: Int32, _ thread: HandlerThread) -> Bool {
    let connection = table[index]
    let generation = connection.pointee.generation
    connection.pointee.hasNews = false
    while true {
      let transfer: Transfer
      let capacity: Int
      let usesOwnInput = connection.pointee.inputCount > 0
      if usesOwnInput {
        connection.pointee.reserve(2048)
        capacity = connection.pointee.inputCapacity - connection.pointee.inputCount
        transfer = SocketIO.receive(
          connection.pointee.socket,
          into: connection.pointee.input! + connection.pointee.inputCount, capacity: capacity)
      } else {
        capacity = HandlerThread.readCapacity
        transfer = SocketIO.receive(
          connection.pointee.socket, into: thread.input, capacity: capacity)
      }
      switch transfer {
      case .moved(let count):
        connection.pointee.receivedBytes += count
        let holds: Bool
        if usesOwnInput {
          connection.pointee.inputCount += count
          holds = consume(
            index, thread, connection.pointee.input!, count: connection.pointee.inputCount)
        } else {
          holds = consume(index, thread, thread.input, count: count)
        }
        guard holds else { return false }
        guard connection.pointee.generation == generation, connection.pointee.isReading else {
          return true
        }
        // A short read emptied the socket (epoll(7)); only an end of file could be behind it.
        if count < capacity && !connection.pointee.peerClosed { return true }
      case .wouldBlock:
        return true
      case .peerClosed, .failed:
        close(index)
        return true
      }
    }
  }

  /// Goes on with bytes that were kept, then with what the socket has. False when the role was lost.
  func resume(_ index: Int32, _ thread: HandlerThread) -> Bool {
    let connection = table[index]
    let generation = connection.pointee.generation
    if connection.pointee.inputCount > 0 {
      guard
        consume(index, thread, connection.pointee.input!, count: connection.pointee.inputCount)
      else { return false }
      guard connection.pointee.generation == generation, connection.pointee.isReading else {
        return true
      }
    }
    if connection.pointee.hasNews || connection.pointee.peerClosed {
      return receive(index, thread)
    }
    return true
  }

  /// Serves every whole request in `bytes`, and keeps the rest. False when the role was lost.
  private func consume(
    _ index: Int32, _ thread: HandlerThread, _ bytes: UnsafeMutablePointer<UInt8>, count: Int
  ) -> Bool {
    let connection = table[index]
    var position = 0
    while true {
      if connection.pointee.phase == .readingBody {
        switch feedUpload(index, thread, bytes, count: count, position: &position) {
        case .holds: return true
        case .lostRole: return false
        case .next: continue
        }
      }
      if position == count {
        connection.pointee.dropInput()
        awaitRequest(index)
        return true
      }
      let start = bytes + position
      switch thread.parser.parse(
        UnsafeBufferPointer(start: start, count: count - position),
        scanner: &connection.pointee.scanner)
      {
      case .needMoreBytes:
        connection.pointee.keep(start, count: count - position)
        awaitHead(index)
        return true
      case .refused(let refusal):
        connection.pointee.dropInput()
        refuse(index, thread, refusal)
        return true
      case .complete:
        connection.pointee.scanner = HeadScanner()
        switch serve(index, thread, start, count: count - position) {
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
    let connection = table[index]
    let upload = connection.pointee.upload!.takeUnretainedValue()
    switch upload.receive(UnsafeBufferPointer(start: bytes, count: count), position: &position) {
    case .needMoreBytes:
      connection.pointee.dropInput()
      timers.schedule(
        index,
        deadlineMs: bodyDeadlineMs(
          beganMs: connection.pointee.readBeganMs, received: connection.pointee.receivedBytes))
      return .holds
    case .refused(let refusal):
      connection.pointee.dropInput()
      refuse(index, thread, refusal)
      return .holds
    case .failed:
      connection.pointee.dropInput()
      refuse(index, thread, Refusal(500, .bodyNotStored))
      return .holds
    case .complete:
      connection.pointee.upload!.release()
      connection.pointee.upload = nil
      switch serve(upload, index, thread, rest: bytes + position, restCount: count - position) {
      case .served, .collecting: return .next
      case .handedOver: return .holds
      case .lostRole: return .lostRole
      }
    }
  }

  // MARK: Waiting for more.

  /// The connection waits for its next request.
  private func awaitRequest(_ index: Int32) {
    let connection = table[index]
    connection.pointee.phase = .waiting
    if connection.pointee.answered > 0 {
      timers.schedule(index, deadlineMs: nowMs + settings.keepAliveMs)
    }
  }

  /// The connection waits for the rest of a head (mod_reqtimeout: header=20-40,MinRate=500).
  private func awaitHead(_ index: Int32) {
    let connection = table[index]
    if connection.pointee.phase != .readingHead {
      connection.pointee.phase = .readingHead
      if connection.pointee.answered > 0 { connection.pointee.readBeganMs = nowMs }
      connection.pointee.receivedBytes = connection.pointee.inputCount
    }
    let bonus = Int64(connection.pointee.receivedBytes / max(1, settings.headMinRate)) * 1000
    let allowed = min(settings.headTimeoutMs + bonus, settings.headTimeoutMaxMs)
    timers.schedule(
      index,
      deadlineMs: settings.headTimeoutMs == 0
        ? .max - 1 : connection.pointee.readBeganMs + allowed)
  }

  /// Begins to collect a body (mod_reqtimeout: body=20,MinRate=500).
  func awaitBody(_ index: Int32, _ upload: Upload) {
    let connection = table[index]
    connection.pointee.phase = .readingBody
    connection.pointee.upload = Unmanaged.passRetained(upload)
    connection.pointee.readBeganMs = nowMs
    connection.pointee.receivedBytes = 0
    timers.schedule(index, deadlineMs: bodyDeadlineMs(beganMs: nowMs, received: 0))
  }

  /// When a body that began at `beganMs` and of which `received` bytes came is too slow.
  func bodyDeadlineMs(beganMs: Int64, received: Int) -> Int64 {
    guard settings.bodyTimeoutMs > 0 else { return .max - 1 }
    return beganMs + settings.bodyTimeoutMs
      + Int64(received / max(1, settings.bodyMinRate)) * 1000
  }

  /// The deadline of connection `index` is over.
  func expire(_ index: Int32, _ thread: HandlerThread) {
    switch table[index].pointee.phase {
    case .free, .inApplication:
      break
    case .waiting, .lingering:
      close(index)
    case .readingHead:
      refuse(index, thread, Refusal(408, .headTooSlow))
    case .readingBody:
      refuse(index, thread, Refusal(408, .bodyTooSlow))
    case .sending:
      ErrorLog.write(
        .info,
        "A client took no byte of its response for \(settings.writeTimeoutMs) ms "
          + "(--write-timeout); its connection is closed.")
      table[index].pointee.isBroken = true
      table[index].pointee.resetsOnClose = true
      close(index)
    }
  }
}

extension Connection {
  /// Whether bytes of a request are awaited.
  var isReading: Bool {
    phase == .waiting || phase == .readingHead || phase == .readingBody
  }
}
