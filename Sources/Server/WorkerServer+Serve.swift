// WorkerServer+Serve: a whole request to its response. Assembly.
internal import AccessLog
internal import Configuration
internal import HTTP1
internal import Platform
internal import Reporting
internal import Scoreboard
internal import StaticFiles
internal import Synchronization

extension WorkerServer {
  /// What became of a request.
  enum Served {
    /// Answered, and the connection goes on with the last so many of the bytes.
    case served(rest: Int)
    /// Its body is being collected; so many bytes (the head) are consumed.
    case collecting(Int)
    /// The connection is being written to, closed, or queued; nothing more to consume here.
    case handedOver
    /// Answered, but another thread polls now; the connection was handed back to it.
    case lostRole
  }

  /// Serves the request that `thread.parser` has just parsed, with its head at `bytes`.
  func serve(
    _ index: Int32, _ thread: HandlerThread, _ bytes: UnsafeMutablePointer<UInt8>, count: Int
  ) -> Served {
    let connection = unsafe table[index]
    let length = thread.parser.head.length
    let exchange = thread.exchange!
    guard thread.parser.head.hasBody else {
      unsafe exchange.open(connection, head: bytes)
      return unsafe answer(index, thread, rest: bytes + length, restCount: count - length)
    }
    let head = thread.parser.head
    guard head.contentLength <= settings.limitRequestBody else {
      unsafe refuse(
        index, thread, Refusal(.bodyTooLarge),
        seen: UnsafeBufferPointer(start: bytes, count: length))
      return .handedOver
    }
    if !head.isChunked && head.contentLength <= Int64(count - length) {
      let body = Int(head.contentLength)
      unsafe exchange.open(connection, head: bytes)
      exchange.bodyLength = head.contentLength
      exchange.body = unsafe .memory(bytes + length, count: body)
      return unsafe answer(
        index, thread, rest: bytes + length + body, restCount: count - length - body)
    }
    if unsafe head.expectsContinue && !thread.isMonitor && mount(head, bytes) < 0 {
      return unsafe serveLive(index, thread, bytes, count: count)
    }
    if head.expectsContinue {
      // Nobody here can run the application: the body is collected like any other.
      _ = unsafe connection.sendContinue()
    }
    let upload = unsafe Upload(head: bytes, head, limits: uploadLimits)
    upload.mayStream = unsafe mayStream(head, bytes)
    awaitBody(index, upload)
    return .collecting(length)
  }

  /// Calls the application before the body is here: it decides whether `100 Continue` is sent.
  private func serveLive(
    _ index: Int32, _ thread: HandlerThread, _ bytes: UnsafeMutablePointer<UInt8>, count: Int
  ) -> Served {
    let connection = unsafe table[index]
    let head = thread.parser.head
    var start = unsafe bytes
    if unsafe bytes != thread.input {
      // The body is received behind the head in the thread's own buffer.
      guard count <= HandlerThread.readCapacity else {
        if count == head.length { _ = unsafe connection.sendContinue() }
        unsafe awaitBody(index, Upload(head: bytes, head, limits: uploadLimits))
        return .collecting(head.length)
      }
      unsafe thread.input.update(from: bytes, count: count)
      unsafe connection.pointee.dropInput()
      unsafe start = unsafe thread.input
    }
    let exchange = thread.exchange!
    unsafe exchange.open(connection, head: start)
    exchange.bodyLength = head.isChunked ? -1 : head.contentLength
    let live = LiveBody(head, base: head.length, end: count, nowMs: nowMs)
    exchange.body = .live(live)
    return unsafe answer(index, thread, rest: start + count, restCount: 0, live: live)
  }

  /// Serves a request whose body was collected; `rest` are the bytes behind it.
  func serve(
    _ upload: Upload, _ index: Int32, _ thread: HandlerThread,
    rest: UnsafeMutablePointer<UInt8>, restCount: Int
  ) -> Served {
    openCollected(index, thread, upload)
    return unsafe answer(index, thread, rest: rest, restCount: restCount, upload: upload)
  }

