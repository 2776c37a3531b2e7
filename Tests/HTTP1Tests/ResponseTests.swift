internal import Bytes
internal import HTTP1
import Testing

/// What `body` writes into `capacity` bytes; nil where it did not fit.
private func written(capacity: Int = 4096, _ body: (inout ByteWriter) -> Void) -> String? {
  let base = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
  defer { unsafe base.deallocate() }
  var writer = unsafe ByteWriter(base: base, capacity: capacity)
  body(&writer)
  return writer.overflowed ? nil : unsafe String(decoding: writer.written, as: UTF8.self)
}

/// Calls `body` with the bytes of `text`.
private func with<Result>(
  _ text: String, _ body: (UnsafeBufferPointer<UInt8>) -> Result
) -> Result {
  var text = text
  return text.withUTF8 { unsafe body($0) }
}

@Suite struct StatusLineTests {
  @Test(arguments: [
    (200, "HTTP/1.1 200 OK\r\n"), (404, "HTTP/1.1 404 Not Found\r\n"),
    (100, "HTTP/1.1 100 Continue\r\n"), (503, "HTTP/1.1 503 Service Unavailable\r\n"),
    (299, "HTTP/1.1 299 Unknown\r\n"), (999, "HTTP/1.1 999 Unknown\r\n"),
    (0, "HTTP/1.1 500 Internal Server Error\r\n"), (1000, "HTTP/1.1 500 Internal Server Error\r\n"),
    (-1, "HTTP/1.1 500 Internal Server Error\r\n"),
  ])
  func standardPhrases(status: Int, line: String) {
    #expect(written { StatusLine.append(status, into: &$0) } == line)
    #expect(written(capacity: line.utf8.count - 1) { StatusLine.append(status, into: &$0) } == nil)
  }

  @Test(arguments: ["Fine", "", "Très bien"])
  func ownPhrases(reason: String) {
    let line = unsafe with(reason) { bytes in
      written { unsafe StatusLine.append(201, reason: bytes, into: &$0) }
    }
    #expect(line == "HTTP/1.1 201 \(reason)\r\n")
  }

  @Test func everyStatusOfARefusalHasAPhrase() {
    for reason in Refusal.Reason.allCases {
      #expect("\(ReasonPhrase.of(reason.status))" != "Unknown")
    }
  }
}

@Suite struct ErrorPageTests {
  @Test func lengthsAreRightForEveryStatus() {
    for status in 100...999 {
      let page = written { ErrorPage.append(status: status, into: &$0) }
      #expect(page?.utf8.count == ErrorPage.length(status: status), "\(status)")
    }
  }

  @Test func aPageSaysItsStatus() {
    let page = written { ErrorPage.append(status: 404, into: &$0) } ?? ""
    #expect(page.hasPrefix("<!DOCTYPE html>\n"))
    #expect(page.contains("<title>404 Not Found</title>"))
    #expect(page.contains("<h1>404 Not Found</h1>\n<p>There is nothing at this address.</p>"))
  }
}

@Suite struct FieldSyntaxTests {
  @Test func tokens() {
    for text in ["a", "X-Forwarded-For", "!#$%&'*+-.^_`|~09azAZ"] {
      #expect(unsafe with(text) { unsafe FieldSyntax.isToken($0) })
    }
    for text in ["", " ", "a b", "a:", "a\r", "a\n", "é", "(a)", "a\0", "\"a\"", "a/b"] {
      #expect(unsafe !with(text) { unsafe FieldSyntax.isToken($0) })
    }
  }

  @Test func values() {
    for text in ["", " ", "a b", "a\tb", "é", "text/html; charset=utf-8", "\t\t0123456789\t"] {
      #expect(unsafe with(text) { unsafe FieldSyntax.isValue($0) })
    }
    for text in [
      "\r", "\n", "a\r\nSet-Cookie: b", "0123456789\0", "\u{1}", "0123456\u{7f}", "\t\u{b}",
    ] {
      #expect(unsafe !with(text) { unsafe FieldSyntax.isValue($0) })
    }
  }

  @Test func hopByHopFields() {
    for text in [
      "Connection", "KEEP-ALIVE", "proxy-authenticate", "Proxy-Authorization", "te", "Trailer",
      "Trailers", "Transfer-Encoding", "upgrade", "Proxy-Connection",
    ] {
      #expect(unsafe with(text) { unsafe HopByHop.contains($0) }, "\(text)")
    }
    for text in [
      "", "Content-Length", "Content-Type", "t", "Proxy", "Upgrade-Insecure-Requests", "x",
    ] {
      #expect(unsafe !with(text) { unsafe HopByHop.contains($0) }, "\(text)")
    }
  }
}

@Suite struct PercentDecodingTests {
  @Test(arguments: [
    ("", ""), ("/", "/"), ("/a/b", "/a/b"), ("/%41", "/A"), ("%41", "A"), ("%2F%2f", "//"),
    ("/a%20b%20c", "/a b c"), ("/a+b", "/a+b"), ("%", "%"), ("%4", "%4"), ("%%", "%%"),
    ("%zz", "%zz"), ("%4z%41", "%4zA"), ("%%41", "%A"), ("%4%41", "%4A"), ("a%", "a%"),
    ("%C3%BC", "ü"), ("%2541", "%41"), ("/%00", "/\0"), ("0123456789%41", "0123456789A"),
  ])
  func escapes(text: String, decoded: String) {
    let result = unsafe with(text) { bytes in
      written { unsafe PercentDecoding.decode(bytes, into: &$0) }
    }
    #expect(result == decoded)
    let short = unsafe with(text) { bytes in
      written(capacity: decoded.utf8.count) {
        unsafe PercentDecoding.decode(bytes, into: &$0)
      }
    }
    #expect(short == decoded)
  }

  @Test func everyByteCanBeEscaped() {
    for byte: UInt8 in 0...127 {
      let text = "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      let result = unsafe with(text) { bytes in
        written { unsafe PercentDecoding.decode(bytes, into: &$0) }
      }
      #expect(result == String(Unicode.Scalar(byte)))
    }
  }

  @Test func whatDoesNotFitIsSaid() {
    let result = unsafe with("/a%41") { bytes in
      written(capacity: 2) { unsafe PercentDecoding.decode(bytes, into: &$0) }
    }
    #expect(result == nil)
  }
}
