// AccessLogFormat: Apache's LogFormat, compiled once and rendered per request. Pure.

/// A compiled `LogFormat` (httpd, mod_log_config).
///
/// Nothing in it changes after its creation, so all threads of a process may share one.
public final class AccessLogFormat: Sendable {
  /// Why a format is refused.
  public struct ParseError: Error, Equatable {
    /// One sentence: what, where, what to do.
    public var message: String
  }

  /// The formats known by name, as httpd's and Debian's configuration define them.
  public static let named: [(name: String, format: String)] = [
    ("common", #"%h %l %u %t "%r" %>s %b"#),
    ("combined", #"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#),
    ("combinedio", #"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %I %O"#),
    ("vhost_combined", #"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#),
  ]

  /// The steps of a line.
  let items: [AccessLogItem]
  /// Literal text and field names (in lower case); items point into it.
  let bytes: [UInt8]
  /// Status codes of conditions; items point into it.
  let statuses: [UInt16]
  /// Seconds east of UTC.
  let utcOffsetSeconds: Int64

  /// Compiles `format`, or the format that has this name (see ``named``).
  ///
  /// - Parameter utcOffsetSeconds: how far local time is east of UTC; the log's times are local
  ///   times, and this room asks no clock and no time zone. Within a day either way; default 0.
  /// - Throws: a sentence that names the position of what is not understood.
  public init(_ format: String, utcOffsetSeconds: Int = 0) throws(ParseError) {
    let text = Self.named.first { $0.name == format }?.format ?? format
    var compiler = AccessLogCompiler(Array(text.utf8))
    try compiler.compile()
    items = compiler.items
    bytes = compiler.bytes
    statuses = compiler.statuses
    self.utcOffsetSeconds = Int64(min(max(utcOffsetSeconds, -86_400), 86_400))
  }
}
