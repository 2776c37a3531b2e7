// ProxyHeader: the PROXY protocol, versions 1 and 2. Pure, sans-I/O.
internal import Bytes

/// What a proxy says of its client before the first byte of the connection
/// (haproxy, doc/proxy-protocol.txt).
///
/// Strict: single spaces, numbers without leading zeros, addresses of the announced family.
/// Extensions (TLVs) have to fill the header exactly and are skipped. Allocates: never.
public struct ProxyHeader: Equatable, Sendable {
  /// Bytes of the header; what follows belongs to the client.
  public var length = 0
  /// The client's address and the one it connected to; nil where the proxy speaks for itself
  /// (`LOCAL`), or does not know or say (`UNKNOWN`, `AF_UNSPEC`, `AF_UNIX`).
  public var source: IPAddress?
  /// The address that the client connected to; nil as ``source``.
  public var destination: IPAddress?
  /// The client's port; 0 where ``source`` is nil.
  public var sourcePort: UInt16 = 0
  /// The port that the client connected to; 0 where ``destination`` is nil.
  public var destinationPort: UInt16 = 0

  /// What the bytes at hand are.
  public enum Parse: Equatable, Sendable {
    /// The header is not complete; call again with the same bytes and more.
    case needMoreBytes
    /// A whole header.
    case complete(ProxyHeader)
    /// No header of the PROXY protocol, or a malformed one.
    case refused(Refusal)
  }

  /// Bytes of a header of version 1 at most, its CR LF included (section 2.1).
  private static let mostTextBytes = 107
  /// Bytes behind the first sixteen of version 2 at most: a bound of our own, well above two
  /// addresses and the extensions in use.
  static let mostBinaryBytes = 4096
  private static let fixedBinaryBytes = 16

  /// Reads the header that `bytes` begin with. The outcome is the same however they were split.
  public static func parse(_ bytes: Span<UInt8>) -> Parse {
    guard !bytes.isEmpty else { return .needMoreBytes }
    var header = ProxyHeader()
    let outcome: Outcome
    switch bytes[0] {
    case UInt8(ascii: "P"): outcome = header.readText(bytes)
    case 0x0D: outcome = header.readBinary(bytes)
    default: outcome = .malformed
    }
    switch outcome {
    case .needMoreBytes: return .needMoreBytes
    case .malformed: return .refused(Refusal(.badProxyHeader))
    case .complete: return .complete(header)
    }
  }

  /// Whether `bytes` begin with a header, whole or not, which no request does.
  public static func begins(_ bytes: Span<UInt8>) -> Bool {
    matches(bytes, "PROXY ") && bytes.count >= 6 || startsBinary(bytes) && bytes.count >= 12
  }

  private enum Outcome {
    case needMoreBytes, complete, malformed
  }

  // MARK: version 1

  private mutating func readText(_ bytes: Span<UInt8>) -> Outcome {
    guard Self.matches(bytes, "PROXY ") else { return .malformed }
    let seen = min(bytes.count, Self.mostTextBytes)
    let lineEnd = bytes.firstIndex(of: ASCII.carriageReturn, from: 0, to: seen)
    guard lineEnd < seen else {
      return seen == Self.mostTextBytes ? .malformed : .needMoreBytes
    }
    guard lineEnd &+ 1 < Self.mostTextBytes else { return .malformed }
    guard lineEnd &+ 1 < bytes.count else { return .needMoreBytes }
    guard bytes[lineEnd &+ 1] == ASCII.lineFeed else { return .malformed }
    length = lineEnd &+ 2
    guard lineEnd > 6 else { return .malformed }
    return readWords(bytes.extracting(6..<lineEnd))
  }

  /// `TCP4 192.0.2.1 192.0.2.2 56324 443`, or `UNKNOWN` and anything.
  private mutating func readWords(_ line: Span<UInt8>) -> Outcome {
    var position = 0
    let family = Self.word(line, &position)
    if Self.equals(line, family, "UNKNOWN") { return .complete }
    let isIPv4 = Self.equals(line, family, "TCP4")
    guard isIPv4 || Self.equals(line, family, "TCP6") else { return .malformed }
    let sourceWord = Self.word(line, &position)
    let destinationWord = Self.word(line, &position)
    let sourcePortWord = Self.word(line, &position)
    let destinationPortWord = Self.word(line, &position)
    // After the last word the position is one behind the end.
    guard position == line.count &+ 1,
      let from = Self.address(line.extracting(sourceWord), isIPv4: isIPv4),
      let to = Self.address(line.extracting(destinationWord), isIPv4: isIPv4),
      let fromPort = Self.port(line.extracting(sourcePortWord)),
      let toPort = Self.port(line.extracting(destinationPortWord))
    else { return .malformed }
    (source, destination) = (from, to)
    (sourcePort, destinationPort) = (fromPort, toPort)
    return .complete
  }

