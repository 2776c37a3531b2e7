// AccessLogFormat: Apache's LogFormat, compiled once and rendered per request. Pure.
public import Bytes
public import HTTP1

/// A compiled `LogFormat` (httpd, mod_log_config).
public final class AccessLogFormat {
  /// Why a format is refused.
  public struct ParseError: Error, Equatable {
    /// One sentence: what, where, what to do.
    public var message: String
  }

  /// Compiles `format`; `common`, `combined` and `combinedio` are known by name.
  public init(_ format: String) throws(ParseError) {}

  /// Appends one line, its newline included, to `writer`.
  ///
  /// Every byte that came from a client is escaped as httpd does. Allocates: never.
  public func render(_ record: borrowing AccessRecord, into writer: inout ByteWriter) {}
}
