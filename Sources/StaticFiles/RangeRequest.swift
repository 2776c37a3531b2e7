// RangeRequest: what a Range field asks of a file of known size. Pure.
internal import Bytes

/// What to send for a Range field (RFC 9110, section 14.2).
enum RangeRequest: Equatable {
  /// Everything: the field is malformed, has another unit, or asks for several ranges, and a server
  /// may ignore it.
  case whole
  /// `count` > 0 bytes from `first` on.
  case part(first: Int64, count: Int64)
  /// Nothing of the file is in the range: 416.
  case unsatisfiable

  /// Reads `bytes=first-last`, `bytes=first-` and `bytes=-suffix`. Allocates: never.
  ///
  /// An empty file is sent whole, because no Content-Range can describe a part of it.
  init(_ value: Span<UInt8>, sizeBytes: Int64) {
    self = .whole
    guard sizeBytes > 0, value.count > 6,
      ASCII.equalsIgnoringCase(value.extracting(0..<6), "bytes=")
    else { return }
    let text = value.extracting(trimmed(6..<value.count, in: value))
    var dash = 0
    while dash < text.count, text[dash] != UInt8(ascii: "-") { dash += 1 }
    guard dash < text.count else { return }
    let left = text.extracting(0..<dash)
    let right = text.extracting((dash + 1)...)
    if left.isEmpty {
      guard let suffix = Self.position(right) else { return }
      let count = min(suffix, sizeBytes)
      self = count == 0 ? .unsatisfiable : .part(first: sizeBytes - count, count: count)
      return
    }
    guard let first = Self.position(left) else { return }
    var last = Int64.max
    if !right.isEmpty {
      guard let position = Self.position(right), position >= first else { return }
      last = position
    }
    guard first < sizeBytes else {
      self = .unsatisfiable
      return
    }
    self = .part(first: first, count: min(last, sizeBytes - 1) - first + 1)
  }

  /// A number in digits; one too large for 63 bits is as good as the largest. nil where it is none.
  private static func position(_ digits: Span<UInt8>) -> Int64? {
    guard !digits.isEmpty else { return nil }
    for index in digits.indices where !ASCII.isDigit(digits[index]) { return nil }
    return ASCII.decimal(digits) ?? .max
  }
}
