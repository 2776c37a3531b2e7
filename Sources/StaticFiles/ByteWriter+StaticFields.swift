// ByteWriter+StaticFields: parts of the field lines that static files need. Pure.
internal import Bytes

extension ByteWriter {
  /// Appends a decoded path as a URL path: what may not stand in one is percent-encoded
  /// (RFC 3986, section 3.3; slashes stay).
  mutating func append(escaping path: Span<UInt8>) {
    for index in path.indices {
      let byte = path[index]
      if ASCII.isRegisteredName(byte) || byte == UInt8(ascii: "/") || byte == UInt8(ascii: ":")
        || byte == UInt8(ascii: "@")
      {
        append(byte)
      } else {
        append(escape: byte)
      }
    }
  }

  /// Appends a query as it was sent; only bytes that cannot stand in a field are percent-encoded.
  mutating func append(query: Span<UInt8>) {
    for index in query.indices {
      let byte = query[index]
      if byte > 0x20 && byte < 0x7F { append(byte) } else { append(escape: byte) }
    }
  }

  /// Appends a Content-Range line for `count` > 0 bytes (RFC 9110, section 14.4).
  mutating func append(contentRangeFrom first: Int64, count: Int64, of sizeBytes: Int64) {
    append("Content-Range: bytes ")
    append(decimal: first)
    append(UInt8(ascii: "-"))
    append(decimal: first + count - 1)
    append(UInt8(ascii: "/"))
    append(decimal: sizeBytes)
    append("\r\n")
  }

  private mutating func append(escape byte: UInt8) {
    append(UInt8(ascii: "%"))
    append(Self.hexDigit(byte >> 4))
    append(Self.hexDigit(byte & 15))
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x37 + value }
}
