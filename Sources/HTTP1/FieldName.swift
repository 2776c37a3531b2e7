// FieldName: the header fields that have a number. Pure.
internal import Bytes

/// The field names that the server, the static files or the log look at (RFC 9110).
public enum FieldName: UInt8, CaseIterable, Sendable {
  case other, host, connection, contentLength, contentType, transferEncoding, expect, upgrade
  case trailer, te, keepAlive, proxy, acceptEncoding, range, ifRange, ifMatch, ifNoneMatch
  case ifModifiedSince, ifUnmodifiedSince, referer, userAgent, authorization, cookie
  // What a proxy says of its client: the last ones, see ``isForwarding``.
  case forwarded, xRealIP, xForwardedFor, xForwardedProto, xForwardedHost, xForwardedPort
  /// Every other name that begins with `X-Forwarded-`.
  case xForwardedOther

  /// Whether the field says that the request comes from somebody else: `Forwarded` (RFC 7239),
  /// `X-Real-IP` and all that begin with `X-Forwarded-`.
  public var isForwarding: Bool { rawValue >= Self.forwarded.rawValue }
}

extension FieldName {
  /// The known name of the token `name`, of either case; `.other` for any other.
  public static func of(_ name: UnsafeBufferPointer<UInt8>) -> FieldName {
    let bytes = unsafe name.span
    return bytes.isEmpty ? .other : of(bytes, 0, count: bytes.count)
  }

  /// The known name of the token of `count` bytes at `start`; `count` is at least 1.
  ///
  /// Few known names share both length and first letter, so that mostly one comparison decides.
  @inline(__always)
  static func of(_ bytes: Span<UInt8>, _ start: Int, count: Int) -> FieldName {
    let name = bytes.extracting(start..<start &+ count)
    switch (count, Unicode.Scalar(name[0] | 0x20)) {
    case (2, "t"): return name.is("te") ? .te : .other
    case (4, "h"): return name.is("host") ? .host : .other
    case (5, "p"): return name.is("proxy") ? .proxy : .other
    case (5, "r"): return name.is("range") ? .range : .other
    case (6, "c"): return name.is("cookie") ? .cookie : .other
    case (6, "e"): return name.is("expect") ? .expect : .other
    case (7, "r"): return name.is("referer") ? .referer : .other
    case (7, "t"): return name.is("trailer") ? .trailer : .other
    case (7, "u"): return name.is("upgrade") ? .upgrade : .other
    case (8, "i"): return name.is("if-match") ? .ifMatch : name.is("if-range") ? .ifRange : .other
    case (9, "f"): return name.is("forwarded") ? .forwarded : .other
    case (9, "x"): return name.is("x-real-ip") ? .xRealIP : .other
    case (10, "c"): return name.is("connection") ? .connection : .other
    case (10, "k"): return name.is("keep-alive") ? .keepAlive : .other
    case (10, "u"): return name.is("user-agent") ? .userAgent : .other
    case (12, "c"): return name.is("content-type") ? .contentType : .other
    case (13, "a"): return name.is("authorization") ? .authorization : .other
    case (13, "i"): return name.is("if-none-match") ? .ifNoneMatch : .other
    case (14, "c"): return name.is("content-length") ? .contentLength : .other
    case (15, "a"): return name.is("accept-encoding") ? .acceptEncoding : .other
    case (17, "i"): return name.is("if-modified-since") ? .ifModifiedSince : .other
    case (17, "t"): return name.is("transfer-encoding") ? .transferEncoding : .other
    case (19, "i"): return name.is("if-unmodified-since") ? .ifUnmodifiedSince : .other
    case (12..., "x"): return ofForwarded(name)
    default: return .other
    }
  }

  /// One of those that begin with `X-Forwarded-`; of all that begin with an x there are few.
  private static func ofForwarded(_ name: Span<UInt8>) -> FieldName {
    guard name.extracting(0..<12).is("x-forwarded-") else { return .other }
    let rest = name.extracting(12..<name.count)
    switch rest.count {
    case 3: return rest.is("for") ? .xForwardedFor : .xForwardedOther
    case 4:
      return rest.is("host")
        ? .xForwardedHost : rest.is("port") ? .xForwardedPort : .xForwardedOther
    case 5: return rest.is("proto") ? .xForwardedProto : .xForwardedOther
    default: return .xForwardedOther
    }
  }
}

extension Span where Element == UInt8 {
  /// Whether this token of the same length as `literal` is that name in either case.
  ///
  /// Bit 5 is set everywhere instead of in letters only. Among the bytes of a token that makes
  /// nothing but letters equal to letters and the hyphen to a hyphen, and `literal` has no others.
  @inline(__always)
  fileprivate func `is`(_ literal: StaticString) -> Bool {
    let other = unsafe UnsafeBufferPointer(
      start: literal.utf8Start, count: literal.utf8CodeUnitCount
    ).span
    let lower: UInt64 = 0x2020_2020_2020_2020
    if count < 8 {
      for index in 0..<other.count where self[index] | 0x20 != other[index] { return false }
      return true
    }
    var index = 0
    while index &+ 8 < count {
      if word(at: index) | lower != other.word(at: index) { return false }
      index &+= 8
    }
    return word(at: count &- 8) | lower == other.word(at: count &- 8)
  }
}
