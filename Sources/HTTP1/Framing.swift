// Framing: the fields that decide where a request ends and what happens to the connection. Pure.
internal import Bytes

/// What the framing fields of one head say, gathered field by field (RFC 9112, sections 6 and 9).
///
/// Two readers of a request that disagree about its end can be made to take the second half of one
/// for a request of its own. So everything that some reader somewhere takes differently is refused:
/// repeated lengths, even equal ones, lists, signs, codings around `chunked`.
struct Framing {
  private var host = ByteRange(offset: 0, count: 0)
  private var hasHost = false
  private var contentLength: Int64 = -1
  private var hasTransferEncoding = false
  private var closes = false
  private var keepsAlive = false
  private var expectsContinue = false
  private var isForwarded = false

  /// Takes one field with a known name. `value` stands in `bytes`.
  mutating func take(
    _ id: FieldName, _ bytes: Span<UInt8>, _ value: ByteRange, minorVersion: UInt8
  ) throws(Refusal) {
    switch id {
    case .host:
      if hasHost { throw Refusal(.duplicateHost) }
      hasHost = true
      host = value
      if Authority.form(of: bytes.extracting(value.indices)) == .invalid { throw Refusal(.badHost) }
    case .connection:
      takeConnection(bytes.extracting(value.indices))
    case .contentLength:
      if contentLength >= 0 { throw Refusal(.duplicateContentLength) }
      guard let length = ASCII.decimal(bytes.extracting(value.indices)) else {
        throw Refusal(.badContentLength)
      }
      contentLength = length
    case .transferEncoding:
      if minorVersion == 0 { throw Refusal(.chunkedInHTTP10) }
      if hasTransferEncoding { throw Refusal(.duplicateTransferEncoding) }
      hasTransferEncoding = true
      try takeTransferEncoding(bytes.extracting(value.indices))
    case .expect where minorVersion > 0:
      guard ASCII.equalsIgnoringCase(bytes.extracting(value.indices), "100-continue") else {
        throw Refusal(.unknownExpectation)
      }
      expectsContinue = true
    default:
      isForwarded = isForwarded || id.isForwarding
    }
  }

  /// Puts what was gathered into the head, whose request line is parsed.
  func settle(_ head: inout RequestHead) throws(Refusal) {
    if hasTransferEncoding && contentLength >= 0 { throw Refusal(.lengthAndChunked) }
    if !hasHost && head.minorVersion > 0 { throw Refusal(.missingHost) }
    if head.host.count == 0 { head.host = host }
    head.contentLength = contentLength
    head.isForwarded = isForwarded
    head.isChunked = hasTransferEncoding
    head.keepsAlive = !closes && (head.minorVersion > 0 || keepsAlive)
    head.expectsContinue = expectsContinue && head.hasBody
  }

  /// Looks for `close` and `keep-alive`; other options are about fields that nobody here forwards.
  private mutating func takeConnection(_ value: Span<UInt8>) {
    var list = ListElements()
    while let element = list.next(in: value) {
      let option = value.extracting(element)
      if option.count == 5 && ASCII.equalsIgnoringCase(option, "close") { closes = true }
      if option.count == 10 && ASCII.equalsIgnoringCase(option, "keep-alive") { keepsAlive = true }
    }
  }

  /// Lets `chunked` alone pass. A list of codings that ends with its only `chunked` is framed
  /// well, but needs a coding that is not there.
  private func takeTransferEncoding(_ value: Span<UInt8>) throws(Refusal) {
    if ASCII.equalsIgnoringCase(value, "chunked") { return }
    var list = ListElements()
    var wasChunked = false
    while let element = list.next(in: value) {
      let coding = value.extracting(element)
      if wasChunked || !FieldSyntax.isToken(coding) { throw Refusal(.badTransferEncoding) }
      wasChunked = ASCII.equalsIgnoringCase(coding, "chunked")
    }
    throw Refusal(.unknownTransferCoding)
  }
}

/// Walks over the elements of a comma-separated list (RFC 9110, section 5.6.1), empty ones
/// included, white space around them left out. Quoted strings are not known.
struct ListElements {
  private var position = 0

  /// The next element of `value`; nil after the last.
  mutating func next(in value: Span<UInt8>) -> Range<Int>? {
    guard position <= value.count else { return nil }
    var start = position
    var end = value.firstIndex(of: UInt8(ascii: ","), from: start, to: value.count)
    position = end + 1
    while start < end && ASCII.isBlank(value[start]) { start += 1 }
    while end > start && ASCII.isBlank(value[end - 1]) { end -= 1 }
    return start..<end
  }
}
