// RequestFrame: a parsed request on its way from a front to a worker. Pure.
public import Bytes
public import HTTP1

/// What a front tells of a request. The worker parses nothing again: where each part stands in the
/// head comes along, so that both sides cannot read it differently.
public struct RequestFrame: Equatable, Sendable {
  /// Bytes of a body that travel in the frame itself; a longer one comes as a descriptor.
  public static let mostInlineBody = 32_768
  /// Bytes of the part whose size does not depend on the request.
  static let fixedBytes = 96
  /// Bytes of one field.
  static let fieldBytes = 17

  /// Identifies the request in the logs and in the scoreboard.
  public var requestID: UInt64 = 0
  /// How long it waited in the front's queue, in microseconds.
  public var queuedUs: Int64 = 0
  /// Bytes of the decoded body; -1 where it is chunked and still arrives.
  public var bodyLength: Int64 = 0
  /// Bytes of the body that are in the frame; 0 where a descriptor came along instead.
  public var inlineBody = 0
  /// Which word of the worker's slot the worker marks when it begins.
  public var lane: UInt16 = 0
  /// Number of the mount the request belongs to.
  public var mount: UInt16 = 0
  /// Whether the client came through a Unix socket.
  public var isUnixSocket = false
  /// Whether the client used HTTPS.
  public var isSecure = false
  /// Whether the body is in a descriptor that came along.
  public var hasBodyFile = false
  /// Whether the body in the descriptor still arrives; a second one tells how far it is.
  public var isArriving = false
  /// The client's port; 0 where it is not known.
  public var peerPort: UInt16 = 0
  /// The port that the client connected to.
  public var localPort: UInt16 = 0

  /// A request of which nothing is said yet.
  public init() {}

  private static let unixSocket: UInt8 = 1
  private static let bodyFile: UInt8 = 2
  private static let chunked: UInt8 = 4
  private static let secure: UInt8 = 8
  private static let arriving: UInt8 = 16

  /// Bytes of the whole frame with its header.
  public static func byteCount(
    head: RequestHead, peer: Int, local: Int, inlineBody: Int
  ) -> Int {
    FrameHeader.byteCount + fixedBytes + head.fieldCount * fieldBytes + peer + local + head.length
      + inlineBody
  }

  /// Appends the whole frame; the writer has room for ``byteCount(head:peer:local:inlineBody:)``.
  /// Allocates: never.
  public func encode(
    _ head: RequestHead, _ fields: UnsafeBufferPointer<Field>,
    headBytes: UnsafePointer<UInt8>, body: UnsafeBufferPointer<UInt8>,
    peer: UnsafeBufferPointer<UInt8>, local: UnsafeBufferPointer<UInt8>,
    into writer: inout ByteWriter
  ) {
    precondition(body.count == inlineBody && fields.count == head.fieldCount)
    let count = Self.byteCount(
      head: head, peer: peer.count, local: local.count, inlineBody: inlineBody)
    FrameHeader(.request, isLast: true, length: count - FrameHeader.byteCount).encode(into: &writer)
    writer.append(littleEndian: requestID)
    writer.append(littleEndian: queuedUs)
    writer.append(littleEndian: bodyLength)
    writer.append(littleEndian: UInt32(truncatingIfNeeded: head.length))
    writer.append(littleEndian: UInt32(truncatingIfNeeded: inlineBody))
    writer.append(littleEndian: UInt16(truncatingIfNeeded: head.fieldCount))
    writer.append(littleEndian: mount)
    writer.append(littleEndian: lane)
    writer.append(littleEndian: peerPort)
    writer.append(littleEndian: localPort)
    writer.append(UInt8(truncatingIfNeeded: peer.count))
    writer.append(UInt8(truncatingIfNeeded: local.count))
    writer.append(head.method.rawValue)
    writer.append(head.targetForm.rawValue)
    writer.append(head.minorVersion)
    writer.append(
      (isUnixSocket ? Self.unixSocket : 0) | (hasBodyFile ? Self.bodyFile : 0)
        | (head.isChunked ? Self.chunked : 0) | (isSecure ? Self.secure : 0)
        | (isArriving ? Self.arriving : 0))
    writer.append(littleEndian: head.contentLength)
    encode(head.methodRange, &writer)
    encode(head.target, &writer)
    encode(head.path, &writer)
    encode(head.query, &writer)
    encode(head.host, &writer)
    for index in fields.indices {
      let field = unsafe fields[index]
      encode(field.name, &writer)
      encode(field.value, &writer)
      writer.append(field.id.rawValue)
    }
    unsafe writer.append(copying: peer)
    unsafe writer.append(copying: local)
    unsafe writer.append(copying: UnsafeBufferPointer(start: headBytes, count: head.length))
    unsafe writer.append(copying: body)
  }

