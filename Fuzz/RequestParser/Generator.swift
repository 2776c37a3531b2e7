// Generator: valid requests and chunked bodies from pieces of their grammars. Pure.
import Bytes

/// Writes inputs; what it writes without mutation has to be accepted.
struct Generator {
  var random: Random

  private mutating func pick(_ choices: [StaticString]) -> StaticString {
    choices[random.below(choices.count)]
  }

  private mutating func digits(_ count: Int, _ out: inout ByteWriter) {
    for _ in 0..<count { out.append(UInt8(ascii: "0") + UInt8(random.below(10))) }
  }

  // MARK: heads

  private static let names: [StaticString] = [
    "Accept", "accept-language", "Accept-Encoding", "User-Agent", "Cookie", "X-Forwarded-For",
    "x", "!#$%&'*+-.^_`|~", "Content-Type", "If-Match", "If-Range", "If-None-Match", "Referer",
    "If-Modified-Since", "If-Unmodified-Since", "Range", "TE", "Trailer", "Upgrade", "Keep-Alive",
    "Proxy", "Authorization", "Content-Lengthy", "Hosts", "Transfer-Encodin", "Expec",
    "under_score",
  ]
  private static let values: [StaticString] = [
    "*/*", "", "a", "gzip, deflate, br", "text/html;q=0.9", "a\tb", "\u{e9}\u{4e2d}", "chunked",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "sessionid=0123456789abcdef; a=b", ":",
    "\"x\\\"y\"", "bytes=0-99,200-", "Sun, 06 Nov 1994 08:49:37 GMT", "a,,b ,\t, c", "100-continue",
  ]
  private static let hosts: [StaticString] = [
    "localhost", "example.com", "EXAMPLE.com:80", "127.0.0.1:8000", "[::1]",
    "[::ffff:1.2.3.4]:65535",
    "[1:2:3:4:5:6:7:8]:", "a_b-c.d~e", "x%41y", "sub!$&'()*+,;=delims",
  ]
  private static let paths: [StaticString] = [
    "/", "/index.html", "/a/b/../c//d", "/%7Euser/%zz", "/a?b=c&d", "/?", "/?a?b", "/[]{}|\\^\"<>`",
    "/static/css/style.0123456789.css", "/a;b=c:d@e",
  ]

  /// Writes a valid head into `out`; its body is framed as `bodyKind` says.
  mutating func head(_ out: inout ByteWriter) {
    for _ in 0..<(random.oneIn(8) ? random.below(3) : 0) { out.append("\r\n") }
    let minor = random.oneIn(6) ? 0 : 1
    requestLine(&out)
    out.append(minor == 1 ? "1.1\r\n" : "1.0\r\n")
    let fields = random.below(8)
    let hostAt = minor == 1 || random.oneIn(2) ? random.below(fields + 1) : -1
    let framingAt = random.below(fields + 1)
    for index in 0...fields {
      if index == hostAt {
        field(pick(["Host", "host", "HOST"]), random.oneIn(20) ? "" : pick(Self.hosts), &out)
      }
      if index == framingAt { framing(minor, &out) }
      if index < fields { field(pick(Self.names), pick(Self.values), &out) }
    }
    out.append("\r\n")
  }

  private mutating func requestLine(_ out: inout ByteWriter) {
    switch random.below(12) {
    case 0:
      out.append("CONNECT ")
      out.append(pick(["example.com:443", "[::1]:1", "10.0.0.1:80"]))
    case 1: out.append("OPTIONS *")
    case 2:
      out.append(pick(["GET ", "POST ", "OPTIONS ", "purge "]))
      out.append(pick(["http://", "https://", "HTTP://", "httpS://"]))
      out.append(pick(Self.hosts))
      out.append(random.oneIn(4) ? pick(["", "?a=b"]) : pick(Self.paths))
    default:
      out.append(
        pick([
          "GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "X",
          "get", "M-SEARCH", "PROPFIND", "GETT", "PATCx", "DELETX", "OPTIONX",
        ]))
      out.append(ASCII.space)
      out.append(pick(Self.paths))
    }
    out.append(" HTTP/")
  }

  private mutating func field(_ name: StaticString, _ value: StaticString, _ out: inout ByteWriter)
  {
    out.append(name)
    out.append(":")
    out.append(random.oneIn(4) ? pick(["", "  ", "\t", " \t "]) : " ")
    out.append(value)
    if random.oneIn(8) { out.append(pick([" ", "\t", "  \t"])) }
    out.append("\r\n")
  }

  /// Fields that frame the body and steer the connection.
  private mutating func framing(_ minor: Int, _ out: inout ByteWriter) {
    switch random.below(minor == 1 ? 5 : 3) {
    case 0:
      out.append(pick(["Content-Length: ", "content-length:", "CONTENT-LENGTH:\t"]))
      digits(1 + random.below(18), &out)
      out.append("\r\n")
    case 3, 4:
      field(
        pick(["Transfer-Encoding", "transfer-encoding", "TRANSFER-ENCODING"]),
        pick(["chunked", "Chunked", "CHUNKED"]), &out)
      if random.oneIn(3) { field("Expect", pick(["100-continue", "100-Continue"]), &out) }
    default: break
    }
    for _ in 0..<random.below(3) {
      field(
        pick(["Connection", "connection"]),
        pick(["close", "keep-alive", "Keep-Alive, TE", "upgrade", ",close ,", "closed", ""]), &out)
    }
  }

  // MARK: chunked bodies

  /// Writes a valid chunked body into `out` and its data into `data`.
  mutating func chunkedBody(_ out: inout ByteWriter, data: inout ByteWriter) {
    for _ in 0..<random.below(5) {
      let size = random.oneIn(8) ? 1 + random.below(300) : 1 + random.below(20)
      for _ in 0..<(random.oneIn(6) ? random.below(12) : 0) { out.append("0") }
      out.append(hex: UInt64(size))
      extensions(&out)
      out.append("\r\n")
      for _ in 0..<size {
        let byte = UInt8(truncatingIfNeeded: random.next())
        out.append(byte)
        data.append(byte)
      }
      out.append("\r\n")
    }
    for _ in 0...(random.oneIn(6) ? random.below(14) : 0) { out.append("0") }
    extensions(&out)
    out.append("\r\n")
    // Within the bounds of the decoder, whose last places are met now and then.
    let trailers = random.oneIn(40) ? 32 : random.oneIn(4) ? random.below(5) : 0
    for _ in 0..<trailers {
      field(pick(Self.names), pick(Self.values), &out)
    }
    out.append("\r\n")
  }

  private mutating func extensions(_ out: inout ByteWriter) {
    for _ in 0..<(random.oneIn(4) ? random.below(4) : 0) {
      out.append(pick([";", ";", " ; ", "\t;"]))
      out.append(pick(["a", "name", "!#$%", "x-y_z"]))
      if random.oneIn(2) {
        out.append(pick(["=", " = ", "=\t"]))
        out.append(pick(["b", "\"\"", "\"q;\\\"\\\\\u{e9} \t\"", "0123456789"]))
      }
    }
  }
}
