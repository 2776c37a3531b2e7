// Exchange: one request and its response, as an application sees them. Assembly.
internal import AccessLog
internal import Bytes
internal import Frames
public import HTTP1
internal import Platform
internal import Scoreboard

/// Why a request body could not be read on.
public enum BodyFailure: Error {
  /// The client closed or reset the connection before the end of the body.
  case clientLeft
  /// The client was slower than the minimum rate, or silent for too long.
  case timedOut
  /// Broken chunked framing, or over LimitRequestBody.
  case refused(Refusal)
  /// A local failure (temporary file); the log has its reason.
  case failed
}

/// What became of bytes handed to the client's socket.
public enum SendOutcome {
  /// The kernel has all of them.
  case sent
  /// The socket is full. The rest is remembered, and the block's memory must stay until
  /// ``Exchange/waitUntilSent()``, to be called without any lock, has returned.
  case wouldBlock
  /// The client is gone; nothing more can be sent.
  case clientLeft
}

/// One request and its response. A handler thread has one, used again for each request.
///
/// Valid from ``Application/respond(to:)``'s entry to its return. Not thread-safe: used by the
/// handler thread that it belongs to. Nothing here allocates unless it says so.
///
/// Life of the response:
///
///     idle ─ beginHead/addField ─▶ head open ─ first send or finish ─▶ head sent ─ finish ─▶ over
///                                     │ abort: error page                │ abort: torn down
///                                     └──────────────▶ over ◀────────────┘
@safe public final class Exchange {
  // MARK: The request.

  /// Index of the handler thread.
  public let thread: Int
  /// The parsed head; its ranges point into ``headBytes``.
  public internal(set) var head = RequestHead()
  /// First byte of the request head; ``RequestHead/length`` bytes.
  public internal(set) var headBytes: UnsafePointer<UInt8>
  /// The request's fields.
  public internal(set) var fields = unsafe UnsafeBufferPointer<Field>(start: nil, count: 0)
  /// Identifies the request in both logs.
  public internal(set) var requestID: UInt64 = 0

  /// Number of the application in ``ServerSettings/applications`` that the request is for.
  public internal(set) var application = 0
  /// Bytes of the path, percent-encoded, that are the URL of that application: SCRIPT_NAME.
  public internal(set) var scriptNameCount = 0
  /// The same in the server's ``RouteTable``.
  var route = 0

  /// Text of the client's address, without port: as a trusted proxy told it, else the peer's;
  /// empty for a Unix socket.
  public var peerAddress: UnsafeBufferPointer<UInt8> { unsafe connection.clientText }
  /// The client's port; 0 where it is not known, and for a Unix socket.
  public var peerPort: Int { unsafe Int(connection.clientPort) }
  /// Text of the local address the client connected to; empty for a Unix socket.
  public var localAddress: UnsafeBufferPointer<UInt8> { unsafe connection.localText }
  /// The local port; 0 for a Unix socket.
  public var localPort: Int { unsafe Int(connection.pointee.local.port) }
  /// Whether the client used HTTPS, by the word of a trusted proxy.
  public internal(set) var isSecure = false
  /// The port that the client connected to: as a trusted proxy told it, else the local one; 80
  /// behind a Unix socket.
  public var serverPort: Int {
    if forwarded.port > 0 { return Int(forwarded.port) }
    return localPort > 0 ? localPort : 80
  }
  /// What trusted proxies say of the client.
  var forwarded = ForwardedChain()
  /// Whether the peer, which may be a proxy, came through a Unix socket.
  public var isUnixSocket: Bool { unsafe connection.pointee.isUnixSocket }

  // MARK: The request body (Exchange+Body).

  /// Bytes of the whole decoded body where known: 0 without a body, -1 while a chunked body is
  /// still arriving (only after `Expect: 100-continue`; otherwise the body is complete before the
  /// application runs).
  public internal(set) var bodyLength: Int64 = 0
  /// Where the body is.
  var body = RequestBody.none

  // MARK: The response (Exchange+Response).

