// HeadScanner: finds the end of a request head, line by line, as the bytes come. Pure, sans-I/O.
internal import Bytes

/// Where scanning for the end of a head stopped; kept by a connection between reads, 16 bytes.
///
/// One pass over the bytes from left to right, each looked at once:
///
///     beforeLine --token--> inLines --CR LF CR LF--> the head is complete
///         | CR LF (twice at most)        | LF without CR, line too long, too many lines
///         v                              v
///     beforeLine                      refused
///
/// 1. Whether and why a head is refused here depends on the bytes up to one certain byte, and is
///    decided when that byte is there, whatever call brought it. With the parse of the complete
///    head, which sees nothing of the calls, this makes the outcome independent of the splits.
/// 2. `lineStart <= scanned`; no line feed stands in `lineStart ..< scanned`.
/// 3. Both are offsets from the first byte of the head, at most ``RequestLimits/maximumHeadBytes``.
public struct HeadScanner: Equatable, Sendable {
  /// Empty lines before the request line that are passed over (RFC 9112, section 2.2).
  static var maximumEmptyLines: Int { 2 }

  private var scanned: UInt32 = 0
  private var lineStart: UInt32 = 0
  /// Complete lines: the request line and the fields.
  private var lines: UInt32 = 0
  private var emptyLines: UInt8 = 0
  private var isInLines = false

  /// Nothing scanned yet.
  public init() {}

  /// Offset of the request line.
  var requestLine: Int { Int(emptyLines) &* 2 }

  /// Goes on in `bytes`, which begin with the bytes of the calls before.
  ///
  /// - Returns: length of the head; 0 where it is not complete.
  mutating func scan(_ bytes: Span<UInt8>, limits: RequestLimits) throws(Refusal) -> Int {
    if !isInLines {
      guard try findRequestLine(bytes) else { return 0 }
    }
    var start = Int(lineStart)
    var position = Int(scanned)
    while true {
      // A line and its CR LF have to fit into `bound`; one without a line feed there is too long.
      let bound = start &+ (lines == 0 ? limits.lineBytes : limits.fieldBytes) &+ 2
      let end = min(bytes.count, bound)
      let lineFeed = bytes.firstIndex(of: ASCII.lineFeed, from: position, to: end)
      if lineFeed == end {
        if end == bound { throw Refusal(lines == 0 ? .lineTooLong : .fieldTooLong) }
        lineStart = UInt32(truncatingIfNeeded: start)
        scanned = UInt32(truncatingIfNeeded: end)
        return 0
      }
      guard lineFeed > start && bytes[lineFeed &- 1] == ASCII.carriageReturn else {
        throw Refusal(.bareLineFeed)
      }
      if lineFeed == start &+ 1 { return lineFeed &+ 1 }
      lines &+= 1
      // The request line is one of the lines.
      if Int(lines) > limits.fieldCount &+ 1 { throw Refusal(.tooManyFields) }
      start = lineFeed &+ 1
      position = start
    }
  }

  /// Passes over empty lines and looks at the first byte of the request line, so that what is not
  /// HTTP is refused at once instead of after a time limit.
  ///
  /// - Returns: whether that byte is there.
  private mutating func findRequestLine(_ bytes: Span<UInt8>) throws(Refusal) -> Bool {
    var position = Int(lineStart)
    while position < bytes.count {
      let first = bytes[position]
      if ASCII.isToken(first) {
        isInLines = true
        lineStart = UInt32(truncatingIfNeeded: position)
        scanned = lineStart
        return true
      }
      if first == ASCII.lineFeed { throw Refusal(.bareLineFeed) }
      // 22 is the record type of a TLS handshake (RFC 8446, section 5.1).
      if first == 22 && emptyLines == 0 { throw Refusal(.tlsOnPlainPort) }
      guard first == ASCII.carriageReturn && Int(emptyLines) < Self.maximumEmptyLines else {
        throw Refusal(.badFirstByte)
      }
      guard position &+ 1 < bytes.count else { return false }
      guard bytes[position &+ 1] == ASCII.lineFeed else { throw Refusal(.bareCarriageReturn) }
      emptyLines &+= 1
      position &+= 2
      lineStart = UInt32(truncatingIfNeeded: position)
    }
    return false
  }
}
