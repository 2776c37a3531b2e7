// ASCII: classes of bytes, comparison without case, numbers in text. Pure.

/// Questions about single bytes and short runs of them, as the grammars of HTTP ask them.
///
/// A class is a bit map in two integer constants: it needs no memory, no initialisation, and no
/// check of an index. Allocates: never.
public enum ASCII {
  /// Horizontal tab.
  @inlinable public static var tab: UInt8 { 0x09 }
  /// Line feed.
  @inlinable public static var lineFeed: UInt8 { 0x0A }
  /// Carriage return.
  @inlinable public static var carriageReturn: UInt8 { 0x0D }
  /// Space.
  @inlinable public static var space: UInt8 { 0x20 }

  /// Whether the bit of `byte` is set in a map of the 128 ASCII codes; false from 0x80 on.
  @inlinable @inline(__always)
  static func isIn(_ low: UInt64, _ high: UInt64, _ byte: UInt8) -> Bool {
    let half = byte & 0x40 == 0 ? low : high
    return byte < 0x80 && (half &>> UInt64(byte & 0x3F)) & 1 == 1
  }

  /// Whether `byte` may stand in a token: `tchar`, RFC 9110, section 5.6.2.
  @inlinable @inline(__always)
  public static func isToken(_ byte: UInt8) -> Bool {
    isIn(0x03FF_6CFA_0000_0000, 0x57FF_FFFF_C7FF_FFFE, byte)
  }

  /// Whether `byte` may stand in a registered name: `unreserved` and `sub-delims`, RFC 3986,
  /// section 3.2.2, without the `%` of an escape.
  @inlinable @inline(__always)
  public static func isRegisteredName(_ byte: UInt8) -> Bool {
    isIn(0x2BFF_7FD2_0000_0000, 0x47FF_FFFE_87FF_FFFE, byte)
  }

  /// Whether `byte` may stand in a field value: anything but control bytes; the tab is allowed,
  /// and so is everything from 0x80 on (RFC 9110, section 5.5).
  @inlinable @inline(__always)
  public static func isFieldValue(_ byte: UInt8) -> Bool {
    (byte >= 0x20 && byte != 0x7F) || byte == tab
  }

  /// Whether `byte` is optional white space: space or tab (RFC 9110, section 5.6.3).
  @inlinable @inline(__always)
  public static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

  /// Whether `byte` is one of `0` to `9`.
  @inlinable @inline(__always)
  public static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

  /// Whether `byte` is one of `A` to `Z` and `a` to `z`.
  @inlinable @inline(__always)
  public static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

  /// Value of a hexadecimal digit of either case, 0...15; -1 for any other byte.
  @inlinable @inline(__always)
  public static func hexValue(_ byte: UInt8) -> Int {
    if isDigit(byte) { return Int(byte &- 0x30) }
    let letter = (byte | 0x20) &- 0x61
    return letter < 6 ? Int(letter) &+ 10 : -1
  }

  /// `byte`, in lower case where it is a letter.
  @inlinable @inline(__always)
  public static func lowercased(_ byte: UInt8) -> UInt8 {
    byte &- 0x41 < 26 ? byte | 0x20 : byte
  }
}

// MARK: comparison

extension ASCII {
  /// Whether both runs are equal where the case of ASCII letters does not count.
  public static func equalsIgnoringCase(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    for index in left.indices where lowercased(left[index]) != lowercased(right[index]) {
      return false
    }
    return true
  }

  /// Whether `bytes` equals `literal` where the case of ASCII letters does not count.
  public static func equalsIgnoringCase(_ bytes: Span<UInt8>, _ literal: StaticString) -> Bool {
    let other = unsafe UnsafeBufferPointer(
      start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    return unsafe equalsIgnoringCase(bytes, other.span)
  }

  /// Whether both runs are equal where the case of ASCII letters does not count.
  public static func equalsIgnoringCase(
    _ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    unsafe equalsIgnoringCase(left.span, right.span)
  }

  /// Whether `bytes` equals `literal` where the case of ASCII letters does not count.
  public static func equalsIgnoringCase(
    _ bytes: UnsafeBufferPointer<UInt8>, _ literal: StaticString
  ) -> Bool {
    unsafe equalsIgnoringCase(bytes.span, literal)
  }
}

// MARK: numbers

extension ASCII {
  /// The number that `bytes` spells in decimal digits, 0...`Int64.max`.
  ///
  /// Nothing but digits is allowed: no sign, no white space. Leading zeros are.
  /// - Returns: nil where `bytes` is empty, holds another byte, or the number is too large.
  public static func decimal(_ bytes: Span<UInt8>) -> Int64? {
    guard !bytes.isEmpty else { return nil }
    var number: Int64 = 0
    for index in bytes.indices {
      let digit = bytes[index] &- 0x30
      guard digit < 10 else { return nil }
      let (tenfold, tooLarge) = number.multipliedReportingOverflow(by: 10)
      let (sum, stillTooLarge) = tenfold.addingReportingOverflow(Int64(digit))
      if tooLarge || stillTooLarge { return nil }
      number = sum
    }
    return number
  }

  /// The number that `bytes` spells in decimal digits; see the overload for spans.
  public static func decimal(_ bytes: UnsafeBufferPointer<UInt8>) -> Int64? {
    unsafe decimal(bytes.span)
  }
}
