// ForeignText: text that clients chose, made safe for pages, JSON and terminals. Pure.

/// Escapes of text that nobody here wrote.
enum ForeignText {
  /// Whether a scalar would steer a terminal or a page instead of being seen: control characters,
  /// marks that change the direction of text, and characters without a shape.
  static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F...0xA0, 0xAD, 0x61C, 0x180E, 0x200B...0x200F, 0x2028...0x202F,
      0x2060...0x206F, 0xFE00...0xFE0F, 0xFEFF, 0xFFF0...0xFFFB, 0xE0000...0xE0FFF:
      true
    default: false
    }
  }

  /// `text` with everything invisible as `\xHH` for each byte of its UTF-8 form. The text stays
  /// ambiguous where a client wrote `\x` itself: it is for the eye.
  static func visible(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isInvisible) else { return text }
    var visible = ""
    for scalar in text.unicodeScalars {
      if isInvisible(scalar) {
        for byte in String(scalar).utf8 {
          visible += "\\x\(byte < 16 ? "0" : "")\(String(byte, radix: 16))"
        }
      } else {
        visible.unicodeScalars.append(scalar)
      }
    }
    return visible
  }

  /// At most `columns` characters of `text`; what is longer ends with `…`.
  static func cut(_ text: String, to columns: Int) -> String {
    guard text.count > columns else { return text }
    return text.prefix(max(0, columns - 1)) + "…"
  }
}

extension ReportWriter {
  /// Appends `text` for HTML: as the contents of an element, or of an attribute in quotes.
  mutating func append(html text: String) {
    for byte in ForeignText.visible(text).utf8 {
      switch byte {
      case UInt8(ascii: "&"): append("&amp;")
      case UInt8(ascii: "<"): append("&lt;")
      case UInt8(ascii: ">"): append("&gt;")
      case UInt8(ascii: "\""): append("&quot;")
      case UInt8(ascii: "'"): append("&#39;")
      default: append(byte: byte)
      }
    }
  }

  /// Appends `text` as a JSON string with its quotes, RFC 8259, section 7.
  mutating func append(json text: String) {
    append(byte: UInt8(ascii: "\""))
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": append("\\\"")
      case "\\": append("\\\\")
      case "\n": append("\\n")
      case "\r": append("\\r")
      case "\t": append("\\t")
      case _
      where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        || (0x2028...0x2029).contains(scalar.value):
        let digits = String(scalar.value, radix: 16)
        append("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits)
      default: append(String(scalar))
      }
    }
    append(byte: UInt8(ascii: "\""))
  }

  /// Appends `text` as one line of a plain report: what is not printable ASCII becomes `?`.
  mutating func append(line text: String) {
    for byte in text.utf8 { append(byte: byte >= 0x20 && byte < 0x7F ? byte : UInt8(ascii: "?")) }
  }
}
