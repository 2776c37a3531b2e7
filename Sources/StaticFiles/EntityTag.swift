// EntityTag: compares entity tags with the lists of conditional requests. Pure.
internal import Bytes

/// Strong entity tags (RFC 9110, section 8.8.3).
enum EntityTag {
  /// Bytes of the longest tag: three numbers of 16 digits, dashes, suffix and quotes.
  static var maximumCount: Int { 64 }

  /// Whether `list`, the value of If-Match or If-None-Match, covers `tag`.
  ///
  /// - Parameter allowsWeak: weak comparison, as If-None-Match wants it; otherwise `W/` tags never
  ///   match. A malformed list covers what stands before the mistake.
  static func list(_ list: Span<UInt8>, covers tag: Span<UInt8>, allowsWeak: Bool) -> Bool {
    let whole = trimmed(0..<list.count, in: list)
    if whole.count == 1 && list[whole.lowerBound] == UInt8(ascii: "*") { return true }
    var position = 0
    while position < list.count {
      let byte = list[position]
      if byte == UInt8(ascii: ",") || ASCII.isBlank(byte) {
        position += 1
        continue
      }
      guard let end = end(ofTagAt: position, in: list) else { return false }
      let isWeak = byte == UInt8(ascii: "W")
      let opaque = list.extracting((isWeak ? position + 2 : position)..<end)
      if (allowsWeak || !isWeak) && equal(opaque, tag) { return true }
      position = end
    }
    return false
  }

  /// Whether two runs of bytes are the same.
  static func equal(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    for index in left.indices where left[index] != right[index] { return false }
    return true
  }

  /// Where the tag that starts at `start` ends; nil where none stands there.
  private static func end(ofTagAt start: Int, in list: Span<UInt8>) -> Int? {
    var position = start
    if list[position] == UInt8(ascii: "W") {
      guard position + 1 < list.count, list[position + 1] == UInt8(ascii: "/") else { return nil }
      position += 2
    }
    guard position < list.count, list[position] == UInt8(ascii: "\"") else { return nil }
    position += 1
    while position < list.count, list[position] != UInt8(ascii: "\"") { position += 1 }
    return position < list.count ? position + 1 : nil
  }
}
