// AccessLogItem: what a compiled format consists of. Pure.

/// A run of bytes in the format's own buffer.
struct ByteSlice: Equatable, Sendable {
  var offset: Int
  var count: Int
}

/// One step of rendering a line. Plain data: rendering copies items without reference counting.
enum AccessLogItem: Equatable, Sendable {
  /// Bytes to copy.
  case literal(ByteSlice)
  /// Writes `-` and skips the next `skip` items unless the status is (not) among the listed ones.
  case condition(statuses: ByteSlice, isNegated: Bool, skip: Int)
  /// A request field, all of its values.
  case requestField(name: ByteSlice)
  /// A response field, all of its values.
  case responseField(name: ByteSlice)
  case text(AccessLogText)
  case number(AccessLogNumber)
  /// A point in time: the beginning of the request or its end.
  case time(AccessLogTime, ofEnd: Bool)
}

/// What is logged as text.
enum AccessLogText: UInt8, Sendable {
  case peerAddress, localAddress, protocolVersion, method, requestLine, path, query, user, host
  case handler, requestID, connectionState, absent
}

/// What is logged as a decimal number.
enum AccessLogNumber: UInt8, Sendable {
  case bodyBytes, bodyBytesOrDash, bytesReceived, bytesSent, bytesTransferred
  case durationMicroseconds, durationMilliseconds, durationSeconds
  case keepAliveRequests, localPort, peerPort, processID, status
}

/// How a point in time is logged.
enum AccessLogTime: Equatable, Sendable {
  /// `[22/Nov/2026:20:41:00 +0000]`.
  case commonLog
  case seconds, milliseconds, microseconds, millisecondFraction, microsecondFraction
  /// One conversion of strftime(3), by its letter.
  case letter(UInt8)
}
