// StatusLine: the first line of a response. Pure.
public import Bytes

/// `HTTP/1.1 200 OK`.
public enum StatusLine {
  /// Appends the status line with the standard reason phrase, its CR LF included.
  ///
  /// - Parameter status: 100...999; others become 500.
  public static func append(_ status: Int, into writer: inout ByteWriter) {
    if status == 200 { return writer.append("HTTP/1.1 200 OK\r\n") }
    let code = code(status)
    begin(code, &writer)
    writer.append(ReasonPhrase.of(code))
    writer.append("\r\n")
  }

  /// Appends the status line with `reason`, which holds no control bytes but tabs
  /// (``FieldSyntax/isValue(_:)``), its CR LF included.
  ///
  /// - Parameter status: 100...999; others become 500.
  public static func append(
    _ status: Int, reason: UnsafeBufferPointer<UInt8>, into writer: inout ByteWriter
  ) {
    begin(code(status), &writer)
    unsafe writer.append(copying: reason)
    writer.append("\r\n")
  }

  /// A status of three digits in any case, so that the line keeps its form.
  private static func code(_ status: Int) -> Int { status >= 100 && status <= 999 ? status : 500 }

  /// The space after the code stands even where the phrase is empty (RFC 9112, section 4).
  private static func begin(_ code: Int, _ writer: inout ByteWriter) {
    writer.append("HTTP/1.1 ")
    writer.append(decimal: Int64(code))
    writer.append(ASCII.space)
  }
}

/// The standard words for status codes.
public enum ReasonPhrase {
  /// The phrase for `status` (RFC 9110, section 15, and the IANA registry); `Unknown` for others.
  public static func of(_ status: Int) -> StaticString {
    switch status {
    case 100...199: informational(status)
    case 200...299: successful(status)
    case 300...399: redirection(status)
    case 400...499: clientError(status)
    default: serverError(status)
    }
  }

  private static func informational(_ status: Int) -> StaticString {
    switch status {
    case 100: "Continue"
    case 101: "Switching Protocols"
    case 102: "Processing"
    case 103: "Early Hints"
    default: "Unknown"
    }
  }

  private static func successful(_ status: Int) -> StaticString {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 203: "Non-Authoritative Information"
    case 204: "No Content"
    case 205: "Reset Content"
    case 206: "Partial Content"
    case 207: "Multi-Status"
    case 208: "Already Reported"
    case 226: "IM Used"
    default: "Unknown"
    }
  }

  private static func redirection(_ status: Int) -> StaticString {
    switch status {
    case 300: "Multiple Choices"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 303: "See Other"
    case 304: "Not Modified"
    case 305: "Use Proxy"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    default: "Unknown"
    }
  }

  private static func clientError(_ status: Int) -> StaticString {
    switch status {
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 402: "Payment Required"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 406: "Not Acceptable"
    case 407: "Proxy Authentication Required"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 410: "Gone"
    case 411: "Length Required"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 416: "Range Not Satisfiable"
    case 417: "Expectation Failed"
    case 418: "I'm a Teapot"
    case 421: "Misdirected Request"
    case 422: "Unprocessable Content"
    case 423: "Locked"
    case 424: "Failed Dependency"
    case 425: "Too Early"
    case 426: "Upgrade Required"
    case 428: "Precondition Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 451: "Unavailable For Legal Reasons"
    default: "Unknown"
    }
  }

  private static func serverError(_ status: Int) -> StaticString {
    switch status {
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    case 506: "Variant Also Negotiates"
    case 507: "Insufficient Storage"
    case 508: "Loop Detected"
    case 510: "Not Extended"
    case 511: "Network Authentication Required"
    default: "Unknown"
    }
  }
}
