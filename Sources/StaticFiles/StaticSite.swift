// StaticSite: answers requests for files below URL prefixes. Assembly.
public import Bytes
public import HTTP1
public import Platform

/// One `--static /url=dir`.
public struct StaticMount: Equatable, Sendable {
  /// URL prefix: starts with `/`, ends without one; `/` itself is the whole site.
  public var prefix: String
  /// Directory served below it.
  public var directory: String
  /// Whether symbolic links below the directory are followed.
  public var followsSymlinks: Bool

  /// A directory at a prefix.
  public init(prefix: String, directory: String, followsSymlinks: Bool) {
    self.prefix = prefix
    self.directory = directory
    self.followsSymlinks = followsSymlinks
  }
}

/// What to answer for a static path. Header fields other than these go into the writer.
public struct StaticResponse: ~Copyable {
  /// Status code.
  public var status: Int
  /// The file to send; nil where the response has no body, or the server writes its own error page.
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
}

/// The directories that are served without Python.
public final class StaticSite {
  /// Opens every directory once.
  ///
  /// - Throws: the mount and the error, where a directory cannot be opened.
  public init(_ mounts: [StaticMount]) throws {}

  /// Whether there is nothing to serve.
  public var isEmpty: Bool { true }

  /// Index of the longest mount whose prefix covers `path` (percent-encoded), or -1.
  ///
  /// Called for every request, so: Allocates: never.
  public func mount(for path: UnsafeBufferPointer<UInt8>) -> Int { -1 }

  /// Answers a request that ``mount(for:)`` claimed.
  ///
  /// Appends complete header field lines (`Name: value\r\n`) to `writer`: Content-Type, ETag,
  /// Last-Modified, Accept-Ranges, Content-Range, Content-Encoding, Vary, Location, Allow. Never
  /// Content-Length, Date, Server, Connection.
  public func respond(
    mount: Int, head: RequestHead, headBytes: UnsafeBufferPointer<UInt8>,
    fields: UnsafeBufferPointer<Field>, nowSeconds: Int64, into writer: inout ByteWriter
  ) -> StaticResponse {
    StaticResponse(status: 404, file: nil, offset: 0, contentLength: -1)
  }
}
