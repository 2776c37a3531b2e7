// WorkerServer+Relay: in a front: workers that come and go, and requests to them. Assembly.
internal import AccessLog
internal import Bytes
internal import Control
internal import Frames
internal import HTTP1
internal import Platform
internal import Reporting
internal import Scoreboard
internal import Synchronization

extension WorkerServer {
  // MARK: workers come and go

  /// A worker serves over these sockets.
  func addLanes(
    _ sockets: [Int32], group index: Int, slot number: Int, pid: Int32, firstWord: Int
  ) {
    guard let relay, relay.groups.indices.contains(index),
      relay.groups[index].scoreboard.workerSlots.contains(number)
    else {
      for socket in sockets { SocketIO.close(socket) }
      return
    }
    let group = relay.groups[index]
    for lane in relay.add(
      sockets: sockets, to: group, slot: number, pid: pid, firstWord: firstWord)
    {
      do {
        try epoll.add(lane.socket, Self.laneEvents, token: Token.lane(lane))
      } catch {
        ErrorLog.write(.error, "Cannot wait for a worker's responses: \(error).")
        close(lane, relay)
      }
    }
    noteWorkers(group)
    dispatchQueue(of: group, relay, threads[0])
  }

  /// A worker is on its way out.
  func retireLanes(pid: Int32) {
    guard let relay else { return }
    for lane in relay.retire(pid: pid) { close(lane, relay) }
    for group in relay.groups { noteWorkers(group) }
  }

  /// Workers came or went: where none is left, those who wait have less time.
  func noteWorkers(_ group: RelayGroup) {
    guard group.workers.isEmpty else {
      group.emptySinceMs = .max
      return
    }
    guard group.emptySinceMs == .max else { return }
    group.emptySinceMs = nowMs
    shedDueMs = min(shedDueMs, nowMs)
  }

  // MARK: requests

  /// A request is whole. Its bytes stand in the connection's input, the body there as well or in
  /// its upload, and the parser still has its head; the thread's exchange knows its application.
  func relay(_ index: Int32, _ relay: Relay, _ thread: HandlerThread) {
    let connection = unsafe table[index]
    unsafe connection.pointee.queuedUs = nowUs
    let group = relay.groups[routes.route(thread.exchange.route).group]
    unsafe connection.pointee.group = UInt16(group.number)
    guard group.queue.count == 0, let lane = group.take(isShort: mayBePosted(index)) else {
      unsafe connection.pointee.isQueued = true
      let wholeMs = unsafe connection.pointee.wholeMs
      group.queue.insert(index) { other in unsafe table[other].pointee.wholeMs > wholeMs }
      showQueue(of: group)
      noteWorkers(group)
      shedDueMs = min(shedDueMs, group.dueMs(wholeMs: wholeMs))
      if group.workers.isEmpty { control.send(.wanted(group: group.number)) }
      return
    }
    send(index, over: lane, relay, thread)
  }

  /// Gives waiting requests to lanes that are free.
  func dispatchQueue(of group: RelayGroup, _ relay: Relay, _ thread: HandlerThread) {
    while group.queue.count > 0,
      let lane = group.take(isShort: mayBePosted(group.queue.oldest))
    {
      let index = group.queue.pop()
      let connection = unsafe table[index]
      unsafe connection.pointee.isQueued = false
      if unsafe connection.pointee.isBroken {
        // Its client left while it waited.
        _ = relay.give(lane)
        close(index)
        continue
      }
      unsafe parseAgain(connection, thread)
      send(index, over: lane, relay, thread)
    }
    showQueue(of: group)
  }

  /// Makes room in the queue: clients that have left would be found only when it is their turn.
  func dropLeavers(_ group: RelayGroup) {
    guard group.leavers > 0 else { return }
    group.leavers = 0
    for index in group.queue.remove(where: { unsafe table[$0].pointee.isBroken }) {
      unsafe table[index].pointee.isQueued = false
      close(index)
    }
    showQueue(of: group)
  }

  /// Turns away the requests that have waited too long for a worker.
  func shedOverdue(_ relay: Relay, _ thread: HandlerThread) {
    shedDueMs = .max
    for group in relay.groups {
      shedDueMs = min(shedDueMs, shedOverdue(of: group, thread))
    }
  }

  /// The same for one group. Gives back when the next one is due.
  private func shedOverdue(of group: RelayGroup, _ thread: HandlerThread) -> Int64 {
    while true {
      let oldest = group.queue.oldest
      guard oldest >= 0 else { return .max }
      let dueMs = unsafe group.dueMs(wholeMs: table[oldest].pointee.wholeMs)
      guard nowMs >= dueMs else { return dueMs }
      _ = group.queue.pop()
      showQueue(of: group)
      let connection = unsafe table[oldest]
      unsafe connection.pointee.isQueued = false
      if unsafe connection.pointee.isBroken {
        close(oldest)
        continue
      }
      let carried = Carried(waiting: oldest, requestID: nextRequestID())
      openAnswer(carried, thread)
      let waitedMs = unsafe nowMs - connection.pointee.wholeMs
      shed(
        oldest, thread, group.queueLimit.isOver(waitedMs: waitedMs) ? .waitedTooLong : .noWorker,
        waitedMs: waitedMs, group.slot)
      conclude(carried, thread)
    }
  }

