// WorkerServer+Queue: requests that wait for a handler, and those that have waited too long.
// Assembly.
//
// A whole request waits in the ready queue while all handlers are busy; `QueueLimit` says for how
// long. It is turned away by whoever finds it too old first: the handler that takes it, or the
// holder of the poll role, which sleeps no longer than until the oldest one is due. What it waited
// in the kernel before its connection was accepted counts as well (``waitedInKernelMs(_:)``).
// Files, the status and refusals wait for no handler, and are answered however old they are.
//
// Why the pointers into the table are safe here: a connection `inApplication` stays in its slot,
// and has one owner at a time (Connection, invariants 1 and 2); who stands in `ready` is read and
// taken under the lock only.
internal import HTTP1
internal import Platform
internal import Reporting
internal import Scoreboard
internal import Synchronization

extension WorkerServer {
  // MARK: Waiting.

  /// For how long the request in hand, which is whole, waited in the kernel, in ms. Only the first
  /// of a connection can: later ones are read as they come.
  func waitedInKernelMs(_ connection: UnsafeMutablePointer<Connection>) -> Int64 {
    guard unsafe connection.pointee.mayBeOld && connection.pointee.answered == 0 else { return 0 }
    return unsafe SocketIO.quietMs(connection.pointee.socket)
  }

  /// Puts a whole request into the ready queue, where the oldest comes first; the first idle
  /// handler parses it again. By the holder of the role.
  func enqueue(
    _ index: Int32, _ thread: HandlerThread, upload: Upload?,
    rest: UnsafeMutablePointer<UInt8>, restCount: Int
  ) -> Served {
    let connection = unsafe table[index]
    unsafe connection.pointee.phase = .inApplication
    if let upload { unsafe connection.pointee.upload = unsafe Unmanaged.passRetained(upload) }
    unsafe connection.pointee.keep(rest, count: restCount)
    if let relay {
      self.relay(index, relay, thread)
      return .handedOver
    }
    unsafe connection.pointee.isQueued = true
    let wholeMs = unsafe connection.pointee.wholeMs
    lock.take()
    ready.insert(index) { other in unsafe table[other].pointee.wholeMs > wholeMs }
    showReadyQueue()
    lock.give()
    shedDueMs = min(shedDueMs, queueLimit.dueMs(wholeMs: wholeMs))
    hasHandBacks.store(true, ordering: .releasing)
    return .handedOver
  }

  /// Answers a request that was taken from the ready queue. Returns whether the thread holds the
  /// role afterwards.
  func serveQueued(
    _ index: Int32, _ thread: HandlerThread, nowMs: Int64, holdsRole: Bool
  ) -> Bool {
    if unsafe table[index].pointee.isLane {
      return serveQueuedFrame(index, thread, holdsRole: holdsRole)
    }
    let (rest, restCount) = unsafe openQueued(index, thread)
    thread.exchange.isFollowed = restCount > 0
    let waitedMs = unsafe nowMs - table[index].pointee.wholeMs
    let holds: Bool
    if queueLimit.isOver(waitedMs: waitedMs) {
      shed(index, thread, .waitedTooLong, waitedMs: waitedMs)
      holds = holdsRole
    } else {
      holds = holdsRole ? runApplication(thread) : runWithoutRole(thread)
    }
    _ = unsafe conclude(
      index, thread, rest: rest, restCount: restCount, holdsRole: holds, restMoved: true)
    return holds
  }