  /// Whether the head went out, after which ``beginHead(status:reason:)`` is illegal.
  public internal(set) var headIsSent = false
  /// Content-Length the application declared; -1 when none.
  public internal(set) var declaredLength: Int64 = -1
  /// Body bytes accepted so far.
  public internal(set) var bodyBytesSent: Int64 = 0
  /// Whether the application sent more than its declared Content-Length.
  public internal(set) var overran = false
  /// Status of the response; 0 before ``beginHead(status:reason:)``.
  public internal(set) var status = 0

  var writer: ByteWriter
  var framing = Framing.none
  var sawDate = false
  var sawServer = false
  /// Bytes of ``writer`` that are the response head, once it is complete.
  var responseHeadCount = 0
  var pendingFirst = 0
  var pendingBody = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
  var pendingLast = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
  /// Set when the response is over.
  var isOver = false
  var keepsAlive = false
  var isBroken = false
  var tail: ResponseTail?
  var totalBytesSent: Int64 = 0
  var beganMicroseconds: Int64 = 0
  /// Bytes at ``headBytes`` where there is no parsed head: a refused request, for the access log.
  private var seenCount = 0
  /// Whether bytes of a next request were received together with this one.
  var isFollowed = false
  /// Whether a next request is on its way here already: ending the connection would lose it.
  var hasSuccessor: Bool { unsafe isFollowed || SocketIO.isReadable(connection.pointee.socket) }
  /// Who answers, for the access log.
  var handler = AccessHandler.none
  /// Whether the request came from a front, so that the response goes out in frames.
  var isLane: Bool { unsafe connection.pointee.isLane }
  /// The word of the scoreboard by which the front says that nobody waits for the response.
  var lane = 0
  /// The letterbox that the latest request came through that came through one.
  var posted: PostedLanes?
  /// Where in it the response may be put; -1 where it goes through the lane's socket.
  var postedLane = -1
  /// When the application began with it, in microseconds of CLOCK_MONOTONIC.
  var calledUs: Int64 = 0
  /// Bytes of body that were received, for the access log.
  private var bytesReceived: Int64 {
    if case .live(let live) = body { return live.received }
    if case .arriving(let arriving) = body { return arriving.received }
    return max(0, bodyLength)
  }

  unowned(unsafe) let owner: HandlerThread
  unowned(unsafe) let server: WorkerServer
  var connection: UnsafeMutablePointer<Connection>
  /// Where the request is told in the scoreboard.
  var line: HandlerLine

  init(thread: HandlerThread, server: WorkerServer) {
    self.thread = thread.index
    unsafe owner = thread
    unsafe self.server = server
    line = server.slot.line(thread.isMonitor ? server.slot.threads : thread.index)
    unsafe headBytes = unsafe UnsafePointer(thread.input)
    writer = unsafe ByteWriter(base: thread.output, capacity: thread.outputCapacity)
    // Replaced by `open` before any use.
    unsafe connection = unsafe UnsafeMutablePointer(bitPattern: 8)!
  }

  /// How the end of the response body is told.
  enum Framing {
    /// No body at all: HEAD, 1xx, 204, 304.
    case none
    /// By Content-Length.
    case length
    /// By the last chunk.
    case chunked
    /// By the end of the connection.
    case close
    /// By a mark in a frame: the response goes to a front.
    case frames
  }

  /// Starts on the request in `parser` with its head at `bytes`.
  func open(
    _ connection: UnsafeMutablePointer<Connection>, head bytes: UnsafePointer<UInt8>
  ) {
    unsafe self.connection = unsafe connection
    unsafe headBytes = unsafe bytes
    head = unsafe owner.parser.head
    unsafe fields = unsafe owner.parser.fields
    begin()
    forwarded = unsafe owner.forwarded
    isSecure = forwarded.scheme == .https
  }

  /// Starts on a request of which only the head is wanted, and known.
  func open(
    _ connection: UnsafeMutablePointer<Connection>, head bytes: UnsafePointer<UInt8>,
    parsed: RequestHead
  ) {
    unsafe self.connection = unsafe connection
    unsafe headBytes = unsafe bytes
    head = parsed
    unsafe fields = unsafe UnsafeBufferPointer(start: nil, count: 0)
    begin()
  }

