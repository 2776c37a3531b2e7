// RequestLimits: the bounds of a request head. Pure.

/// Bounds of a request head; Apache's names and defaults.
public struct RequestLimits: Equatable, Sendable {
  /// LimitRequestLine: bytes of the request line without its line end. Over it: 414.
  public var lineBytes = 8190
  /// LimitRequestFieldSize: bytes of one field line without its line end. Over it: 431.
  public var fieldBytes = 8190
  /// LimitRequestFields: number of fields. Over it: 431.
  public var fieldCount = 100

  /// Apache's defaults.
  public init() {}

  /// Bytes of the longest head within these bounds: empty lines before it, line ends and the blank
  /// line included. The parser never asks for more bytes than these.
  public var maximumHeadBytes: Int {
    let (fields, overflow) = fieldCount.multipliedReportingOverflow(by: fieldBytes + 2)
    precondition(!overflow, "limits of the request head overflow")
    return 2 * HeadScanner.maximumEmptyLines + lineBytes + 2 + fields + 2
  }
}