  func openCollected(_ index: Int32, _ thread: HandlerThread, _ upload: Upload) {
    var scanner = HeadScanner()
    guard
      case .complete = unsafe thread.parser.parse(
        UnsafeBufferPointer(start: upload.head, count: upload.headCount), scanner: &scanner)
    else { fatalError("a head that was parsed once is parsed again") }
    unsafe heedProxiesAgain(table[index], thread, upload.head)
    let exchange = thread.exchange!
    unsafe exchange.open(table[index], head: upload.head)
    exchange.bodyLength = upload.count
    exchange.body = .collected(upload)
  }

  // MARK: Answering.

  /// Answers the request in the thread's exchange.
  private func answer(
    _ index: Int32, _ thread: HandlerThread, rest: UnsafeMutablePointer<UInt8>, restCount: Int,
    live: LiveBody? = nil, upload: Upload? = nil
  ) -> Served {
    let exchange = thread.exchange!
    let connection = unsafe table[index]
    exchange.isFollowed = restCount > 0
    if answerHere(index, thread) {
      countAnswer(exchange)
      return unsafe conclude(index, thread, rest: rest, restCount: restCount)
    }
    let waitedMs = unsafe waitedInKernelMs(connection)
    if queueLimit.isOver(waitedMs: waitedMs) {
      shed(index, thread, .waitedTooLong, waitedMs: waitedMs)
      return unsafe conclude(index, thread, rest: rest, restCount: 0)
    }
    if thread.isMonitor {
      if shedWhereFull(index, thread) {
        return unsafe conclude(index, thread, rest: rest, restCount: 0)
      }
      exchange.body = .none
      unsafe connection.pointee.wholeMs = nowMs - waitedMs
      if let upload {
        return unsafe enqueue(index, thread, upload: upload, rest: rest, restCount: restCount)
      }
      // Head, body and what follows stand in one piece, and are parsed again by the handler.
      let whole = unsafe UnsafeMutablePointer(mutating: exchange.headBytes)
      return unsafe enqueue(
        index, thread, upload: nil, rest: whole, restCount: rest + restCount - whole)
    }
    unsafe connection.pointee.phase = .inApplication
    let holds = runApplication(thread)
    if let live {
      // Bytes behind a body that was read belong to the next request; they stand elsewhere.
      return unsafe conclude(
        index, thread, rest: thread.input + live.start,
        restCount: live.isComplete ? live.end - live.start : 0, holdsRole: holds, restMoved: true)
    }
    return unsafe conclude(index, thread, rest: rest, restCount: restCount, holdsRole: holds)
  }

  /// Runs the application, and returns whether the thread still holds the role.
  func runApplication(_ thread: HandlerThread) -> Bool {
    if slowness.load(ordering: .relaxed) > 0 && passRole() { return runWithoutRole(thread) }
    let token = role.enterApplication()
    wakeMonitor()
    let endedUs = call(thread, nowUs: nowUs)
    guard role.leaveApplication(token) else { return false }
    setClock(endedUs)
    return true
  }

  /// The same while another thread polls.
  func runWithoutRole(_ thread: HandlerThread) -> Bool {
    releaseOwners(thread)
    let beganUs = Clock.monotonicMicroseconds()
    noteDuration(call(thread, nowUs: beganUs) - beganUs)
    return false
  }

  /// Runs the application, and returns when that was over, in microseconds.
  private func call(_ thread: HandlerThread, nowUs: Int64) -> Int64 {
    let exchange = thread.exchange!
    exchange.handler = .application
    exchange.calledUs = nowUs
    exchange.describe(nowMs: nowUs / 1000)
    if routes.isWhole || route(exchange) {
      application.respond(to: exchange)
    } else {
      // Only a front of another configuration could send such a request.
      exchange.abort(404)
    }
    precondition(exchange.isOver, "an application must finish or abort its exchange")
    let endedUs = Clock.monotonicMicroseconds()
    exchange.endLine(durationUs: endedUs - nowUs)
    slot.countService(us: endedUs - nowUs)
    if endedUs >= thread.faults.nextLookUs { lookAtFaults(thread, exchange, nowUs: endedUs) }
    return endedUs
  }

