// AccessRecord: what is known of one answered request. Pure.
public import HTTP1

/// What answered a request: the access log's `%R`.
public enum AccessHandler: UInt8, Sendable {
  /// Nothing: the server answered by itself, with an error page or a redirect.
  case none
  /// The application.
  case application
  /// A static mount.
  case staticFile
}

/// One line's worth of facts for the access log. Borrowed: valid only while a line is rendered.
@safe public struct AccessRecord {
  /// Text of the client's address, without port; `unix:` for a Unix socket.
  public var peerAddress = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  /// The client's port; 0 for a Unix socket.
  public var peerPort = 0
  /// Text of the local address.
  public var localAddress = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  /// The local port; 0 for a Unix socket.
  public var localPort = 0
  /// Bytes of the request head; ranges of ``head`` and ``fields`` point into it.
  public var headBytes = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  /// The parsed head; nil where the request line could not be parsed.
  public var head: RequestHead?
  /// The request's fields.
  public var fields = unsafe UnsafeBufferPointer<Field>(start: nil, count: 0)
  /// The response head as sent, status line included; empty when none was sent.
  public var responseHead = unsafe UnsafeBufferPointer<UInt8>(start: nil, count: 0)
  /// Status of the answer.
  public var status = 0
  /// Bytes of the response body that were handed to the kernel.
  public var bodyBytes: Int64 = 0
  /// Bytes of the whole response, head included.
  public var totalBytes: Int64 = 0
  /// Bytes received for this request, head and body; 0 where nobody counted: the head is taken.
  public var receivedBytes: Int64 = 0
  /// What answered.
  public var handler = AccessHandler.none
  /// When the request began: microseconds since 1970.
  public var startMicroseconds: Int64 = 0
  /// Microseconds from the first byte of the request to the end of the response.
  public var durationMicroseconds: Int64 = 0
  /// Identifies the request in both logs.
  public var requestID: UInt64 = 0
  /// Process that answered.
  public var processID: Int32 = 0
  /// Whether the connection stayed open after the response.
  public var keptAlive = false
  /// Whether the connection broke before the response was complete.
  public var aborted = false
  /// Requests answered on this connection before this one.
  public var keepAliveRequests = 0

  /// An empty record.
  public init() {}
}
