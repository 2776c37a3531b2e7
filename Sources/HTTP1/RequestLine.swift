// RequestLine: method, target and version. Pure.
internal import Bytes

/// `method SP request-target SP HTTP-version CR LF` (RFC 9112, section 3).
enum RequestLine {
  /// Parses the line that begins at `start` of a complete head.
  ///
  /// - Returns: index of the line after it.
  static func parse(
    _ bytes: Span<UInt8>, from start: Int, into head: inout RequestHead
  ) throws(Refusal) -> Int {
    var space = start
    while ASCII.isToken(bytes[space]) { space &+= 1 }
    guard bytes[space] == ASCII.space else {
      throw Refusal(bytes[space] == ASCII.carriageReturn ? .badRequestLine : .badMethod)
    }
    head.methodRange = ByteRange(offset: start, count: space &- start)
    head.method = Method.of(bytes, start, count: space &- start)

    let target = space &+ 1
    let targetEnd = bytes.firstInvisible(from: target)
    guard bytes[targetEnd] == ASCII.space && targetEnd > target else {
      throw refusal(bytes[targetEnd], isEmpty: targetEnd == target)
    }
    let nextLine = try version(bytes, from: targetEnd &+ 1, into: &head)
    try RequestTarget.parse(bytes, from: target, to: targetEnd, into: &head)
    return nextLine
  }

  /// Why a target ends with `byte` instead of a space, or is empty.
  @inline(never)
  private static func refusal(_ byte: UInt8, isEmpty: Bool) -> Refusal {
    if byte == ASCII.space && isEmpty { return Refusal(.badRequestLine) }
    return Refusal(byte == ASCII.carriageReturn ? .badRequestLine : .badTarget)
  }

  /// Parses the version at `start` and its line end.
  ///
  /// - Returns: index of the next line.
  @inline(__always)
  private static func version(
    _ bytes: Span<UInt8>, from start: Int, into head: inout RequestHead
  ) throws(Refusal) -> Int {
    // "HTTP/1.", and CR LF after the digit, as they stand in memory.
    let name: UInt64 = 0x2E31_2F50_5454_48
    guard bytes.count >= start &+ 12, bytes.word(at: start) & 0xFF_FFFF_FFFF_FFFF == name,
      bytes[start &+ 7] &- UInt8(ascii: "0") < 2,
      bytes[start &+ 8] == ASCII.carriageReturn, bytes[start &+ 9] == ASCII.lineFeed
    else { throw versionRefusal(bytes, from: start) }
    head.minorVersion = bytes[start &+ 7] &- UInt8(ascii: "0")
    return start &+ 10
  }

  /// Whether the version is one that is not supported, or none at all.
  @inline(never)
  private static func versionRefusal(_ bytes: Span<UInt8>, from start: Int) -> Refusal {
    let name: StaticString = "HTTP/"
    guard bytes.count >= start + 10 else { return Refusal(.badVersion) }
    for index in 0..<5 where unsafe bytes[start + index] != name.utf8Start[index] {
      return Refusal(.badVersion)
    }
    let isVersion =
      ASCII.isDigit(bytes[start + 5]) && bytes[start + 6] == UInt8(ascii: ".")
      && ASCII.isDigit(bytes[start + 7]) && bytes[start + 8] == ASCII.carriageReturn
      && bytes[start + 9] == ASCII.lineFeed
    return Refusal(isVersion ? .versionNotSupported : .badVersion)
  }
}

extension Method {
  /// The method that the token of `count` bytes at `start` names; methods have a case.
  @inline(__always)
  static func of(_ bytes: Span<UInt8>, _ start: Int, count: Int) -> Method {
    // A space follows the token, and the rest of the line that: four bytes are always there.
    switch (count, bytes.halfWord(at: start)) {
    case (3, 0x2054_4547): .get
    case (4, 0x5453_4F50): .post
    case (4, 0x4441_4548): .head
    case (3, 0x2054_5550): .put
    case (5, 0x4354_4150): bytes[start &+ 4] == UInt8(ascii: "H") ? .patch : .other
    case (5, 0x4341_5254): bytes[start &+ 4] == UInt8(ascii: "E") ? .trace : .other
    case (6, 0x454C_4544): equals(bytes, start, "DELETE") ? .delete : .other
    case (7, 0x4954_504F): equals(bytes, start, "OPTIONS") ? .options : .other
    case (7, 0x4E4E_4F43): equals(bytes, start, "CONNECT") ? .connect : .other
    default: .other
    }
  }

  private static func equals(_ bytes: Span<UInt8>, _ start: Int, _ name: StaticString) -> Bool {
    for index in 0..<name.utf8CodeUnitCount
    where unsafe bytes[start &+ index] != name.utf8Start[index] {
      return false
    }
    return true
  }
}
