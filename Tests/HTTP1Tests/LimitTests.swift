internal import HTTP1
import Testing

@Suite struct LimitTests {
  @Test(arguments: [16, 17, 100, 8190])
  func requestLine(limit: Int) {
    var limits = RequestLimits()
    limits.lineBytes = limit
    for (extra, status) in [(-1, nil), (0, nil), (1, 414), (2, 414), (500, 414)] as [(Int, Int?)] {
      // "GET " and " HTTP/1.1" are 13 bytes.
      let target = "/" + String(repeating: "a", count: limit + extra - 14)
      let outcome = parse("GET \(target) HTTP/1.1\r\nHost: a\r\n\r\n", limits: limits)
      #expect(outcome.refusal?.status == status, "\(extra)")
      #expect((outcome.parse == .complete) == (status == nil))
    }
  }

  @Test(arguments: [8, 9, 100, 8190])
  func fieldSize(limit: Int) {
    var limits = RequestLimits()
    limits.fieldBytes = limit
    for (extra, status) in [(-1, nil), (0, nil), (1, 431), (2, 431), (500, 431)] as [(Int, Int?)] {
      let line = "X: " + String(repeating: "a", count: limit + extra - 3)
      let outcome = parse("GET / HTTP/1.1\r\nHost: a\r\n\(line)\r\n\r\n", limits: limits)
      #expect(outcome.refusal?.status == status, "\(extra)")
      let first = parse("GET / HTTP/1.0\r\n\(line)\r\n\r\n", limits: limits)
      #expect(first.refusal?.status == status, "\(extra)")
    }
  }

  @Test(arguments: [1, 2, 7, 100])
  func fieldCount(limit: Int) {
    var limits = RequestLimits()
    limits.fieldCount = limit
    for (extra, status) in [(-1, nil), (0, nil), (1, 431), (20, 431)] as [(Int, Int?)] {
      let lines = String(repeating: "X: y\r\n", count: limit + extra)
      let outcome = parse("GET / HTTP/1.0\r\n\(lines)\r\n", limits: limits)
      #expect(outcome.refusal?.status == status, "\(extra)")
      if status == nil { #expect(outcome.fields.count == limit + extra) }
    }
  }

  @Test func linesWithoutAnEndAreRefusedWhileTheyGrow() {
    var limits = RequestLimits()
    limits.lineBytes = 20
    limits.fieldBytes = 10
    let line = String(repeating: "a", count: 21)
    #expect(parse(line, limits: limits).parse == .needMoreBytes)
    #expect(parse(line + "a", limits: limits).refusal == Refusal(414, .lineTooLong))
    let start = "GET / HTTP/1.1\r\n"
    #expect(parse(start + "01234567890", limits: limits).parse == .needMoreBytes)
    let tooLong = parse(start + "012345678901", limits: limits)
    #expect(tooLong.refusal == Refusal(431, .fieldTooLong))
  }

  @Test func theLongestHeadIsTheStatedOne() {
    var limits = RequestLimits()
    limits.lineBytes = 20
    limits.fieldBytes = 10
    limits.fieldCount = 3
    let lines = String(repeating: "X: 4567890\r\n", count: 3)
    let head = "\r\n\r\nGET /56789 HTTP/1.0\r\n\(lines)\r\n"
    #expect(head.utf8.count == limits.maximumHeadBytes - 1)
    #expect(parse(head, limits: limits).parse == .complete)
  }

  @Test func defaultsAreThoseOfApache() {
    let limits = RequestLimits()
    #expect(limits.lineBytes == 8190 && limits.fieldBytes == 8190 && limits.fieldCount == 100)
  }

  @Test func theScannerIsSmallAndReadyForTheNextHead() {
    #expect(MemoryLayout<HeadScanner>.size <= 16)
    let first = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
    let bytes = Array((first + "POST /b HTTP/1.0\r\n\r\n").utf8)
    var parser = RequestHeadParser(limits: RequestLimits())
    var scanner = HeadScanner()
    unsafe bytes.withUnsafeBufferPointer { bytes in
      #expect(unsafe parser.parse(bytes, scanner: &scanner) == .complete)
      #expect(parser.head.length == first.utf8.count && parser.head.method == .get)
      #expect(scanner == HeadScanner())
      let rest = unsafe UnsafeBufferPointer(rebasing: bytes[parser.head.length...])
      #expect(unsafe parser.parse(rest, scanner: &scanner) == .complete)
      #expect(parser.head.length == rest.count && parser.head.method == .post)
      #expect(parser.head.minorVersion == 0 && parser.head.fieldCount == 0)
    }
  }

  @Test func everyReasonHasASentenceAndAStatus() {
    var sentences = Set<String>()
    for reason in Refusal.Reason.allCases {
      let sentence = "\(reason.sentence)"
      #expect(sentence.hasSuffix(".") && sentence != "The request is not valid.", "\(reason)")
      sentences.insert(sentence)
      #expect([400, 408, 413, 414, 417, 431, 500, 501, 505].contains(reason.status))
      #expect(Refusal(reason) == Refusal(reason.status, reason))
    }
    #expect(sentences.count == Refusal.Reason.allCases.count)
  }
}
