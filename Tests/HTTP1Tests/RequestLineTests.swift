internal import HTTP1
import Testing

@Suite struct RequestLineTests {
  @Test(
    arguments: [
      ("GET", .get), ("HEAD", .head), ("POST", .post), ("PUT", .put), ("DELETE", .delete),
      ("OPTIONS", .options), ("PATCH", .patch), ("TRACE", .trace), ("get", .other), ("G", .other),
      ("GETT", .other), ("PATCX", .other), ("TRACX", .other), ("DELETX", .other),
      ("OPTIONX", .other),
      ("CONNECX", .other), ("POSTS", .other), ("HEADS", .other), ("PUTS", .other),
      ("!#$%&'*+-.^_`|~0aZ", .other),
    ] as [(String, Method)])
  func methodsAreTokens(name: String, method: Method) {
    let outcome = parse("\(name) / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(outcome.parse == .complete)
    #expect(outcome.head.method == method)
    #expect(outcome.text(outcome.head.methodRange) == name)
  }

  @Test func everyByteThatIsNoTokenIsRefusedInAMethod() {
    for byte: UInt8 in 0...255 {
      let bytes = Array("GE".utf8) + [byte] + Array("T / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
      let outcome = parse(bytes, ends: [bytes.count])
      let isToken = "!#$%&'*+-.^_`|~".utf8.contains(byte) || isAlphanumeric(byte)
      #expect((outcome.parse == .complete) == isToken, "\(byte)")
      if !isToken { #expect(outcome.refusal?.status == 400) }
    }
  }

  private func isAlphanumeric(_ byte: UInt8) -> Bool {
    UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
      || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 32
  }

  @Test(
    arguments: [
      ("HTTP/1.0", nil), ("HTTP/1.1", nil), ("HTTP/1.2", 505), ("HTTP/1.9", 505), ("HTTP/0.9", 505),
      ("HTTP/2.0", 505), ("HTTP/3.0", 505), ("HTTP/0.0", 505), ("http/1.1", 400),
      ("HTTP/1.1 ", 400),
      (" HTTP/1.1", 400), ("HTTP/11", 400), ("HTTP/1.10", 400), ("HTTP/01.1", 400),
      ("HTTP/1,1", 400),
      ("HTTP/1.", 400), ("HTTP/.1", 400), ("HTTP", 400), ("", 400), ("H", 400), ("HTTP/1.1\t", 400),
      ("HTTP/1.1 x", 400), ("HTTPS/1.1", 400), ("HTTP/1.x", 400), ("HTTP/a.1", 400),
      ("HTTP/2", 400),
      ("ICY/1.1", 400), ("XHTTP/1.1", 400), ("HTTP/1.1\0", 400),
    ] as [(String, Int?)])
  func versions(version: String, status: Int?) {
    let outcome = parse("GET / \(version)\r\nHost: a\r\n\r\n")
    #expect(outcome.refusal?.status == status)
    #expect((outcome.parse == .complete) == (status == nil))
    if status == nil { #expect(outcome.head.minorVersion == (version == "HTTP/1.0" ? 0 : 1)) }
  }

  @Test(
    arguments: [
      ("GET /\r\n\r\n", .badRequestLine), ("GET\r\n\r\n", .badRequestLine),
      ("GET \r\n\r\n", .badRequestLine), ("GET  / HTTP/1.1\r\n\r\n", .badRequestLine),
      ("GET /  HTTP/1.1\r\n\r\n", .badVersion), ("GET / / HTTP/1.1\r\n\r\n", .badVersion),
      ("GET\t/ HTTP/1.1\r\n\r\n", .badMethod), ("GET /\tHTTP/1.1\r\n\r\n", .badTarget),
      ("G(T / HTTP/1.1\r\n\r\n", .badMethod), ("GET / HTTP/1.1\r\r\n\r\n", .badVersion),
      ("GET /a\rb HTTP/1.1\r\n\r\n", .badRequestLine),
      ("PRI * HTTP/2.0\r\n\r\n", .versionNotSupported),
    ] as [(String, Refusal.Reason)])
  func brokenLines(text: String, reason: Refusal.Reason) {
    #expect(parse(text).refusal?.reason == reason)
  }

  @Test func shortestHeads() {
    #expect(parse("X / HTTP/1.0\r\n\r\n").parse == .complete)
    #expect(parse("X * HTTP/1.0\r\n\r\n").refusal?.reason == .targetNotForMethod)
    for text in ["A\r\n\r\n", "A \r\n\r\n", "A B\r\n\r\n", "A / \r\n\r\n", "A / H\r\n\r\n"] {
      #expect(parse(text).refusal?.status == 400, "\(text)")
    }
  }

  @Test func whatIsNotHTTPIsRefusedAtItsFirstByte() {
    #expect(parse(latin1("\u{16}")).refusal == Refusal(400, .tlsOnPlainPort))
    #expect(parse(latin1("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}")).refusal?.reason == .tlsOnPlainPort)
    for first in ["\0", " ", "\t", ":", "/", "\"", "(", "{", "\u{7F}", "\u{80}", "\u{FF}"] {
      #expect(parse(latin1(first)).refusal == Refusal(400, .badFirstByte), "\(first)")
    }
    #expect(parse("\n").refusal?.reason == .bareLineFeed)
    #expect(parse("\rG").refusal?.reason == .bareCarriageReturn)
    #expect(parse("\r").parse == .needMoreBytes)
    #expect(parse("").parse == .needMoreBytes)
  }

  @Test(arguments: [0, 1, 2, 3])
  func emptyLinesBeforeTheRequest(count: Int) {
    let head = "GET /a HTTP/1.1\r\nHost: b\r\n\r\n"
    let outcome = parse(String(repeating: "\r\n", count: count) + head + "GET")
    guard count <= 2 else {
      #expect(outcome.refusal == Refusal(400, .badFirstByte))
      return
    }
    #expect(outcome.parse == .complete)
    #expect(outcome.head.length == head.utf8.count + 2 * count)
    #expect(outcome.path == "/a")
    #expect(outcome.fieldTexts == ["Host=b"])
  }
}
