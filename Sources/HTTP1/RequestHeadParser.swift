// RequestHeadParser: bytes to RequestHead. Pure, sans-I/O.
public import Bytes

/// Bounds of a request head; Apache's names and defaults.
public struct RequestLimits: Equatable {
  /// LimitRequestLine: bytes of the request line without its line end. Over it: 414.
  public var lineBytes = 8190
  /// LimitRequestFieldSize: bytes of one field line without its line end. Over it: 431.
  public var fieldBytes = 8190
  /// LimitRequestFields: number of fields. Over it: 431.
  public var fieldCount = 100

  /// Apache's defaults.
  public init() {}
}

/// Where scanning for the end of a head stopped; kept by a connection between reads.
public struct HeadScanner {
  /// Nothing scanned yet.
  public init() {}
}

/// What came of parsing the bytes at hand.
public enum HeadParse {
  /// The head is not complete; call again with the same bytes and more.
  case needMoreBytes
  /// ``RequestHeadParser/head`` and ``RequestHeadParser/fields`` are filled.
  case complete
  /// The request is refused; nothing else of the connection may be parsed.
  case refused(Refusal)
}

/// Parses request heads, one at a time, into storage of its own that is used again.
public struct RequestHeadParser: ~Copyable {
  /// The last head that was parsed whole.
  public private(set) var head = RequestHead()
  /// Its fields, in order; valid until the next call of ``parse(_:scanner:)``.
  public var fields: UnsafeBufferPointer<Field> { unsafe UnsafeBufferPointer(start: nil, count: 0) }

  /// A parser with room for `limits.fieldCount` fields.
  public init(limits: RequestLimits) {}

  /// Parses `bytes`, which start at the first byte of the head.
  ///
  /// The outcome is the same however the bytes were split over calls.
  public mutating func parse(
    _ bytes: UnsafeBufferPointer<UInt8>, scanner: inout HeadScanner
  ) -> HeadParse { .needMoreBytes }
}
