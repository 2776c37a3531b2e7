// Exchange+Body: reading the request body. Assembly.
internal import Configuration
internal import HTTP1
internal import Platform
internal import Scoreboard

/// Where the body of a request is.
@safe enum RequestBody {
  /// There is none.
  case none
  /// Whole, in the bytes that came with the head.
  case memory(UnsafePointer<UInt8>, count: Int)
  /// Whole, collected before the application was called.
  case collected(Upload)
  /// Whole, collected by a front.
  case received(ReceivedBody)
  /// Still on its way, collected by a front meanwhile.
  case arriving(ArrivingBody)
  /// Still on its way; the application waits for it (after `Expect: 100-continue`).
  case live(LiveBody)
}

/// A body that is read from the socket while the application runs.
final class LiveBody {
  var remaining: Int64
  var decoder = ChunkedDecoder()
  let isChunked: Bool
  /// Received and not yet consumed: `start ..< end` of the thread's input buffer.
  var start: Int
  var end: Int
  /// Where the buffer may be used again.
  let base: Int
  var awaitsContinue: Bool
  var isComplete = false
  var received: Int64 = 0
  var decoded: Int64 = 0
  let beganMs: Int64

  init(_ head: RequestHead, base: Int, end: Int, nowMs: Int64) {
    isChunked = head.isChunked
    remaining = head.isChunked ? 0 : head.contentLength
    self.base = base
    start = base
    self.end = end
    // A client that already sends its body does not wait (RFC 9110, section 10.1.1).
    awaitsContinue = start == end
    beganMs = nowMs
  }
}

extension Exchange {
  /// Whether ``readBody(into:)`` may wait for the client; then call it without any lock.
  public var bodyMayBlock: Bool {
    switch body {
    case .live, .arriving: true
    default: false
    }
  }

  /// Reads at most `buffer.count` bytes of the body.
  ///
  /// Sends `100 Continue` at the first call where the client waits for it.
  /// - Returns: the number of bytes, 0 at the end of the body.
  public func readBody(into buffer: UnsafeMutableRawBufferPointer) throws(BodyFailure) -> Int {
    switch body {
    case .none:
      return 0
    case .memory(let bytes, let count):
      let take = min(count, buffer.count)
      guard take > 0 else { return 0 }
      unsafe buffer.baseAddress!.copyMemory(from: bytes, byteCount: take)
      body = unsafe .memory(bytes + take, count: count - take)
      return take
    case .collected(let upload):
      let count = unsafe upload.read(into: buffer)
      guard count >= 0 else { throw .failed }
      return count
    case .received(let received):
      let count = unsafe received.read(into: buffer)
      guard count >= 0 else { throw .failed }
      return count
    case .arriving(let arriving):
      return unsafe try readArriving(arriving, buffer)
    case .live(let live):
      guard buffer.count > 0 else { return 0 }
      return unsafe try readLive(live, buffer)
    }
  }

  private func readLive(
    _ live: LiveBody, _ buffer: UnsafeMutableRawBufferPointer
  ) throws(BodyFailure) -> Int {
    while !live.isComplete {
      if live.start < live.end {
        let count = unsafe try takeLive(live, buffer)
        if count > 0 || live.isComplete { return count }
      }
      try receiveLive(live)
    }
    return 0
  }

  /// Decodes what was received; 0 where no body data is in it.
  private func takeLive(
    _ live: LiveBody, _ buffer: UnsafeMutableRawBufferPointer
  ) throws(BodyFailure) -> Int {
    let source = unsafe owner.input
    guard live.isChunked else {
      let take = min(buffer.count, live.end - live.start, Int(clamping: live.remaining))
      unsafe buffer.baseAddress!.copyMemory(from: source + live.start, byteCount: take)
      live.start += take
      live.remaining -= Int64(take)
      live.isComplete = live.remaining == 0
      return take
    }
    var done = 0
    while done < buffer.count {
      // The decoder sees only as much as the caller has room for, so that data never has to be
      // kept.
      let window = unsafe UnsafeBufferPointer(
        start: source + live.start, count: min(live.end - live.start, buffer.count - done))
      var position = 0
      let step = unsafe live.decoder.next(in: window, position: &position)
      live.start += position
      switch step {
      case .data(let offset, let count):
        unsafe (buffer.baseAddress! + done).copyMemory(
          from: window.baseAddress! + offset, byteCount: count)
        done += count
        live.decoded += Int64(count)
        guard unsafe live.decoded <= server.settings.limitRequestBody else {
          throw .refused(Refusal(.bodyTooLarge))
        }
      case .needMoreBytes:
        if live.start == live.end { return done }
      case .end:
        live.isComplete = true
        return done
      case .refused(let refusal):
        throw .refused(refusal)
      }
    }
    return done
  }

  private func receiveLive(_ live: LiveBody) throws(BodyFailure) {
    if live.awaitsContinue {
      live.awaitsContinue = false
      guard !headIsSent else { throw .failed }
      guard unsafe connection.sendContinue() else { throw .clientLeft }
    }
    if live.start == live.end {
      live.start = live.base
      live.end = live.base
    }
    while true {
      let transfer = unsafe SocketIO.receive(
        connection.pointee.socket, into: owner.input + live.end,
        capacity: owner.inputCapacity - live.end)
      switch transfer {
      case .moved(let count):
        live.end += count
        live.received += Int64(count)
        line.requestMadeProgress(ms: Clock.monotonicMs())
        return
      case .wouldBlock:
        let deadline = unsafe server.bodyDeadlineMs(
          beganMs: live.beganMs, received: Int(live.received))
        let left = deadline - Clock.monotonicMs()
        line.requestWaitsForClient()
        guard left > 0,
          unsafe SocketIO.wait(connection.pointee.socket, toWrite: false, timeoutMs: left)
        else { throw .timedOut }
      case .peerClosed, .failed:
        throw .clientLeft
      }
    }
  }
}
