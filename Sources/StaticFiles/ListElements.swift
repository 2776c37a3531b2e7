// ListElements: walks the elements of comma-separated field values. Pure.
internal import Bytes

/// A position in a `#element` list (RFC 9110, section 5.6.1) without quoted commas.
///
/// ```
/// var elements = ListElements()
/// while elements.next(in: value) { use(value.extracting(elements.range)) }
/// ```
struct ListElements {
  /// The current element, without white space around it; never empty.
  private(set) var range = 0..<0
  private var position = 0

  init() {}

  /// Goes to the next element, past empty ones. Returns whether there is one.
  mutating func next(in list: Span<UInt8>) -> Bool {
    while position < list.count {
      let start = position
      while position < list.count, list[position] != UInt8(ascii: ",") { position += 1 }
      range = trimmed(start..<position, in: list)
      position += 1
      if !range.isEmpty { return true }
    }
    return false
  }
}

/// `range` without the spaces and tabs at its ends.
func trimmed(_ range: Range<Int>, in bytes: Span<UInt8>) -> Range<Int> {
  var start = range.lowerBound
  var end = range.upperBound
  while start < end, ASCII.isBlank(bytes[start]) { start += 1 }
  while end > start, ASCII.isBlank(bytes[end - 1]) { end -= 1 }
  return start..<end
}
