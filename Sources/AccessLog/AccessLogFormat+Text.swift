// AccessLogFormat+Text: the parts of a line that come from the request. Pure. Hot path.
internal import Bytes
internal import HTTP1

extension AccessLogFormat {
  /// Writes what `text` stands for; `-` where there is nothing.
  func render(
    _ text: AccessLogText, _ record: borrowing AccessRecord, _ writer: inout ByteWriter
  ) {
    switch text {
    case .peerAddress: unsafe writer.append(escapedOrDash: record.peerAddress)
    case .localAddress: unsafe writer.append(escapedOrDash: record.localAddress)
    case .protocolVersion:
      guard let head = record.head else { return writer.append(UInt8(ascii: "-")) }
      writer.append("HTTP/1.")
      writer.append(number: Int64(head.minorVersion))
    case .method:
      let range = record.head?.methodRange ?? ByteRange(offset: 0, count: 0)
      unsafe writer.append(escapedOrDash: record.headSlice(range))
    case .requestLine: unsafe writer.append(escapedOrDash: record.requestLine)
    case .path:
      let range = record.head?.path ?? ByteRange(offset: 0, count: 0)
      unsafe writer.append(percentDecoded: record.headSlice(range))
    case .query: renderQuery(record, &writer)
    case .user: renderUser(record, &writer)
    case .host: renderHost(record, &writer)
    case .handler:
      switch record.handler {
      case .none: writer.append(UInt8(ascii: "-"))
      case .application: writer.append("wsgi")
      case .staticFile: writer.append("static")
      }
    case .requestID: writer.append(hexadecimal: record.requestID)
    case .connectionState:
      writer.append(UInt8(ascii: record.aborted ? "X" : record.keptAlive ? "+" : "-"))
    case .absent: writer.append(UInt8(ascii: "-"))
    }
  }

  /// `?` and the query, nothing where the target has no `?`.
  private func renderQuery(_ record: borrowing AccessRecord, _ writer: inout ByteWriter) {
    guard let query = record.head?.query, query.count > 0 else { return }
    writer.append(UInt8(ascii: "?"))
    unsafe writer.append(escaped: record.headSlice(query))
  }

  /// The host of the request without its port, else the local address.
  private func renderHost(_ record: borrowing AccessRecord, _ writer: inout ByteWriter) {
    let host = unsafe record.headSlice(record.head?.host ?? ByteRange(offset: 0, count: 0))
    guard host.count > 0 else {
      return unsafe writer.append(escapedOrDash: record.localAddress)
    }
    // A colon inside brackets belongs to an IPv6 address.
    var end = host.count
    var index = end
    while index > 0 {
      index &-= 1
      let byte = unsafe host[index]
      if byte == UInt8(ascii: ":") {
        end = index
        break
      }
      if byte &- UInt8(ascii: "0") >= 10 { break }
    }
    unsafe writer.append(escapedOrDash: UnsafeBufferPointer(rebasing: host[..<end]))
  }

  // MARK: fields

  /// All values of a request field, joined by a comma as httpd's tables do.
  func renderRequestField(
    _ name: ByteSlice, _ record: borrowing AccessRecord, _ writer: inout ByteWriter
  ) {
    var isFirst = true
    for index in unsafe 0..<record.fields.count {
      let field = unsafe record.fields[index]
      guard unsafe nameEquals(name, record.headSlice(field.name)) else { continue }
      if !isFirst { writer.append(", ") }
      isFirst = false
      unsafe writer.append(escaped: record.headSlice(field.value))
    }
    if isFirst { writer.append(UInt8(ascii: "-")) }
  }

  /// All values of a response field, found in the head as it was sent.
  func renderResponseField(
    _ name: ByteSlice, _ record: borrowing AccessRecord, _ writer: inout ByteWriter
  ) {
    let head = unsafe record.responseHead
    var isFirst = true
    var lineStart = unsafe head.endOfLine(from: 0) &+ 1  // after the status line
    while lineStart < head.count {
      let newline = unsafe head.endOfLine(from: lineStart)
      let line = unsafe UnsafeBufferPointer(rebasing: head[lineStart..<newline])
      lineStart = newline &+ 1
      guard line.count > name.count, unsafe line[name.count] == UInt8(ascii: ":"),
        unsafe nameEquals(name, UnsafeBufferPointer(rebasing: line[..<name.count]))
      else { continue }
      if !isFirst { writer.append(", ") }
      isFirst = false
      var first = name.count &+ 1
      var end = line.count
      while first < end, unsafe isBlank(line[first]) { first &+= 1 }
      while end > first, unsafe isBlank(line[end &- 1]) { end &-= 1 }
      unsafe writer.append(escaped: UnsafeBufferPointer(rebasing: line[first..<end]))
    }
    if isFirst { writer.append(UInt8(ascii: "-")) }
  }

