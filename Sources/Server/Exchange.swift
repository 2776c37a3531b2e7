// Exchange: one request and its response, as an application sees them. Assembly.
public import HTTP1

/// Why a request body could not be read on.
public enum BodyFailure: Error {
  /// The client closed or reset the connection before the end of the body.
  case clientLeft
  /// The client was slower than the minimum rate, or silent for too long.
  case timedOut
  /// Broken chunked framing, or over LimitRequestBody.
  case refused(Refusal)
  /// A local failure (temporary file); the log has its reason.
  case failed
}

/// What became of bytes handed to the client's socket.
public enum SendOutcome {
  /// The kernel has all of them.
  case sent
  /// The socket is full. The rest is remembered: call ``Exchange/waitUntilSent()`` without any lock.
  case wouldBlock
  /// The client is gone; nothing more can be sent.
  case clientLeft
}

/// One request and its response. A handler thread has one, used again for each request.
///
/// Valid from ``Application/respond(to:)``'s entry to its return. Not thread-safe: used by the
/// handler thread that it belongs to.
@safe public final class Exchange {
  // MARK: the request

  /// Index of the handler thread.
  public let thread: Int
  /// The parsed head; its ranges point into ``headBytes``.
  public internal(set) var head = RequestHead()
  /// First byte of the request head; ``RequestHead/length`` bytes.
  public internal(set) var headBytes: UnsafePointer<UInt8>
  /// The request's fields.
  public internal(set) var fields = unsafe UnsafeBufferPointer<Field>(start: nil, count: 0)
  /// Text of the client's address, without port; empty for a Unix socket.
  public var peerAddress: UnsafeBufferPointer<UInt8> { unsafe UnsafeBufferPointer(start: nil, count: 0) }
  /// The client's port; 0 for a Unix socket.
  public var peerPort: Int { 0 }
  /// Text of the local address the client connected to; the socket's path for a Unix socket.
  public var localAddress: UnsafeBufferPointer<UInt8> { unsafe UnsafeBufferPointer(start: nil, count: 0) }
  /// The local port; 0 for a Unix socket.
  public var localPort: Int { 0 }
  /// Whether the client came through a Unix socket.
  public var isUnixSocket: Bool { false }
  /// Identifies the request in both logs.
  public internal(set) var requestID: UInt64 = 0

  // MARK: the request body

  /// Bytes of the whole decoded body where known: 0 without a body, -1 while a chunked body is still
  /// arriving (only after `Expect: 100-continue`; otherwise the body is complete before the
  /// application runs).
  public internal(set) var bodyLength: Int64 = 0
  /// Whether ``readBody(into:)`` may wait for the client; then call it without any lock.
  public var bodyMayBlock: Bool { false }

  /// Reads at most `buffer.count` bytes of the body.
  ///
  /// Sends `100 Continue` at the first call where the client waits for it.
  /// - Returns: the number of bytes, 0 at the end of the body.
  public func readBody(into buffer: UnsafeMutableRawBufferPointer) throws(BodyFailure) -> Int { 0 }

  // MARK: the response

  /// Starts (or starts again) the response head. Legal until ``headIsSent``.
  ///
  /// - Parameter status: status code, 100...999 is checked by the caller.
  /// - Parameter reason: reason phrase, free of control bytes (checked by the caller).
  public func beginHead(status: Int, reason: UnsafeBufferPointer<UInt8>) {}

  /// Adds one field. The caller has checked the syntax of both and refused hop-by-hop fields.
  ///
  /// Content-Length is taken over and enforced; Date and Server are used instead of the server's own.
  /// - Returns: false where the head grows over the response head's bound (64 KiB).
  public func addField(
    name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>
  ) -> Bool { true }

  /// Whether the head went out, after which ``beginHead(status:reason:)`` is illegal.
  public internal(set) var headIsSent = false
  /// Content-Length the application declared; -1 when none.
  public internal(set) var declaredLength: Int64 = -1
  /// Body bytes accepted so far.
  public internal(set) var bodyBytesSent: Int64 = 0
  /// Whether body bytes are wanted at all: false for HEAD, 1xx, 204 and 304.
  public var sendsBody: Bool { true }

  /// Sends one block of the body (with the head, if it is the first), visible to the client at once.
  ///
  /// More than the declared length is cut off (``overran`` is set). An empty block sends nothing.
  /// Does not wait.
  public func send(_ bytes: UnsafeRawBufferPointer) -> SendOutcome { .sent }

  /// Waits until the bytes of an earlier `wouldBlock` are with the kernel. Call without any lock.
  public func waitUntilSent() -> SendOutcome { .sent }

  /// Whether the application sent more than its declared Content-Length.
  public internal(set) var overran = false

  /// Hands over the whole (remaining) body and ends the response, without waiting.
  ///
  /// What the socket does not take at once is sent later by the event loop; until then the memory
  /// must stay, so `owner` is retained by the caller for the server, which gives it back with
  /// ``Application/release(owner:thread:)`` - also when it is done at once (returns false then:
  /// the caller keeps its reference).
  /// - Returns: whether the server keeps `owner`.
  public func finish(with bytes: UnsafeRawBufferPointer, owner: OpaquePointer) -> Bool { false }

  /// Hands over `count` bytes of `file` from `offset` on and ends the response. The descriptor is
  /// duplicated, so the caller may close its own at once.
  /// - Returns: false where the descriptor cannot be sent (not a regular file); nothing was sent then.
  public func finish(file: Int32, offset: Int64, count: Int64) -> Bool { false }

  /// Ends the response: sends the head if that has not happened, the last chunk if chunked.
  /// Fewer bytes than declared end the connection, so that the client sees the truncation.
  public func finish() {}

  /// Gives the response up. Before the head is sent: answers with the standard error page of
  /// `status`. After it: closes the connection without a valid end.
  public func abort(_ status: Int) {}

  init(thread: Int, headBytes: UnsafePointer<UInt8>) {
    self.thread = thread
    unsafe self.headBytes = headBytes
  }
}
