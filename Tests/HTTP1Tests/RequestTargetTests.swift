internal import HTTP1
import Testing

@Suite struct RequestTargetTests {
  private func target(_ target: String, method: String = "GET") -> Outcome {
    parse("\(method) \(target) HTTP/1.1\r\nHost: field\r\n\r\n")
  }

  @Test(arguments: [
    ("/", "/", ""), ("/a/b", "/a/b", ""), ("/a?b=c", "/a", "b=c"), ("/?", "/", ""),
    ("/??", "/", "?"), ("/a?b?c/d", "/a", "b?c/d"), ("//a", "//a", ""), ("/%41%zz", "/%41%zz", ""),
    ("/a:b@c[]{}|\\^`\"<>'!$&()*+,;=~", "/a:b@c[]{}|\\^`\"<>'!$&()*+,;=~", ""),
    ("/0123456789012345?0123456789012345", "/0123456789012345", "0123456789012345"),
  ])
  func originForm(text: String, path: String, query: String) {
    let outcome = target(text)
    #expect(outcome.parse == .complete)
    #expect(outcome.head.targetForm == .origin)
    #expect(outcome.text(outcome.head.target) == text)
    #expect(outcome.path == path && outcome.query == query)
    #expect(outcome.host == "field")
  }

  @Test(arguments: [
    ("http://a/b?c", "a", "/b", "c"), ("https://a:443/", "a:443", "/", ""),
    ("http://a", "a", "", ""),
    ("HTTP://A?q", "A", "", "q"), ("hTTps://[::1]:8/x", "[::1]:8", "/x", ""),
    ("http://a:/", "a:", "/", ""),
    ("http://a//b", "a", "//b", ""), ("http://a?", "a", "", ""), ("http://a/?b/c", "a", "/", "b/c"),
  ])
  func absoluteForm(text: String, host: String, path: String, query: String) {
    let outcome = target(text)
    #expect(outcome.parse == .complete)
    #expect(outcome.head.targetForm == .absolute)
    #expect(outcome.host == host && outcome.path == path && outcome.query == query)
  }

  @Test(
    arguments: [
      ("http://", .badAuthority), ("http:///a", .badAuthority), ("http://:80/", .badAuthority),
      ("http://u@h/", .badAuthority), ("http://u:p@h/", .badAuthority),
      ("http://h:x/", .badAuthority),
      ("http://h:65536/", .badAuthority), ("http://[::1/", .badAuthority),
      ("http://?", .badAuthority),
      ("http://a\\b/", .badAuthority), ("http:/a", .unknownTargetForm),
      ("ftp://a/", .unknownTargetForm),
      ("a", .unknownTargetForm), ("?a", .unknownTargetForm), ("a:80", .unknownTargetForm),
      ("**", .unknownTargetForm), ("*", .targetNotForMethod), ("*/", .unknownTargetForm),
      ("http", .unknownTargetForm), ("https:/", .unknownTargetForm),
      ("httpx://a", .unknownTargetForm),
      ("/a#b", .fragmentInTarget), ("/#", .fragmentInTarget), ("#", .fragmentInTarget),
      ("http://a/#b", .fragmentInTarget),
    ] as [(String, Refusal.Reason)])
  func refusedTargets(text: String, reason: Refusal.Reason) {
    #expect(target(text).refusal == Refusal(400, reason))
  }

  @Test func asteriskIsForOptionsOnly() {
    let outcome = target("*", method: "OPTIONS")
    #expect(outcome.parse == .complete)
    #expect(outcome.head.targetForm == .asterisk)
    #expect(outcome.path == "*" && outcome.query == "" && outcome.host == "field")
    #expect(target("/", method: "OPTIONS").head.targetForm == .origin)
    #expect(target("http://a", method: "OPTIONS").head.targetForm == .absolute)
  }

  @Test(
    arguments: [
      ("a:443", nil), ("[::1]:1", nil), ("1.2.3.4:65535", nil), ("a:0", nil), ("a", .badAuthority),
      ("a:", .badAuthority), (":443", .badAuthority), ("a:65536", .badAuthority),
      ("u@a:1", .badAuthority), ("/", .targetNotForMethod), ("*", .targetNotForMethod),
      ("http://a:1/", .targetNotForMethod), ("a:1/", .targetNotForMethod), ("a:1?", .badAuthority),
    ] as [(String, Refusal.Reason?)])
  func authorityIsForConnectOnly(text: String, reason: Refusal.Reason?) {
    let outcome = target(text, method: "CONNECT")
    #expect(outcome.refusal?.reason == reason)
    guard reason == nil else { return }
    #expect(outcome.head.targetForm == .authority && outcome.head.method == .connect)
    #expect(outcome.host == text && outcome.path == "" && outcome.query == "")
  }