  private func isBlank(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == 0x09 || byte == 0x0D
  }

  private func nameEquals(_ name: ByteSlice, _ other: UnsafeBufferPointer<UInt8>) -> Bool {
    guard name.count == other.count else { return false }
    let bytes = self.bytes
    for index in 0..<name.count
    where unsafe bytes[name.offset &+ index] != asciiLowercase(other[index]) {
      return false
    }
    return true
  }

  // MARK: user

  /// The user name of `Authorization: Basic` (RFC 7617), whether or not the password was right.
  private func renderUser(_ record: borrowing AccessRecord, _ writer: inout ByteWriter) {
    for index in unsafe 0..<record.fields.count {
      let field = unsafe record.fields[index]
      guard field.id == .authorization else { continue }
      let value = unsafe record.headSlice(field.value)
      var cursor = unsafe Base64Cursor(credentialsOf: value)
      guard cursor.hasColon else { break }
      var isEmpty = true
      while let byte = cursor.next(), byte != UInt8(ascii: ":") {
        isEmpty = false
        writer.append(escaped: byte)
      }
      if isEmpty { writer.append("\"\"") }
      return
    }
    writer.append(UInt8(ascii: "-"))
  }
}

/// Decodes the credentials of a Basic Authorization field byte by byte. Allocates: never.
@safe private struct Base64Cursor {
  private let text: UnsafeBufferPointer<UInt8>
  private var position = 0
  private var bits: UInt32 = 0
  private var bitCount = 0

  /// Stands at the first byte of the credentials; at the end where the scheme is not Basic.
  init(credentialsOf value: UnsafeBufferPointer<UInt8>) {
    unsafe text = value
    let scheme: StaticString = "basic "
    for index in 0..<6 {
      guard index < value.count,
        unsafe asciiLowercase(value[index]) == scheme.utf8Start[index]
      else {
        position = value.count
        return
      }
    }
    position = 6
    while position < value.count, unsafe value[position] == UInt8(ascii: " ") {
      position &+= 1
    }
  }

  /// Whether the decoded credentials hold a colon, which separates user and password.
  var hasColon: Bool {
    var copy = self
    while let byte = copy.next() {
      if byte == UInt8(ascii: ":") { return true }
    }
    return false
  }

  /// The next decoded byte; nil at the end, at padding, and at anything that is not base64.
  mutating func next() -> UInt8? {
    while bitCount < 8 {
      guard unsafe position < text.count, let sextet = unsafe Self.sextet(text[position]) else {
        return nil
      }
      position &+= 1
      bits = (bits << 6 | UInt32(sextet)) & 0xFFFF
      bitCount &+= 6
    }
    bitCount &-= 8
    return UInt8(truncatingIfNeeded: bits >> UInt32(bitCount))
  }

  private static func sextet(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte &- UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte &- UInt8(ascii: "a") &+ 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte &- UInt8(ascii: "0") &+ 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}

extension AccessRecord {
  /// Bytes of the head that `range` names; empty where it does not lie inside.
  borrowing func headSlice(_ range: ByteRange) -> UnsafeBufferPointer<UInt8> {
    let start = Int(range.offset)
    let count = Int(range.count)
    guard let base = unsafe headBytes.baseAddress, unsafe start &+ count <= headBytes.count else {
      return unsafe UnsafeBufferPointer(start: nil, count: 0)
    }
    return unsafe UnsafeBufferPointer(start: base + start, count: count)
  }

  /// The request line without its line end; also of a request that could not be parsed.
  var requestLine: UnsafeBufferPointer<UInt8> {
    guard unsafe headBytes.count > 0 else { return unsafe headBytes }
    let start = Int(head?.methodRange.offset ?? 0)
    guard unsafe start < headBytes.count else {
      return unsafe UnsafeBufferPointer(start: nil, count: 0)
    }
    var end = unsafe headBytes.endOfLine(from: start)
    if end > start, unsafe headBytes[end &- 1] == 0x0D { end &-= 1 }
    return unsafe UnsafeBufferPointer(rebasing: headBytes[start..<end])
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Index of the next newline from `start` on, or the end.
  fileprivate func endOfLine(from start: Int) -> Int {
    var index = start
    while index < count, unsafe self[index] != 0x0A { index &+= 1 }
    return index
  }
}