  /// Parses the head of a stored request once more: the parser has seen others meanwhile.
  func parseAgain(
    _ connection: UnsafeMutablePointer<Connection>, _ thread: HandlerThread
  ) {
    var scanner = HeadScanner()
    let bytes: UnsafeBufferPointer<UInt8>
    if let upload = unsafe connection.pointee.upload {
      unsafe bytes = unsafe upload.takeUnretainedValue().headSeen
    } else {
      unsafe bytes = unsafe UnsafeBufferPointer(
        start: connection.pointee.input, count: connection.pointee.inputCount)
    }
    guard case .complete = unsafe thread.parser.parse(bytes, scanner: &scanner) else {
      fatalError("a head that was parsed once is parsed again")
    }
    unsafe heedProxiesAgain(connection, thread, bytes.baseAddress!)
  }

  /// Sends the request, whose head the parser has, to a worker.
  private func send(_ index: Int32, over lane: Lane, _ relay: Relay, _ thread: HandlerThread) {
    let connection = unsafe table[index]
    let head = thread.parser.head
    unsafe connection.pointee.phase = .inApplication
    unsafe connection.pointee.lane = Int32(lane.number)
    lane.connection = index
    lane.state = .awaitingHead
    lane.head = head
    lane.requestID = nextRequestID()
    lane.sentMs = nowMs
    var frame = RequestFrame()
    frame.requestID = lane.requestID
    frame.queuedUs = unsafe max(0, nowUs - connection.pointee.queuedUs)
    lane.worker.group.slot.countWait(us: frame.queuedUs)
    frame.lane = UInt16(lane.word)
    frame.isUnixSocket = unsafe connection.pointee.isUnixSocket
    frame.isSecure = thread.forwarded.scheme == .https
    frame.peerPort = unsafe connection.clientPort
    let toldPort = thread.forwarded.port
    frame.localPort = unsafe toldPort > 0 ? toldPort : connection.pointee.local.port
    var body = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
    var file: Int32 = -1
    var signal: Int32 = -1
    var headBytes = unsafe UnsafePointer(connection.pointee.input ?? thread.input)
    if let waiting = unsafe connection.pointee.upload {
      let upload = unsafe waiting.takeUnretainedValue()
      unsafe headBytes = unsafe UnsafePointer(upload.head)
      frame.bodyLength = upload.isArriving ? head.contentLength : upload.count
      lane.consumed = 0
      if upload.count <= Int64(RequestFrame.mostInlineBody), let bytes = unsafe upload.inMemory {
        unsafe body = unsafe bytes
      } else {
        file = upload.fileNumber()
        frame.isArriving = upload.isArriving
        if upload.isArriving { signal = upload.signalNumber() }
        guard file >= 0, signal >= 0 || !upload.isArriving else {
          // The reason is in the log already.
          let carried = Carried(lane)
          _ = freeLane(lane, relay)
          return answer(carried, thread, status: 500)
        }
        frame.hasBodyFile = true
      }
    } else {
      let count = max(0, Int(head.contentLength))
      frame.bodyLength = Int64(count)
      lane.consumed = head.length + count
      unsafe body = unsafe UnsafeBufferPointer(start: headBytes + head.length, count: count)
    }
    frame.inlineBody = body.count
    if file < 0,
      unsafe post(frame, headBytes: headBytes, body: body, connection, on: lane, relay, thread)
    {
      return
    }
    var writer = unsafe ByteWriter(base: relay.frame, capacity: Relay.frameCapacity)
    unsafe frame.encode(
      head, thread.parser.fields, headBytes: headBytes, body: body, peer: connection.clientText,
      local: connection.localText, into: &writer)
    precondition(!writer.overflowed)
    unsafe push(writer.written, file: file, signal: signal, over: lane, relay, thread)
  }

  private func push(
    _ bytes: UnsafeBufferPointer<UInt8>, file: Int32, signal: Int32, over lane: Lane,
    _ relay: Relay, _ thread: HandlerThread
  ) {
    let transfer =
      unsafe file < 0
      ? SocketIO.send(lane.socket, bytes.baseAddress!, count: bytes.count)
      : SocketIO.send(
        lane.socket, bytes.baseAddress!, count: bytes.count, descriptor: file, second: signal)
    switch transfer {
    case .moved(let count):
      if count < bytes.count {
        unsafe lane.output.append(UnsafeBufferPointer(rebasing: bytes[count...]))
        awaitRoom(lane.socket, token: Token.lane(lane), true)
      }
    case .wouldBlock:
      // An idle lane's socket is empty, so this is a worker that does not read at all.
      laneBroke(lane, relay, thread)
    case .peerClosed, .failed:
      laneBroke(lane, relay, thread)
    }
  }
}

extension Relay {
  /// The lane that an event is about; nil where it is gone.
  func lane(_ token: UInt64) -> Lane? {
    let number = Int(token & 0x3FFF_FFFF)
    guard number < lanes.count, let lane = lanes[number], lane.generation == UInt32(token >> 32)
    else { return nil }
    return lane
  }

  /// Bytes of its connection's input that the request on a lane takes.
  func consumed(_ number: Int32) -> Int { lanes[Int(number)]?.consumed ?? 0 }
}

extension Token {
  /// Bit 30 besides: the lane of a front.
  static let laneBit: UInt64 = 1 << 30

  /// The token of a lane: its generation and its number.
  static func lane(_ lane: Lane) -> UInt64 {
    UInt64(lane.generation) << 32 | special | laneBit | UInt64(lane.number)
  }
}
