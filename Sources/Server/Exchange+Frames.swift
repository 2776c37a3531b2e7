// Exchange+Frames: a response that goes to a front instead of a client. Assembly.
internal import Bytes
internal import Frames
internal import HTTP1
internal import Platform
internal import Scoreboard

extension Exchange {
  /// How often somebody who waits for the front looks whether the client is gone, ms.
  static let abandonLookMs: Int64 = 1_000
  /// Bytes before the status line: the frame's header, and what it says of the response.
  private static let frameBytes = FrameHeader.byteCount + ResponseFrame.fixedBytes

  /// Whether the front has said that nobody waits for this response any more. Allocates: never.
  var isAbandoned: Bool { unsafe server.slot.abandonedRequest(lane: lane) == requestID }

  /// The head begins behind what is only known at its end.
  func leaveRoomForFrame() {
    for _ in 0..<Self.frameBytes { writer.append(0) }
  }

  /// Where the status line begins in ``writer``.
  var headStart: Int { isLane ? Self.frameBytes : 0 }

  /// Completes the head: what the application said, behind what the front needs to know. Framing
  /// and the server's own fields are added there.
  func completeFrame(length: Int64) {
    let forbidsBody = status < 200 || status == 204 || status == 304 || head.method == .head
    framing = forbidsBody ? .none : .frames
    if declaredLength < 0, length > 0 || (length == 0 && !forbidsBody) { declaredLength = length }
    var front = unsafe ByteWriter(base: writer.base, capacity: Self.frameBytes)
    FrameHeader(.head, length: writer.count - FrameHeader.byteCount).encode(into: &front)
    ResponseFrame(
      status: status, hasDate: sawDate, hasServer: sawServer, declaredLength: declaredLength
    ).encode(into: &front)
    precondition(!writer.overflowed && front.count == Self.frameBytes)
    responseHeadCount = writer.count
    pendingFirst = 0
    keepsAlive = true
    headIsSent = true
  }

  // MARK: in a front

  /// Starts the response with what a worker has said.
  ///
  /// - Parameter head: status line and field lines, checked.
  func beginHead(relaying response: ResponseFrame, _ head: UnsafeBufferPointer<UInt8>) {
    resetResponse()
    status = response.status
    unsafe writer.append(copying: head)
    declaredLength = response.declaredLength
    sawDate = response.hasDate
    sawServer = response.hasServer
  }

  /// Completes the head of a response whose body comes part by part; everything is sent from its
  /// tail.
  func beginStream(_ group: RelayGroup) {
    completeHead(length: -1)
    let rest = ResponseTail(keepsAlive: keepsAlive)
    unsafe rest.begin(
      with: UnsafeRawBufferPointer(start: owner.output, count: responseHeadCount))
    unsafe rest.beginStream(
      framing: framing, promised: framing == .length ? declaredLength : -1,
      directory: server.uploadLimits.directory, memoryBytes: group.responseBufferBytes,
      spoolBytes: group.responseSpoolBytes)
    tail = rest
    isOver = true
  }

  /// `[00000000000000a1] GET /path`, for the error log: neither query nor fields, which hold
  /// secrets.
  public var label: String {
    let hex = String(requestID, radix: 16)
    let padding = String(repeating: "0", count: max(0, 16 - hex.count))
    return "[\(padding)\(hex)] \(text(head.methodRange)) \(text(head.path))"
  }

  private func text(_ range: ByteRange) -> String {
    unsafe String(
      decoding: UnsafeBufferPointer(
        start: headBytes + Int(range.offset), count: min(Int(range.count), 512)), as: UTF8.self)
  }

  // MARK: in a worker

  /// Puts the whole response, the last part of which is `block`, where the front finds it. False
  /// where it does not fit.
  func answerPost(_ block: UnsafeRawBufferPointer) -> Bool {
    let count = writer.count + block.count
    guard let posted, count <= Letterbox.responseBytes else { return false }
    let place = unsafe posted.box.responsePlace(postedLane)
    unsafe place.update(from: owner.output, count: writer.count)
    if let start = unsafe block.assumingMemoryBound(to: UInt8.self).baseAddress {
      unsafe (place + writer.count).update(from: start, count: block.count)
    }
    pendingFirst = writer.count
    totalBytesSent += Int64(count)
    let durationUs = Clock.monotonicMicroseconds() - calledUs
    if posted.box.answer(postedLane, count: count, durationUs: durationUs) {
      posted.frontBell.ring()
    }
    return true
  }

  /// Tells the front that the response ends here, and not as it should; false where that cannot be
  /// told, because a frame is under way.
  func sendsAbort() -> Bool {
    guard pendingFirst == writer.count, unsafe pendingBody.count == 0 else { return false }
    writer.truncate(to: responseHeadCount)
    FrameHeader(.abort, isLast: true).encode(into: &writer)
    let start = unsafe UnsafePointer(owner.output + responseHeadCount)
    return unsafe SocketIO.send(
      connection.pointee.socket, start, count: FrameHeader.byteCount)
      == .moved(FrameHeader.byteCount)
  }

  /// Bytes of the body follow, or the end of the response.
  func beginFrame(_ count: Int, isLast: Bool) {
    FrameHeader(.body, isLast: isLast, length: count).encode(into: &writer)
  }
}

/// A request body that a front has collected in a file.
final class ReceivedBody {
  private let file: TemporaryFile
  private let count: Int64
  private var position: Int64 = 0

  /// A body of `count` bytes in the file `descriptor`, which is owned from now on.
  init(owning descriptor: Int32, count: Int64) {
    file = TemporaryFile(owning: descriptor)
    self.count = count
  }

  /// Copies the next bytes of the body; 0 at its end, -1 where the file cannot be read.
  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let take = Int(min(count - position, Int64(buffer.count)))
    guard take > 0 else { return 0 }
    let got = unsafe file.read(
      into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<take]), at: position)
    position += Int64(max(0, got))
    return got > 0 ? got : -1
  }
}