  /// After the response: logs it, and lets the connection go on, by whoever may do so.
  func conclude(
    _ index: Int32, _ thread: HandlerThread, rest: UnsafeMutablePointer<UInt8>, restCount: Int,
    holdsRole: Bool = true, restMoved: Bool = false
  ) -> Served {
    let exchange = thread.exchange!
    let connection = unsafe table[index]
    log(exchange)
    unsafe connection.pointee.take(exchange)
    exchange.tail = nil
    exchange.body = .none
    if retireAfter != .max && (!isScout || exchange.handler == .application) {
      served.wrappingAdd(1, ordering: .relaxed)
    }
    if unsafe holdsRole && !restMoved && connection.pointee.isReadyForNext {
      unsafe connection.pointee.phase = .waiting
      return .served(rest: restCount)
    }
    unsafe connection.pointee.keep(rest, count: restCount)
    if unsafe holdsRole && !connection.pointee.isReadyForNext && connection.pointee.tail == nil {
      settle(index)
      return .handedOver
    }
    // A tail as well: the socket may take more at once, and then no event would come. Nobody but
    // the holder of the role reads the phase, and a thread without it finds it so already.
    if holdsRole { unsafe connection.pointee.phase = .inApplication }
    handBack(index)
    return holdsRole ? .handedOver : .lostRole
  }

  /// What is told where a method is not for this server to carry out.
  private static var allowed: StaticString {
    "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"
  }

  /// Whether ``answerHere(_:_:)`` answers a request with this head.
  func isAnsweredHere(_ head: RequestHead, _ bytes: UnsafePointer<UInt8>) -> Bool {
    switch (head.method, head.targetForm) {
    case (.connect, _), (_, .authority), (.trace, _), (.options, .asterisk): true
    default: unsafe report(head, bytes) != nil || mount(head, bytes) >= 0
    }
  }

  /// Answers what needs no application; false where the application has to.
  private func answerHere(_ index: Int32, _ thread: HandlerThread) -> Bool {
    let exchange = thread.exchange!
    let head = exchange.head
    switch (head.method, head.targetForm) {
    case (.connect, _), (_, .authority):
      // What follows is meant for somebody else.
      unsafe exchange.connection.pointee.closesAfterResponse = true
      exchange.respond(status: 405, field: Self.allowed)
      return true
    case (.trace, _):
      exchange.respond(status: 405, field: Self.allowed)
      return true
    case (.options, .asterisk):
      exchange.respondEmpty(
        status: 200, field: Self.allowed)
      return true
    default:
      if let report = unsafe report(head, exchange.headBytes) {
        // This takes a while: nobody should wait for a lock of the application meanwhile.
        application.threadWillBlock(thread.index)
        takeCensus()
        exchange.describe(nowMs: nowMs)
        exchange.respond(with: report, of: scoreboards)
        return true
      }
      let mount = unsafe mount(head, exchange.headBytes)
      guard mount >= 0 else {
        guard !routes.isWhole, !route(exchange) else { return false }
        exchange.respond(status: 404)
        return true
      }
      exchange.handler = .staticFile
      exchange.respond(from: staticSite, mount: mount)
      return true
    }
  }

  /// The report of the server that stands at the path of a request; nil for none. The path is
  /// inside the `bytes` of the head that was parsed from them, which nobody changes meanwhile.
  private func report(_ head: RequestHead, _ bytes: UnsafePointer<UInt8>) -> Exchange.Report? {
    if unsafe statusPath.count > 0 && isAt(statusPath, head, bytes) { return .status }
    if unsafe metricsPath.count > 0 && isAt(metricsPath, head, bytes) { return .metrics }
    return nil
  }

  /// Whether the path is `place`, byte for byte, or that with a slash behind it, as some readers of
  /// httpd's status ask for it.
  private func isAt(
    _ place: StaticBytes, _ head: RequestHead, _ bytes: UnsafePointer<UInt8>
  ) -> Bool {
    let path = unsafe UnsafeBufferPointer(
      start: bytes + Int(head.path.offset), count: Int(head.path.count))
    guard path.count > place.count, unsafe path.last == UInt8(ascii: "/") else {
      return unsafe path.elementsEqual(place.bytes)
    }
    return unsafe path.dropLast().elementsEqual(place.bytes)
  }

  /// The static mount that claims the request with this head, or -1: also where an application has
  /// a longer part of the path.
  private func mount(_ head: RequestHead, _ bytes: UnsafePointer<UInt8>) -> Int {
    guard !staticSite.isEmpty else { return -1 }
    let path = unsafe UnsafeBufferPointer(
      start: bytes + Int(head.path.offset), count: Int(head.path.count))
    let mount = unsafe staticSite.mount(for: path)
    guard mount >= 0, !routes.isWhole, let match = unsafe routes.match(path) else { return mount }
    return match.prefixCount > staticSite.prefixCount(of: mount) ? -1 : mount
  }

