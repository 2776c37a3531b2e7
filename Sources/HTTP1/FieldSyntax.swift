// FieldSyntax: checks names and values of header fields. Pure.
internal import Bytes

/// Whether names and values may go into a head. Allocates: never.
public enum FieldSyntax {
  /// Whether `bytes` are a token, as a field name or a method has to be (RFC 9110, section 5.6.2).
  public static func isToken(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    unsafe isToken(bytes.span)
  }

  /// Whether `bytes` may be a field value: no CR, LF, NUL or other control byte but the tab, so
  /// that no line can be smuggled into a head (RFC 9110, section 5.5). Empty is allowed.
  public static func isValue(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    unsafe isValue(bytes.span)
  }

  static func isToken(_ bytes: Span<UInt8>) -> Bool {
    for index in bytes.indices where !ASCII.isToken(bytes[index]) { return false }
    return !bytes.isEmpty
  }

  static func isValue(_ bytes: Span<UInt8>) -> Bool {
    var index = bytes.firstControl(from: 0)
    while index < bytes.count && bytes[index] == ASCII.tab {
      index = bytes.firstControl(from: index + 1)
    }
    return index == bytes.count
  }
}

/// Fields that are about one connection, not about the message.
public enum HopByHop {
  /// Whether the field `name`, of either case, is hop-by-hop, which an application may not send
  /// (PEP 3333; RFC 2616, section 13.5.1; RFC 9110, section 7.6.1). Allocates: never.
  public static func contains(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
    let name = unsafe name.span
    guard !name.isEmpty else { return false }
    switch Unicode.Scalar(ASCII.lowercased(name[0])) {
    case "c": return ASCII.equalsIgnoringCase(name, "connection")
    case "k": return ASCII.equalsIgnoringCase(name, "keep-alive")
    case "p":
      return ASCII.equalsIgnoringCase(name, "proxy-authenticate")
        || ASCII.equalsIgnoringCase(name, "proxy-authorization")
        || ASCII.equalsIgnoringCase(name, "proxy-connection")
    case "t":
      return ASCII.equalsIgnoringCase(name, "te") || ASCII.equalsIgnoringCase(name, "trailer")
        || ASCII.equalsIgnoringCase(name, "trailers")
        || ASCII.equalsIgnoringCase(name, "transfer-encoding")
    case "u": return ASCII.equalsIgnoringCase(name, "upgrade")
    default: return false
    }
  }
}