  /// The word at `position`, up to the next space; empty at the end.
  private static func word(_ line: Span<UInt8>, _ position: inout Int) -> Range<Int> {
    guard position < line.count else { return line.count..<line.count }
    let start = position
    let end = line.firstIndex(of: ASCII.space, from: start, to: line.count)
    position = end &+ 1
    return start..<end
  }

  private static func equals(
    _ line: Span<UInt8>, _ word: Range<Int>, _ literal: StaticString
  ) -> Bool {
    word.count == literal.utf8CodeUnitCount && matches(line.extracting(word), literal)
  }

  /// An address in the notation of its family.
  private static func address(_ text: Span<UInt8>, isIPv4: Bool) -> IPAddress? {
    let hasColon = text.firstIndex(of: UInt8(ascii: ":"), from: 0, to: text.count) < text.count
    return hasColon != isIPv4 ? IPAddress(text) : nil
  }

  private static func port(_ text: Span<UInt8>) -> UInt16? {
    guard text.count == 1 || (2...5).contains(text.count) && text[0] != UInt8(ascii: "0"),
      let number = ASCII.decimal(text)
    else { return nil }
    return UInt16(exactly: number)
  }

  // MARK: version 2

  private mutating func readBinary(_ bytes: Span<UInt8>) -> Outcome {
    guard Self.startsBinary(bytes) else { return .malformed }
    // Each byte is judged as soon as it is there, so that nobody waits for the rest of nonsense.
    if bytes.count > 12 && bytes[12] != 0x20 && bytes[12] != 0x21 { return .malformed }
    guard bytes.count >= Self.fixedBinaryBytes else { return .needMoreBytes }
    let count = Int(Self.number(bytes, at: 14, count: 2))
    guard count <= Self.mostBinaryBytes else { return .malformed }
    let isLocal = bytes[12] == 0x20
    let addressBytes: Int
    switch bytes[13] {
    case 0x00: addressBytes = 0
    case 0x11: addressBytes = 12
    case 0x21: addressBytes = 36
    case 0x31: addressBytes = 216
    // Of a connection of the proxy's own nothing but the length matters (section 2.2).
    default:
      guard isLocal else { return .malformed }
      addressBytes = 0
    }
    guard isLocal || count >= addressBytes else { return .malformed }
    length = Self.fixedBinaryBytes + count
    guard bytes.count >= length else { return .needMoreBytes }
    if isLocal || bytes[13] == 0 { return .complete }
    let block = bytes.extracting(Self.fixedBinaryBytes..<length)
    guard Self.areExtensions(block.extracting(addressBytes..<count)) else { return .malformed }
    readAddresses(block, family: bytes[13])
    return .complete
  }

  private mutating func readAddresses(_ block: Span<UInt8>, family: UInt8) {
    let width: Int
    switch family {
    case 0x11:
      width = 4
      source = IPAddress(ipv4: UInt32(Self.number(block, at: 0, count: 4)))
      destination = IPAddress(ipv4: UInt32(Self.number(block, at: 4, count: 4)))
    case 0x21:
      width = 16
      source = Self.ipv6(block, at: 0)
      destination = Self.ipv6(block, at: 16)
    default: return
    }
    sourcePort = UInt16(Self.number(block, at: 2 * width, count: 2))
    destinationPort = UInt16(Self.number(block, at: 2 * width + 2, count: 2))
  }

  /// Whether `bytes` are extensions, each a type, a length of two bytes and so many more.
  private static func areExtensions(_ bytes: Span<UInt8>) -> Bool {
    var position = 0
    while position < bytes.count {
      guard bytes.count - position >= 3 else { return false }
      position += 3 + Int(number(bytes, at: position + 1, count: 2))
    }
    return position == bytes.count
  }

  private static func ipv6(_ bytes: Span<UInt8>, at start: Int) -> IPAddress {
    IPAddress(
      bits: UInt128(number(bytes, at: start, count: 8)) << 64
        | UInt128(number(bytes, at: start + 8, count: 8)))
  }

  /// The number of `count` bytes, the highest first.
  private static func number(_ bytes: Span<UInt8>, at start: Int, count: Int) -> UInt64 {
    var number: UInt64 = 0
    for index in start..<start + count { number = number &<< 8 | UInt64(bytes[index]) }
    return number
  }

  private static func startsBinary(_ bytes: Span<UInt8>) -> Bool {
    matches(bytes, "\r\n\r\n\0\r\nQUIT\n")
  }

  /// Whether as many of `bytes` as there are, are those that `literal` begins with.
  private static func matches(_ bytes: Span<UInt8>, _ literal: StaticString) -> Bool {
    let expected = unsafe UnsafeBufferPointer(
      start: literal.utf8Start, count: literal.utf8CodeUnitCount
    ).span
    for index in 0..<min(bytes.count, expected.count) where bytes[index] != expected[index] {
      return false
    }
    return true
  }
}
