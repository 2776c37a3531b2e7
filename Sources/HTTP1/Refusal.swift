// Refusal: why a request is refused, and with which status. Pure.

/// A request that is not carried out: the status to answer and one sentence for the log.
public struct Refusal: Error, Equatable, Sendable {
  /// Status code of the answer (RFC 9110, section 15); the connection closes after it.
  public var status: Int
  /// What was wrong, for the error log and the body of the answer; holds nothing of the request.
  public var reason: Reason

  /// Pairs a status with its reason.
  public init(_ status: Int, _ reason: Reason) {
    self.status = status
    self.reason = reason
  }

  /// A refusal with the status that belongs to its reason.
  public init(_ reason: Reason) { self.init(reason.status, reason) }

  /// What was wrong. The sentence for each is ``sentence``.
  public enum Reason: UInt8, CaseIterable, Sendable {
    // Bytes and lines.
    case tlsOnPlainPort, badFirstByte, bareLineFeed, bareCarriageReturn
    // The request line.
    case lineTooLong, badRequestLine, badMethod, badTarget, fragmentInTarget, targetNotForMethod
    case unknownTargetForm
    case badAuthority, badVersion, versionNotSupported
    // Header fields.
    case fieldTooLong, tooManyFields, headTooLong, foldedField, badFieldName, spaceBeforeColon,
      badFieldValue
    case missingHost, duplicateHost, badHost, unknownExpectation
    // Framing.
    case badContentLength, duplicateContentLength, lengthAndChunked, chunkedInHTTP10
    case duplicateTransferEncoding, badTransferEncoding, unknownTransferCoding
    // A chunked body.
    case badChunkSize, badChunkExtension, chunkExtensionTooLong, badChunkEnd, badTrailer
    case trailersTooLong
    // What a trusted proxy says.
    case badForwarded, badForwardedFor, badForwardedProto, badForwardedHost, badForwardedPort
    case badProxyHeader, proxyHeaderNotTrusted
    // What the server refuses itself.
    case bodyTooLarge, headTimedOut, bodyTimedOut, bodyNotStored
  }
}

extension Refusal.Reason {
  /// The status that belongs to the reason.
  public var status: Int {
    switch self {
    case .headTimedOut, .bodyTimedOut: 408
    case .bodyTooLarge: 413
    case .lineTooLong: 414
    case .unknownExpectation: 417
    case .fieldTooLong, .tooManyFields, .headTooLong: 431
    case .bodyNotStored: 500
    case .unknownTransferCoding: 501
    case .versionNotSupported: 505
    default: 400
    }
  }

  /// One sentence for the error log and the body of the answer.
  public var sentence: StaticString {
    switch self {
    case .tlsOnPlainPort: "The client speaks TLS to a port that speaks plain HTTP; use http://."
    case .badFirstByte: "The request does not begin with the name of a method."
    case .bareLineFeed: "A line of the request head ends with LF alone instead of CR LF."
    case .bareCarriageReturn: "The request head holds a CR that no LF follows."
    case .bodyTooLarge: "The request body is longer than LimitRequestBody."
    case .headTimedOut: "The request head did not arrive in time."
    case .bodyTimedOut: "The request body did not arrive in time."
    case .bodyNotStored: "The body could not be kept in a temporary file; the error log says why."
    default: sentenceOfLine ?? sentenceOfField ?? sentenceOfProxy ?? sentenceOfBody
    }
  }

  private var sentenceOfLine: StaticString? {
    switch self {
    case .lineTooLong: "The request line is longer than LimitRequestLine."
    case .badRequestLine:
      "The request line is not a method, a target and a version with single spaces between them."
    case .badMethod: "The method holds a byte that is not allowed in a token."
    case .badTarget: "The request target holds a byte that has to be percent-encoded."
    case .fragmentInTarget: "The request target holds a fragment (#), which is never sent."
    case .targetNotForMethod: "The form of the request target does not go with the method."
    case .unknownTargetForm: "The request target is neither a path nor a URL with http or https."
    case .badAuthority: "The host and port in the request target are not valid."
    case .badVersion: "The request line does not end with HTTP/1.0 or HTTP/1.1."
    case .versionNotSupported: "The version of HTTP is not supported; use HTTP/1.1 or HTTP/1.0."
    default: nil
    }
  }

  private var sentenceOfField: StaticString? {
    switch self {
    case .fieldTooLong: "A header field is longer than LimitRequestFieldSize."
    case .tooManyFields: "The request has more header fields than LimitRequestFields."
    case .headTooLong: "The whole head is larger than 128 KiB."
    case .foldedField: "A header line begins with white space; folded fields are refused."
    case .badFieldName: "A header line does not begin with a valid field name and a colon."
    case .spaceBeforeColon: "White space stands between a field name and its colon."
    case .badFieldValue: "A field value holds a control byte."
    case .missingHost: "The request has no Host field, which HTTP/1.1 requires."
    case .duplicateHost: "The request has more than one Host field."
    case .badHost: "The Host field is not a valid host with an optional port."
    case .unknownExpectation: "The only expectation supported is 100-continue."
    case .badContentLength: "Content-Length is not a single number in range."
    case .duplicateContentLength: "The request has more than one Content-Length field."
    case .lengthAndChunked: "The request has both Content-Length and Transfer-Encoding."
    case .chunkedInHTTP10: "Transfer-Encoding is not allowed in an HTTP/1.0 request."
    case .duplicateTransferEncoding: "The request has more than one Transfer-Encoding field."
    case .badTransferEncoding: "Transfer-Encoding is not a list that ends with its only chunked."
    case .unknownTransferCoding: "The only transfer coding supported is chunked."
    default: nil
    }
  }

  private var sentenceOfProxy: StaticString? {
    switch self {
    case .badForwarded:
      "The Forwarded field of a trusted proxy is not as RFC 7239 has it; correct the proxy."
    case .badForwardedFor:
      "X-Forwarded-For of a trusted proxy is no list of IP addresses; correct the proxy."
    case .badForwardedProto:
      "X-Forwarded-Proto of a trusted proxy is neither http nor https; correct the proxy."
    case .badForwardedHost:
      "X-Forwarded-Host of a trusted proxy is no host with an optional port; correct the proxy."
    case .badForwardedPort:
      "X-Forwarded-Port of a trusted proxy is no number from 1 to 65535; correct the proxy."
    case .badProxyHeader:
      "A trusted proxy did not begin with a valid PROXY header, as --proxy-protocol wants it."
    case .proxyHeaderNotTrusted:
      "The connection began with a PROXY header, which counts from --forwarded-allow-ips alone."
    default: nil
    }
  }

  private var sentenceOfBody: StaticString {
    switch self {
    case .badChunkSize: "A chunk does not begin with a hexadecimal size of at most 15 digits."
    case .badChunkExtension: "A chunk extension is not valid."
    case .chunkExtensionTooLong: "The chunk extensions of the request body are too long."
    case .badChunkEnd: "A chunk is longer than the size it was announced with."
    case .badTrailer: "A trailer field is not valid."
    case .trailersTooLong: "The request has too many or too long trailer fields."
    default: "The request is not valid."
    }
  }
}
