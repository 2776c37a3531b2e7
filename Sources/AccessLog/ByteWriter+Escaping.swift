// ByteWriter+Escaping: bytes of strangers, made safe for a log. Pure. Hot path.
internal import Bytes

extension ByteWriter {
  /// Appends one byte as httpd's ap_escape_logitem does: `\"`, `\\`, `\b`, `\n`, `\r`, `\t`, `\v`,
  /// and `\xhh` for every other byte that is not printable ASCII. Allocates: never.
  mutating func append(escaped byte: UInt8) {
    guard byte.needsEscape else { return append(byte) }
    append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): append(byte)
    case 0x08: append(UInt8(ascii: "b"))
    case 0x09: append(UInt8(ascii: "t"))
    case 0x0A: append(UInt8(ascii: "n"))
    case 0x0B: append(UInt8(ascii: "v"))
    case 0x0D: append(UInt8(ascii: "r"))
    default:
      append(UInt8(ascii: "x"))
      append(hexDigit: byte >> 4)
      append(hexDigit: byte & 15)
    }
  }

  /// Appends `text` escaped; runs of harmless bytes are copied whole. Allocates: never.
  mutating func append(escaped text: UnsafeBufferPointer<UInt8>) {
    var runStart = 0
    var index = 0
    while index < text.count {
      let byte = unsafe text[index]
      if byte.needsEscape {
        unsafe append(copying: UnsafeBufferPointer(rebasing: text[runStart..<index]))
        append(escaped: byte)
        runStart = index &+ 1
      }
      index &+= 1
    }
    unsafe append(copying: UnsafeBufferPointer(rebasing: text[runStart..<index]))
  }

  /// Appends `text` escaped, or `-` where it is empty.
  mutating func append(escapedOrDash text: UnsafeBufferPointer<UInt8>) {
    if text.isEmpty {
      append(UInt8(ascii: "-"))
    } else {
      unsafe append(escaped: text)
    }
  }

  /// Appends a path with its `%hh` decoded, then escaped; `-` where it is empty.
  mutating func append(percentDecoded text: UnsafeBufferPointer<UInt8>) {
    if text.isEmpty { return append(UInt8(ascii: "-")) }
    var index = 0
    while index < text.count {
      let byte = unsafe text[index]
      if byte == UInt8(ascii: "%"), index &+ 2 < text.count,
        let high = unsafe text[index &+ 1].hexValue, let low = unsafe text[index &+ 2].hexValue
      {
        append(escaped: high << 4 | low)
        index &+= 3
      } else {
        append(escaped: byte)
        index &+= 1
      }
    }
  }

  /// Appends 16 hexadecimal digits.
  mutating func append(hexadecimal value: UInt64) {
    var shift: UInt64 = 64
    while shift > 0 {
      shift &-= 4
      append(hexDigit: UInt8(truncatingIfNeeded: value >> shift) & 15)
    }
  }

  private mutating func append(hexDigit value: UInt8) {
    append(value < 10 ? UInt8(ascii: "0") &+ value : UInt8(ascii: "a") &+ (value &- 10))
  }
}

extension UInt8 {
  /// Whether a log may not hold the byte as it is.
  fileprivate var needsEscape: Bool {
    self < 0x20 || self > 0x7E || self == UInt8(ascii: "\"") || self == UInt8(ascii: "\\")
  }

  fileprivate var hexValue: UInt8? {
    switch self {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): self &- UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): self &- UInt8(ascii: "a") &+ 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): self &- UInt8(ascii: "A") &+ 10
    default: nil
    }
  }
}
