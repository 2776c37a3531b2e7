internal import HTTP1
import Testing

/// What decides where a request ends. The refused cases are those that request smuggling lives on.
@Suite struct FramingTests {
  @Test(
    arguments: [
      ("0", 0), ("5", 5), ("005", 5), ("1234567890", 1_234_567_890),
      ("9223372036854775807", Int64.max),
    ] as [(String, Int64)])
  func contentLengths(text: String, length: Int64) {
    let outcome = parse(request("Content-Length: \(text)"))
    #expect(outcome.head.contentLength == length)
    #expect(!outcome.head.isChunked)
    #expect(outcome.head.hasBody == (length > 0))
  }

  @Test func withoutFieldsThereIsNoBody() {
    let head = parse(request()).head
    #expect(head.contentLength == -1 && !head.isChunked && !head.hasBody)
  }

  @Test(arguments: ["chunked", "Chunked", "CHUNKED", "  chunked\t"])
  func chunked(value: String) {
    for name in ["Transfer-Encoding", "transfer-encoding", "TRANSFER-ENCODING"] {
      let head = parse(request("\(name):\(value)")).head
      #expect(head.isChunked && head.hasBody && head.contentLength == -1)
    }
  }

  @Test(
    arguments: [
      (["Content-Length: "], 400), (["Content-Length: +5"], 400), (["Content-Length: -5"], 400),
      (["Content-Length: 0x5"], 400), (["Content-Length: 5 5"], 400),
      (["Content-Length: 5,5"], 400),
      (["Content-Length: 5, 5"], 400), (["Content-Length: 5;"], 400),
      (["Content-Length: 5.0"], 400),
      (["Content-Length: 1e3"], 400), (["Content-Length: \"5\""], 400),
      (["Content-Length: five"], 400),
      (["Content-Length: 9223372036854775808"], 400),
      (["Content-Length: 18446744073709551621"], 400),
      (["Content-Length: 99999999999999999999999999"], 400), (["Content-Length: 5\u{b}"], 400),
      (["Content-Length: 5", "Content-Length: 5"], 400),
      (["Content-Length: 5", "content-length: 6"], 400),
      (["Content-Length: 0", "Content-Length: 0"], 400), (["Content-Length : 5"], 400),
      (["Content-Length: 5", "Transfer-Encoding: chunked"], 400),
      (["Transfer-Encoding: chunked", "Content-Length: 5"], 400),
      (["Transfer-Encoding: chunked", "Content-Length: 0"], 400),
      (["Transfer-Encoding: chunked", "Content-Length: x"], 400),
      (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], 400),
      (["Transfer-Encoding: chunked", "Transfer-Encoding: identity"], 400),
      (["Transfer-Encoding: chunked, chunked"], 400),
      (["Transfer-Encoding: chunked, identity"], 400),
      (["Transfer-Encoding: chunked, gzip"], 400), (["Transfer-Encoding: ,chunked"], 400),
      (["Transfer-Encoding: chunked,"], 400), (["Transfer-Encoding:"], 400),
      (["Transfer-Encoding: \"chunked\""], 400), (["Transfer-Encoding: chunked;a=b"], 400),
      (["Transfer-Encoding: 'chunked"], 501), (["Transfer-Encoding: xchunked"], 501),
      (["Transfer-Encoding: chunkedx"], 501), (["Transfer-Encoding: chunk"], 501),
      (["Transfer-Encoding: identity"], 501), (["Transfer-Encoding: gzip"], 501),
      (["Transfer-Encoding: gzip, chunked"], 501), (["Transfer-Encoding: identity, chunked"], 501),
      (["Transfer-Encoding: gzip", "Transfer-Encoding: chunked"], 501),
      (["Transfer-Encoding:\u{b}chunked"], 400), (["Transfer-Encoding: chunked\u{b}"], 400),
      (["Transfer-Encoding: chun\0ked"], 400), (["Transfer-Encoding:\u{c}chunked"], 400),
      (["Transfer-Encoding : chunked"], 400), (["Transfer-Encoding\t: chunked"], 400),
      ([" Transfer-Encoding: chunked"], 400), (["X: y\r\n Transfer-Encoding: chunked"], 400),
      (["Transfer-Encoding:\r\n chunked"], 400), (["X: y\nTransfer-Encoding: chunked"], 400),
      (["X: y\rTransfer-Encoding: chunked"], 400), (["X\0: y"], 400), (["X: \0"], 400),
      (["Transfer-Encoding: chunked\r\r"], 400), (["Transfer-Encoding\0: chunked"], 400),
      (["Transfer\u{2d}Encoding\u{a0}: chunked"], 400),
    ] as [([String], Int)])
  func smuggling(lines: [String], status: Int) {
    let head = "POST / HTTP/1.1\r\nHost: a\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
    #expect(parse(head).refusal?.status == status)
  }

  @Test func fieldsThatOnlyLookLikeFramingDoNotFrame() {
    let lines = [
      "Transfer_Encoding: chunked", "Content_Length: 5", "X-Content-Length: 5", "TE: chunked",
    ]
    for line in lines {
      let outcome = parse(request(line))
      #expect(outcome.parse == .complete && !outcome.head.hasBody)
    }
  }

  @Test func transferEncodingIsNotForHTTP10() {
    let outcome = parse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")
    #expect(outcome.refusal == Refusal(400, .chunkedInHTTP10))
    let coding = parse("POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n")
    #expect(coding.refusal == Refusal(400, .chunkedInHTTP10))
  }

  @Test(
    arguments: [
      ("1.1", [], true), ("1.0", [], false), ("1.1", ["close"], false), ("1.0", ["close"], false),
      ("1.0", ["keep-alive"], true), ("1.0", ["Keep-Alive"], true), ("1.1", ["keep-alive"], true),
      ("1.1", ["CLOSE"], false), ("1.1", ["upgrade, close"], false), ("1.1", ["a,close,b"], false),
      ("1.1", ["closed"], true), ("1.1", ["x-close"], true), ("1.1", ["close x"], true),
      ("1.1", [""], true), ("1.1", [",,\t,"], true), ("1.1", [" ,\tclose ,"], false),
      ("1.0", ["keep-alive", "close"], false), ("1.0", ["close", "keep-alive"], false),
      ("1.0", ["TE", "keep-alive"], true), ("1.1", ["TE", "x", "close"], false),
      ("1.1", ["keep-alive, close"], false), ("1.0", ["keep-alive,close"], false),
    ] as [(String, [String], Bool)])
  func persistence(version: String, connections: [String], keepsAlive: Bool) {
    let lines = connections.map { "Connection: \($0)\r\n" }.joined()
    let outcome = parse("GET / HTTP/\(version)\r\nHost: a\r\n\(lines)\r\n")
    #expect(outcome.parse == .complete)
    #expect(outcome.head.keepsAlive == keepsAlive)
  }

  @Test func expectations() {
    let body = "Content-Length: 5"
    #expect(parse(request(body, "Expect: 100-continue")).head.expectsContinue)
    #expect(parse(request("Expect: 100-Continue", body)).head.expectsContinue)
    #expect(
      parse(request("Expect: 100-continue", "Transfer-Encoding: chunked")).head.expectsContinue)
    // Nothing to wait with.
    #expect(!parse(request("Expect: 100-continue")).head.expectsContinue)
    #expect(!parse(request("Expect: 100-continue", "Content-Length: 0")).head.expectsContinue)
    #expect(!parse(request(body)).head.expectsContinue)
    for value in ["", "100", "100-continue, 100-continue", "x", "100-continue;a=b", "200-ok"] {
      let outcome = parse(request(body, "Expect: \(value)"))
      #expect(outcome.refusal == Refusal(417, .unknownExpectation), "\(value)")
    }
    for value in ["100-continue", "x"] {
      let old = parse("POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: \(value)\r\n\r\n")
      #expect(old.parse == .complete && !old.head.expectsContinue)
    }
  }
}