  /// Opens the thread's exchange for a request from the ready queue, and returns what stands behind
  /// it.
  private func openQueued(
    _ index: Int32, _ thread: HandlerThread
  ) -> (rest: UnsafeMutablePointer<UInt8>, count: Int) {
    let connection = unsafe table[index]
    unsafe connection.pointee.isQueued = false
    let input = unsafe connection.pointee.input
    let count = unsafe connection.pointee.inputCount
    if let waiting = unsafe connection.pointee.upload {
      unsafe connection.pointee.upload = nil
      unsafe openCollected(index, thread, waiting.takeRetainedValue())
      return unsafe (input ?? thread.input, count)
    }
    var scanner = HeadScanner()
    guard let bytes = unsafe input,
      case .complete = unsafe thread.parser.parse(
        UnsafeBufferPointer(start: bytes, count: count), scanner: &scanner)
    else { fatalError("a request that was parsed once is parsed again") }
    unsafe heedProxiesAgain(connection, thread, bytes)
    let exchange: Exchange = thread.exchange
    let head = thread.parser.head
    let body = max(0, Int(head.contentLength))
    unsafe exchange.open(connection, head: bytes)
    exchange.bodyLength = Int64(body)
    if body > 0 { exchange.body = unsafe .memory(bytes + head.length, count: body) }
    return unsafe (bytes + head.length + body, count - head.length - body)
  }

  // MARK: Turning away.

  /// Turns the request in the thread's exchange away where as many wait as may, and says whether it
  /// did. By the holder of the role, the only one who adds to a queue.
  func shedWhereFull(_ index: Int32, _ thread: HandlerThread) -> Bool {
    guard let relay else {
      guard !queueLimit.hasRoom(waiting: slot.waiting) else { return false }
      lock.take()
      let longestMs = waitedMs(ready.oldest)
      lock.give()
      shed(index, thread, .queueFull, waitedMs: longestMs)
      return true
    }
    let group = relay.groups[routes.route(thread.exchange.route).group]
    guard isFull(group) else { return false }
    shed(index, thread, .queueFull, waitedMs: waitedMs(group.queue.oldest), group.slot)
    return true
  }

  /// Whether as many requests wait for the workers of a group as may.
  func isFull(_ group: RelayGroup) -> Bool {
    if !group.queueLimit.hasRoom(waiting: group.waiting) { dropLeavers(group) }
    return !group.queueLimit.hasRoom(waiting: group.waiting)
  }

  /// How long a request has waited that waits, in ms; 0 where there is none.
  private func waitedMs(_ index: Int32) -> Int64 {
    unsafe index >= 0 ? max(0, nowMs - table[index].pointee.wholeMs) : 0
  }

  /// Turns away the requests in the ready queue that have waited too long, also where no handler
  /// comes back. By the holder of the role.
  func shedOverdue(_ thread: HandlerThread) {
    if let relay { return shedOverdue(relay, thread) }
    while true {
      lock.take()
      let oldest = ready.oldest
      shedDueMs =
        unsafe oldest >= 0 ? queueLimit.dueMs(wholeMs: table[oldest].pointee.wholeMs) : .max
      guard nowMs >= shedDueMs else { return lock.give() }
      _ = ready.pop()
      showReadyQueue()
      lock.give()
      _ = serveQueued(oldest, thread, nowMs: nowMs, holdsRole: true)
    }
  }

  /// Answers the request in the thread's exchange with 503 instead of handling it; its connection
  /// ends.
  ///
  /// - Parameter waitedMs: how long it waited, or the first one where too many wait.
  /// - Parameter counter: the slot where it is counted; nil: the process's own.
  func shed(
    _ index: Int32, _ thread: HandlerThread, _ reason: ShedReason, waitedMs: Int64,
    _ counter: WorkerSlot? = nil
  ) {
    let exchange: Exchange = thread.exchange
    unsafe table[index].pointee.closesAfterResponse = true
    exchange.respondOverdue(retryAfterSeconds: QueueLimit.retryAfterSeconds(waitedMs: waitedMs))
    exchange.describe(nowMs: Clock.monotonicMs())
    exchange.endLine(durationUs: 0)
    lock.take()
    (counter ?? slot).countShed(reason, waitedMs: waitedMs)
    lock.give()
    // Behind a probe that was too old there may be more.
    if thread.isMonitor && !isListening { nextIdleLookMs = min(nextIdleLookMs, nowMs) }
  }
}
