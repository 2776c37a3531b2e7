// RequestHeadParser: bytes to RequestHead. Pure, sans-I/O.
internal import Bytes

/// What came of parsing the bytes at hand.
public enum HeadParse: Equatable, Sendable {
  /// The head is not complete; call again with the same bytes and more.
  case needMoreBytes
  /// ``RequestHeadParser/head`` and ``RequestHeadParser/fields`` are filled.
  case complete
  /// The request is refused; nothing else of the connection may be parsed.
  case refused(Refusal)
}

/// Parses request heads, one at a time, into storage of its own that is used again.
///
/// Strict by RFC 9110 and RFC 9112: what they call an error is refused, and nothing is repaired.
/// The scanner finds the end of the head; then the head is parsed once, whole. Allocates: the
/// storage of the fields, once.
@safe public struct RequestHeadParser: ~Copyable {
  /// The last head that was parsed whole; after a refusal it holds nothing of meaning.
  public internal(set) var head = RequestHead()
  /// Its fields, in order; valid until the next call of ``parse(_:scanner:)``.
  public var fields: UnsafeBufferPointer<Field> {
    unsafe UnsafeBufferPointer(start: storage, count: head.fieldCount)
  }

  private let limits: RequestLimits
  let storage: UnsafeMutablePointer<Field>

  /// A parser with room for `limits.fieldCount` fields.
  ///
  /// The limits are at least 1, and small enough that offsets in a head fit into 32 bits.
  public init(limits: RequestLimits) {
    precondition(limits.lineBytes > 0 && limits.fieldBytes > 0 && limits.fieldCount > 0)
    precondition(limits.maximumHeadBytes < UInt32.max)
    self.limits = limits
    unsafe storage = .allocate(capacity: limits.fieldCount)
  }

  deinit { unsafe storage.deallocate() }

  /// Parses `bytes`, which start at the first byte of the head.
  ///
  /// The outcome is the same however the bytes were split over calls. A complete head sets
  /// `scanner` back, ready for the next head of the connection. Allocates: never.
  public mutating func parse(
    _ bytes: UnsafeBufferPointer<UInt8>, scanner: inout HeadScanner
  ) -> HeadParse {
    let bytes = unsafe bytes.span
    head.fieldCount = 0
    do throws(Refusal) {
      let length = try scanner.scan(bytes, limits: limits)
      if length == 0 { return .needMoreBytes }
      let requestLine = scanner.requestLine
      scanner = HeadScanner()
      try parse(bytes.extracting(0..<length), requestLine: requestLine)
      return .complete
    } catch {
      return .refused(error)
    }
  }

  /// Parses a complete head, which ends with its blank line.
  private mutating func parse(_ bytes: Span<UInt8>, requestLine: Int) throws(Refusal) {
    var head = RequestHead()
    head.length = bytes.count
    let fieldLines = try RequestLine.parse(bytes, from: requestLine, into: &head)
    var framing = Framing()
    let count = try parseFields(bytes, from: fieldLines, minorVersion: head.minorVersion, &framing)
    try framing.settle(&head)
    head.fieldCount = count
    self.head = head
  }

  /// Parses the field lines up to the blank line.
  ///
  /// - Returns: their number.
  private func parseFields(
    _ bytes: Span<UInt8>, from start: Int, minorVersion: UInt8, _ framing: inout Framing
  ) throws(Refusal) -> Int {
    var position = start
    var count = 0
    while bytes[position] != ASCII.carriageReturn {
      let colon = try FieldLine.colon(bytes, from: position)
      let value = try FieldLine.value(bytes, from: colon &+ 1)
      let id = FieldName.of(bytes, position, count: colon &- position)
      if id != .other {
        try framing.take(id, bytes, value.range, minorVersion: minorVersion)
      }
      // The scanner has counted the lines, so this guards memory against a mistake there.
      precondition(count < limits.fieldCount)
      unsafe (storage + count).initialize(
        to: Field(
          name: ByteRange(offset: position, count: colon &- position), value: value.range, id: id))
      count &+= 1
      position = value.nextLine
    }
    // The blank line is the last thing in the head; a CR anywhere else is a bare one.
    guard position &+ 2 == bytes.count else { throw Refusal(.bareCarriageReturn) }
    return count
  }
}

/// One header line: `name ":" OWS value OWS CR LF` (RFC 9112, section 5).
enum FieldLine {
  /// Index of the colon after the name that begins at `start`.
  @inline(__always)
  static func colon(_ bytes: Span<UInt8>, from start: Int) throws(Refusal) -> Int {
    let index = bytes.tokenEnd(from: start)
    guard bytes[index] == UInt8(ascii: ":") && index > start else {
      throw refusal(bytes[index], isFirst: index == start)
    }
    return index
  }

  /// Why a name ends with `byte` instead of a colon, or is empty.
  @inline(never)
  private static func refusal(_ byte: UInt8, isFirst: Bool) -> Refusal {
    if ASCII.isBlank(byte) { return Refusal(isFirst ? .foldedField : .spaceBeforeColon) }
    return Refusal(.badFieldName)
  }

  /// The value that begins at `start`, after the colon, without the white space around it, and the
  /// index of the next line.
  @inline(__always)
  static func value(
    _ bytes: Span<UInt8>, from start: Int
  ) throws(Refusal) -> (range: ByteRange, nextLine: Int) {
    var first = start
    while ASCII.isBlank(bytes[first]) { first &+= 1 }
    var lineEnd = bytes.firstControl(from: first)
    while bytes[lineEnd] == ASCII.tab { lineEnd = bytes.firstControl(from: lineEnd &+ 1) }
    guard bytes[lineEnd] == ASCII.carriageReturn else { throw Refusal(.badFieldValue) }
    guard bytes[lineEnd &+ 1] == ASCII.lineFeed else { throw Refusal(.bareCarriageReturn) }
    var end = lineEnd
    while end > first && ASCII.isBlank(bytes[end &- 1]) { end &-= 1 }
    return (ByteRange(offset: first, count: end &- first), lineEnd &+ 2)
  }
}