  /// Finds the application that a request is for; false where there is none.
  func route(_ exchange: Exchange) -> Bool {
    let path = exchange.head.path
    guard
      let match = unsafe routes.match(
        UnsafeBufferPointer(
          start: exchange.headBytes + Int(path.offset), count: Int(path.count)))
    else { return false }
    exchange.route = match.route
    exchange.application = routes.route(match.route).application
    exchange.scriptNameCount = match.scriptCount
    return true
  }

  /// Learns from a request that ran without the role whether requests are slow.
  func noteDuration(_ microseconds: Int64) {
    // Two threads may learn at the same time and one lesson be lost: it is a tendency, not a count.
    let known = slowness.load(ordering: .relaxed)
    let learnt = microseconds >= 1000 ? min(known + 4, 64) : max(known - 1, 0)
    slowness.store(learnt, ordering: .relaxed)
  }

  /// Gives a connection to the holder of the role, which lets it go on. Any thread.
  func handBack(_ index: Int32) {
    unsafe table[index].pointee.isQueued = true
    lock.take()
    returned.push(index)
    lock.give()
    hasHandBacks.store(true, ordering: .sequentiallyConsistent)
    wakeup.ring()
  }

  // MARK: Small things.

  /// Whether the connection may stay open after this request.
  func mayKeepAlive(_ exchange: Exchange) -> Bool {
    let (connection, head) = unsafe (exchange.connection, exchange.head)
    return unsafe head.keepsAlive && drainMode == .none && settings.keepAliveMs > 0
      && !connection.pointee.closesAfterResponse
      && !(rule.sendsClientsElsewhere && othersWait && !exchange.hasSuccessor)
      && (settings.maxKeepAliveRequests == 0
        || Int(connection.pointee.answered) + 1 < settings.maxKeepAliveRequests)
  }

  /// Whether requests wait for a handler here, or connections for a worker that takes them. Without
  /// this those who came first would keep all handlers: their next request is there before anyone
  /// else is taken.
  var othersWait: Bool {
    if slot.waiting > 0 { return true }
    if slot.isAccepting { return false }
    // Once in a millisecond is enough, and spares most short requests the system call.
    let nowMs = Clock.monotonicMs()
    guard nobodyWaitedMs.load(ordering: .relaxed) != nowMs else { return false }
    if backlogIsReadable && !anyoneListens { return true }
    nobodyWaitedMs.store(nowMs, ordering: .relaxed)
    return false
  }

  private var backlogIsReadable: Bool {
    for index in 0..<listenerCount where unsafe SocketIO.isReadable(listenerNumbers[index]) {
      return true
    }
    return false
  }

  /// Whether some worker is about to take who is in the backlog.
  private var anyoneListens: Bool {
    for index in 0..<scoreboard.slots where scoreboard[index].isAccepting { return true }
    return false
  }

  func nextRequestID() -> UInt64 {
    requestCounter.wrappingAdd(1, ordering: .relaxed).newValue
  }

  func log(_ exchange: Exchange) {
    guard let accessLog else { return }
    var record = exchange.accessRecord()
    if let tail = exchange.tail {
      tail.record = LoggedRequest(record, beganMicroseconds: exchange.beganMicroseconds)
      return
    }
    unsafe record.setAddresses(exchange.connection)
    accessLog.write(record, nowMs: Clock.monotonicMs())
  }
}

extension Connection {
  /// Takes over what came of the exchange.
  mutating func take(_ exchange: Exchange) {
    answered &+= 1
    if !exchange.keepsAlive { closesAfterResponse = true }
    // A client that asked for the end and sent all of its body only reads; others may be sending.
    if exchange.head.keepsAlive || !exchange.bodyIsConsumed { lingers = true }
    if exchange.isBroken {
      isBroken = true
      resetsOnClose = exchange.framing == .close
    }
    if let rest = exchange.tail { unsafe tail = unsafe Unmanaged.passRetained(rest) }
  }

  /// Whether the response is sent and another request may follow.
  var isReadyForNext: Bool { unsafe tail == nil && !closesAfterResponse && !isBroken }
}
