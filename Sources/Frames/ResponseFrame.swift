// ResponseFrame: the head of a response on its way from a worker to a front. Pure.
public import Bytes
internal import HTTP1

/// What a worker tells of a response before its field lines. Framing, Connection, and the fields
/// that the server adds are the front's business.
public struct ResponseFrame: Equatable, Sendable {
  /// Bytes before the status line.
  public static let fixedBytes = 12

  /// Status code.
  public var status: Int
  /// Whether the application sent a Date field.
  public var hasDate: Bool
  /// Whether the application sent a Server field.
  public var hasServer: Bool
  /// Content-Length as the application declared it, or as it follows; -1 where it is not known.
  public var declaredLength: Int64

  /// A response head.
  public init(status: Int, hasDate: Bool, hasServer: Bool, declaredLength: Int64) {
    self.status = status
    self.hasDate = hasDate
    self.hasServer = hasServer
    self.declaredLength = declaredLength
  }

  /// Appends it. Allocates: never.
  public func encode(into writer: inout ByteWriter) {
    writer.append(littleEndian: UInt16(truncatingIfNeeded: status))
    writer.append(littleEndian: UInt16((hasDate ? 1 : 0) | (hasServer ? 2 : 0)))
    writer.append(littleEndian: declaredLength)
  }

  /// Reads it, and checks the status line and the field lines that follow: what a front sends on is
  /// a head and nothing else, whatever a worker says.
  ///
  /// - Returns: nil where a line is none, or is a field that is the front's business.
  public init?(decoding bytes: UnsafeBufferPointer<UInt8>) {
    var reader = unsafe ByteReader(bytes)
    let status = Int(reader.number(UInt16.self))
    let flags = reader.number(UInt16.self)
    let declared = reader.number(Int64.self)
    guard !reader.failed, (100...999).contains(status), flags < 4, declared >= -1 else {
      return nil
    }
    self.init(
      status: status, hasDate: flags & 1 != 0, hasServer: flags & 2 != 0, declaredLength: declared)
    guard unsafe Self.isHead(UnsafeBufferPointer(rebasing: bytes[Self.fixedBytes...])) else {
      return nil
    }
  }

  private static func isHead(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    var start = 0
    var isFirst = true
    while start < bytes.count {
      guard let end = unsafe lineEnd(bytes, from: start) else { return false }
      let line = unsafe UnsafeBufferPointer(rebasing: bytes[start..<end])
      guard unsafe isFirst ? FieldSyntax.isValue(line) : isField(line) else { return false }
      isFirst = false
      start = end + 2
    }
    return !isFirst
  }

  /// Where the line that begins at `start` ends: a CR with a LF behind it.
  private static func lineEnd(_ bytes: UnsafeBufferPointer<UInt8>, from start: Int) -> Int? {
    var index = start
    while index < bytes.count, unsafe bytes[index] != ASCII.carriageReturn { index &+= 1 }
    guard index + 1 < bytes.count, unsafe bytes[index + 1] == ASCII.lineFeed else { return nil }
    return index
  }

  private static func isField(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let colon = unsafe line.firstIndex(of: UInt8(ascii: ":")) else { return false }
    let name = unsafe UnsafeBufferPointer(rebasing: line[..<colon])
    let value = unsafe UnsafeBufferPointer(rebasing: line[(colon + 1)...])
    return unsafe FieldSyntax.isToken(name) && FieldSyntax.isValue(value)
      && !HopByHop.contains(name) && !ASCII.equalsIgnoringCase(name, "content-length")
  }
}
