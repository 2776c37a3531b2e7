// RequestHead: a parsed request head as offsets into the bytes it came from. Pure.

/// A run of bytes inside the buffer that was parsed.
public struct ByteRange: Equatable, Sendable {
  /// Offset of the first byte from the start of the head.
  public var offset: UInt32
  /// Length in bytes.
  public var count: UInt32

  /// A run of `count` bytes at `offset`.
  public init(offset: Int, count: Int) {
    self.offset = UInt32(truncatingIfNeeded: offset)
    self.count = UInt32(truncatingIfNeeded: count)
  }

  /// Offsets of its bytes from the start of the head.
  public var indices: Range<Int> { Int(offset)..<Int(offset) + Int(count) }
}

/// One header field: where its name and value stand, and which of the known names it has.
public struct Field: Equatable, Sendable {
  /// The name, as sent.
  public var name: ByteRange
  /// The value without surrounding white space.
  public var value: ByteRange
  /// The name, where it is one that the server looks at itself.
  public var id: FieldName

  /// A field at these places.
  public init(name: ByteRange, value: ByteRange, id: FieldName) {
    self.name = name
    self.value = value
    self.id = id
  }
}

/// Methods with a meaning for the server; every other token is `.other` and goes to the
/// application.
public enum Method: UInt8, CaseIterable, Sendable {
  case other, get, head, post, put, delete, options, patch, trace, connect
}

/// Form of the request target (RFC 9112, section 3.2).
public enum TargetForm: UInt8, CaseIterable, Sendable {
  case origin, absolute, authority, asterisk
}

/// The parsed head. All ranges are offsets into the bytes handed to the parser.
public struct RequestHead: Equatable, Sendable {
  /// Bytes of the head: empty lines before the request line and the blank line included.
  public var length = 0
  /// The method, where it is a known one.
  public var method = Method.other
  /// The method's token.
  public var methodRange = ByteRange(offset: 0, count: 0)
  /// Form of the target.
  public var targetForm = TargetForm.origin
  /// The whole target, as sent.
  public var target = ByteRange(offset: 0, count: 0)
  /// Path of the target, still percent-encoded; `*` itself for the asterisk form.
  ///
  /// Empty for the authority form, and for an absolute target without a path, which means `/`
  /// (for OPTIONS: `*`; RFC 9112, section 3.2.4).
  public var path = ByteRange(offset: 0, count: 0)
  /// What follows the first `?`, without it.
  public var query = ByteRange(offset: 0, count: 0)
  /// `HTTP/1.x`: 0 or 1.
  public var minorVersion: UInt8 = 1
  /// Host and port: the authority of the target where it has one, which wins over the Host field
  /// (RFC 9112, section 3.2.2), else the Host field; empty when none.
  public var host = ByteRange(offset: 0, count: 0)
  /// Content-Length in bytes, 0...`Int64.max`; -1 without one.
  public var contentLength: Int64 = -1
  /// Whether the body is chunked.
  public var isChunked = false
  /// Whether the connection may stay open after this request (version and Connection field).
  public var keepsAlive = true
  /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110,
  /// section 10.1.1); false without a body.
  public var expectsContinue = false
  /// Whether a field says that the request comes from somebody else (``FieldName/isForwarding``).
  public var isForwarded = false
  /// Number of header fields.
  public var fieldCount = 0

  /// An empty head.
  public init() {}

  /// Whether a body follows the head.
  public var hasBody: Bool { isChunked || contentLength > 0 }
}