  @inline(__always)
  private func encode(_ range: ByteRange, _ writer: inout ByteWriter) {
    writer.append(littleEndian: UInt64(range.offset) | UInt64(range.count) << 32)
  }
}

/// A request frame that was read: the texts stand in the bytes it was read from.
@safe public struct ReceivedRequest {
  /// What the front tells.
  public var frame = RequestFrame()
  /// The parsed head.
  public var head = RequestHead()
  /// Text of the client's address.
  public var peer = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  /// Text of the address that the client connected to.
  public var local = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  /// The head, ``HTTP1/RequestHead/length`` bytes.
  public var headBytes = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  /// The body, where it is in the frame.
  public var body = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)

  /// Reads what follows the header. nil where it is no request frame: anything that stands outside
  /// of its bytes, or more fields than `fields` has room for.
  ///
  /// - Parameter fields: filled with the fields of the head. Allocates: never.
  public init?(
    decoding bytes: UnsafeBufferPointer<UInt8>, fields: UnsafeMutableBufferPointer<Field>
  ) {
    var reader = unsafe ByteReader(bytes)
    frame.requestID = reader.number(UInt64.self)
    frame.queuedUs = reader.number(Int64.self)
    frame.bodyLength = reader.number(Int64.self)
    head.length = Int(reader.number(UInt32.self))
    frame.inlineBody = Int(reader.number(UInt32.self))
    head.fieldCount = Int(reader.number(UInt16.self))
    frame.mount = reader.number(UInt16.self)
    frame.lane = reader.number(UInt16.self)
    frame.peerPort = reader.number(UInt16.self)
    frame.localPort = reader.number(UInt16.self)
    let peerCount = Int(reader.number(UInt8.self))
    let localCount = Int(reader.number(UInt8.self))
    let method = Method(rawValue: reader.number(UInt8.self))
    let form = TargetForm(rawValue: reader.number(UInt8.self))
    head.minorVersion = reader.number(UInt8.self)
    let flags = reader.number(UInt8.self)
    head.contentLength = reader.number(Int64.self)
    head.methodRange = Self.range(&reader)
    head.target = Self.range(&reader)
    head.path = Self.range(&reader)
    head.query = Self.range(&reader)
    head.host = Self.range(&reader)
    guard !reader.failed, let method, let form, flags < 32, head.fieldCount <= fields.count,
      head.minorVersion <= 1
    else { return nil }
    head.method = method
    head.targetForm = form
    frame.isUnixSocket = flags & 1 != 0
    frame.hasBodyFile = flags & 2 != 0
    head.isChunked = flags & 4 != 0
    frame.isSecure = flags & 8 != 0
    frame.isArriving = flags & 16 != 0
    let isUnknown = frame.isArriving && head.isChunked
    guard frame.bodyLength >= (isUnknown ? -1 : 0), frame.hasBodyFile || !frame.isArriving else {
      return nil
    }
    for index in 0..<head.fieldCount {
      let name = Self.range(&reader)
      let value = Self.range(&reader)
      guard let id = FieldName(rawValue: reader.number(UInt8.self)) else { return nil }
      guard isInside(name), isInside(value) else { return nil }
      unsafe fields[index] = Field(name: name, value: value, id: id)
    }
    unsafe peer = unsafe reader.run(peerCount)
    unsafe local = unsafe reader.run(localCount)
    unsafe headBytes = unsafe reader.run(head.length)
    unsafe body = unsafe reader.run(frame.inlineBody)
    guard !reader.failed, reader.remaining == 0, isInside(head.methodRange),
      isInside(head.target), isInside(head.path), isInside(head.query), isInside(head.host),
      frame.hasBodyFile ? frame.inlineBody == 0 : Int64(frame.inlineBody) == frame.bodyLength
    else { return nil }
  }

  @inline(__always)
  private static func range(_ reader: inout ByteReader) -> ByteRange {
    let both = reader.number(UInt64.self)
    return ByteRange(offset: Int(both & 0xFFFF_FFFF), count: Int(both >> 32))
  }

  private func isInside(_ range: ByteRange) -> Bool {
    Int(range.offset) + Int(range.count) <= head.length
  }
}
