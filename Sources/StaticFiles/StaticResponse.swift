// StaticResponse: what the server is to answer for a static path. Assembly.
public import Platform

/// What to answer for a static path. Header fields other than these go into the writer.
@frozen public struct StaticResponse: ~Copyable {
  /// Status code: 200, 206, 301, 304, 400, 403, 404, 405, 412, 416, 500 or 503.
  public var status: Int
  /// The file to send, to be moved out with `take()`; nil where no bytes are to be
  /// sent, or the server writes its own error page.
  public var file: FileDescriptor?
  /// First byte to send.
  public var offset: Int64
  /// Bytes of body, also where HEAD or 304 sends none of them; -1 for the server's own error page.
  public var contentLength: Int64

  /// A response with these parts.
  public init(status: Int, file: consuming FileDescriptor?, offset: Int64, contentLength: Int64) {
    self.status = status
    self.file = file
    self.offset = offset
    self.contentLength = contentLength
  }

  /// The server's own page for `status`.
  static func page(_ status: Int) -> StaticResponse {
    StaticResponse(status: status, file: nil, offset: 0, contentLength: -1)
  }

  /// A response that is complete without a body.
  static func empty(_ status: Int) -> StaticResponse {
    StaticResponse(status: status, file: nil, offset: 0, contentLength: 0)
  }
}