  /// Starts on a request that a front has sent.
  func open(
    _ connection: UnsafeMutablePointer<Connection>, _ request: ReceivedRequest,
    fields: UnsafeMutableBufferPointer<Field>
  ) {
    unsafe self.connection = unsafe connection
    unsafe headBytes = unsafe request.headBytes.baseAddress ?? UnsafePointer(owner.input)
    head = request.head
    unsafe self.fields = unsafe UnsafeBufferPointer(
      rebasing: UnsafeBufferPointer(fields)[..<head.fieldCount])
    begin()
    requestID = request.frame.requestID
    isSecure = request.frame.isSecure
    lane = Int(request.frame.lane)
    bodyLength = request.frame.bodyLength
    if request.frame.isArriving {
      body = unsafe .arriving(
        ArrivingBody(
          owning: connection.pointee.bodyFile, signal: connection.pointee.bodySignal,
          length: bodyLength))
      unsafe connection.pointee.bodyFile = -1
      unsafe connection.pointee.bodySignal = -1
    } else if request.frame.hasBodyFile {
      body = unsafe .received(
        ReceivedBody(owning: connection.pointee.bodyFile, count: bodyLength))
      unsafe connection.pointee.bodyFile = -1
    } else if let start = unsafe request.body.baseAddress, bodyLength > 0 {
      body = unsafe .memory(start, count: request.body.count)
    }
  }

  /// Starts on a request that could not be parsed or was too slow: no head, and no next request.
  func openRefused(
    _ connection: UnsafeMutablePointer<Connection>, seen: UnsafeBufferPointer<UInt8>
  ) {
    unsafe self.connection = unsafe connection
    unsafe headBytes = unsafe seen.baseAddress ?? UnsafePointer(owner.input)
    seenCount = seen.count
    head = RequestHead()
    head.keepsAlive = false
    unsafe fields = unsafe UnsafeBufferPointer(start: nil, count: 0)
    begin()
  }

  private func begin() {
    requestID = unsafe server.nextRequestID()
    if unsafe server.connectionsHoldHandlers {
      line = unsafe server.slot.line(Int(connection.pointee.line))
    }
    bodyLength = 0
    body = .none
    tail = nil
    totalBytesSent = 0
    isOver = false
    keepsAlive = false
    isBroken = false
    isFollowed = false
    isSecure = false
    forwarded = ForwardedChain()
    handler = .none
    beganMicroseconds = unsafe server.accessLog == nil ? 0 : Clock.monotonicMicroseconds()
    resetResponse()
  }

  func resetResponse() {
    writer.truncate(to: 0)
    if isLane { leaveRoomForFrame() }
    status = 0
    headIsSent = false
    declaredLength = -1
    bodyBytesSent = 0
    overran = false
    framing = .none
    sawDate = false
    sawServer = false
    responseHeadCount = 0
  }

  /// Since when the request makes no progress, in ms of CLOCK_MONOTONIC; nil while it waits for its
  /// client, and where it is over. Any thread, while the request is in hand.
  public var stuckSinceMs: Int64? { line.stuckSinceMs }

  /// The application was loaded, inside this request.
  public func applicationWasLoaded() { unsafe server.slot.setLoaded() }

  /// A record of the request for the access log; borrowed memory of this exchange.
  func accessRecord() -> AccessRecord {
    var record = AccessRecord()
    unsafe record.headBytes = unsafe UnsafeBufferPointer(
      start: headBytes, count: head.length > 0 ? head.length : seenCount)
    record.head = head.length > 0 ? head : nil
    unsafe record.fields = unsafe fields
    unsafe record.responseHead = unsafe UnsafeBufferPointer(
      start: owner.output, count: responseHeadCount)
    record.status = status
    record.bodyBytes = framing == .none ? 0 : bodyBytesSent
    record.totalBytes = totalBytesSent
    record.durationMicroseconds = Clock.monotonicMicroseconds() - beganMicroseconds
    record.startMicroseconds = Clock.realMicroseconds() - record.durationMicroseconds
    record.receivedBytes = Int64(head.length) + bytesReceived
    record.handler = handler
    record.requestID = requestID
    record.processID = unsafe server.processID
    record.keptAlive = keepsAlive
    record.aborted = isBroken
    record.keepAliveRequests = unsafe Int(connection.pointee.answered)
    return record
  }
}
