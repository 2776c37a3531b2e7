// RequestTarget: the four forms of a request target. Pure.
internal import Bytes

/// What is asked for: `/path?query`, `http://host/path`, `host:port` or `*` (RFC 9112, section
/// 3.2).
enum RequestTarget {
  /// Splits the target in `start ..< end`, visible ASCII and not empty, by its form.
  static func parse(
    _ bytes: Span<UInt8>, from start: Int, to end: Int, into head: inout RequestHead
  ) throws(Refusal) {
    head.target = ByteRange(offset: start, count: end &- start)
    if bytes.firstIndex(of: UInt8(ascii: "#"), from: start, to: end) != end {
      throw Refusal(.fragmentInTarget)
    }
    if head.method == .connect {
      try authorityForm(bytes, from: start, to: end, into: &head)
    } else if bytes[start] == UInt8(ascii: "/") {
      head.targetForm = .origin
      splitPath(bytes, from: start, to: end, into: &head)
    } else if bytes[start] == UInt8(ascii: "*") && end == start &+ 1 {
      guard head.method == .options else { throw Refusal(.targetNotForMethod) }
      head.targetForm = .asterisk
      head.path = head.target
      head.query = ByteRange(offset: end, count: 0)
    } else {
      try absoluteForm(bytes, from: start, to: end, into: &head)
    }
  }

  /// Splits path and query at the first question mark.
  @inline(__always)
  private static func splitPath(
    _ bytes: Span<UInt8>, from start: Int, to end: Int, into head: inout RequestHead
  ) {
    let mark = bytes.firstIndex(of: UInt8(ascii: "?"), from: start, to: end)
    let query = min(mark &+ 1, end)
    head.path = ByteRange(offset: start, count: mark &- start)
    head.query = ByteRange(offset: query, count: end &- query)
  }

  /// `host:port`, both required, for CONNECT alone.
  private static func authorityForm(
    _ bytes: Span<UInt8>, from start: Int, to end: Int, into head: inout RequestHead
  ) throws(Refusal) {
    let form = Authority.form(of: bytes.extracting(start..<end))
    // Something with a slash in it is another form, which CONNECT does not have.
    if bytes.firstIndex(of: UInt8(ascii: "/"), from: start, to: end) != end
      || head.target.count == 1 && bytes[start] == UInt8(ascii: "*")
    {
      throw Refusal(.targetNotForMethod)
    }
    guard form == .hostAndPort else { throw Refusal(.badAuthority) }
    head.targetForm = .authority
    head.host = head.target
    head.path = ByteRange(offset: end, count: 0)
    head.query = ByteRange(offset: end, count: 0)
  }

  /// `http://host:port/path?query`, of which the host is required. User names are refused
  /// (RFC 9110, section 4.2.4).
  private static func absoluteForm(
    _ bytes: Span<UInt8>, from start: Int, to end: Int, into head: inout RequestHead
  ) throws(Refusal) {
    let scheme = schemeLength(bytes.extracting(start..<end))
    guard scheme > 0 else { throw Refusal(.unknownTargetForm) }
    let authority = start + scheme
    var path = authority
    while path < end && bytes[path] != UInt8(ascii: "/") && bytes[path] != UInt8(ascii: "?") {
      path &+= 1
    }
    let form = Authority.form(of: bytes.extracting(authority..<path))
    guard form == .host || form == .hostAndPort else { throw Refusal(.badAuthority) }
    head.targetForm = .absolute
    head.host = ByteRange(offset: authority, count: path - authority)
    splitPath(bytes, from: path, to: end, into: &head)
  }

  /// Bytes of `http://` or `https://` at the start of a target; 0 without them.
  private static func schemeLength(_ target: Span<UInt8>) -> Int {
    if target.count >= 7 && ASCII.equalsIgnoringCase(target.extracting(0..<7), "http://") {
      return 7
    }
    if target.count >= 8 && ASCII.equalsIgnoringCase(target.extracting(0..<8), "https://") {
      return 8
    }
    return 0
  }
}