  @Test func bytesOfATarget() {
    for byte: UInt8 in 0...255 where byte != 0x23 && byte != 0x20 {
      // Two places, so that both the search by words and the one by bytes meet it.
      for padding in ["", "012345678"] {
        let bytes = Array("GET /\(padding)".utf8) + [byte] + Array(" HTTP/1.0\r\n\r\n".utf8)
        let outcome = parse(bytes, ends: [bytes.count])
        let isVisible = byte > 0x20 && byte < 0x7F
        #expect((outcome.parse == .complete) == isVisible, "\(byte)")
        if !isVisible { #expect(outcome.refusal?.status == 400) }
      }
    }
  }
}

@Suite struct AuthorityTests {
  @Test(arguments: [
    "", "a", "example.com", "example.com:", "a:0", "a:80", "a:65535", "a:00080", "127.0.0.1:8000",
    "a-b_c.d~e!$&'()*+,;=", "%41%62", "999.999.999.999", "[::]", "[::1]:80", "[1::]", "[::1.2.3.4]",
    "[1:2:3:4:5:6:7:8]", "[1:2:3:4:5:6:1.2.3.4]", "[fe80::ABCD:1]", "[1::8]:", "[1:2:3:4:5:6:7::]",
    "[::2:3:4:5:6:7:8]", "[::ffff:255.255.255.255]", "xn--bcher-kva.example",
  ])
  func validHosts(host: String) {
    let outcome = parse("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    #expect(outcome.parse == .complete)
    #expect(outcome.host == host)
  }

  @Test(arguments: [
    ":80", ":", "a b", "a:b", "a:+1", "a:65536", "a:99999999999999999999", "a:80:80", "a:8 0",
    "u@a",
    "a/b", "a?b", "a#b", "a\\b", "a\"", "<a>", "a|b", "a^b", "a`b", "{a}", "%", "%4", "%zz", "a%4g",
    "[", "]", "[]", "[:]", "[:::]", "[1]", "[::1", "::1", "[::1]x", "[::1]80", "[g::]", "[12345::]",
    "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]", "[1::2::3]", "[1:2:3:4:5:6:7:8::]", "[:1::]", "[1:]",
    "[::1.2.3]", "[::1.2.3.4.5]", "[::256.1.1.1]", "[::01.1.1.1]", "[1.2.3.4]", "[::1.2.3.4:1]",
    "[::1..2.3]", "[::.1.2.3]", "[1:2:3:4:5:6:7:1.2.3.4]", "[fe80::1%25eth0]", "[v1.a]", "\u{e9}",
    "a\tb", "[::1]]", "[[::1]]", "a[::1]",
  ])
  func invalidHosts(host: String) {
    #expect(parse("GET / HTTP/1.1\r\nHost: \(host)\r\n\r\n").refusal == Refusal(400, .badHost))
    #expect(parse("GET / HTTP/1.0\r\nHost: \(host)\r\n\r\n").refusal == Refusal(400, .badHost))
  }

  @Test func theAuthorityOfTheTargetWinsButTheFieldIsStillRequired() {
    #expect(parse("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n").host == "a")
    #expect(parse("GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n").host == "a")
    let missing = parse("GET http://a/ HTTP/1.1\r\n\r\n")
    #expect(missing.refusal == Refusal(400, .missingHost))
    #expect(parse("GET http://a/ HTTP/1.1\r\nHost: b b\r\n\r\n").refusal?.reason == .badHost)
    #expect(parse("GET http://a/ HTTP/1.0\r\n\r\n").host == "a")
  }

  @Test func hostIsRequiredOnceInHTTP11AndAtMostOnceInHTTP10() {
    #expect(parse("GET / HTTP/1.1\r\n\r\n").refusal == Refusal(400, .missingHost))
    #expect(parse("GET / HTTP/1.0\r\n\r\n").parse == .complete)
    for version in ["1.0", "1.1"] {
      let twice = parse("GET / HTTP/\(version)\r\nHost: a\r\nX: y\r\nhost: a\r\n\r\n")
      #expect(twice.refusal == Refusal(400, .duplicateHost))
    }
  }
}
