internal import HTTP1
import Testing

@Suite struct ChunkedDecoderTests {
  @Test(
    arguments: [
      ("0\r\n\r\n", ""), ("5\r\nhello\r\n0\r\n\r\n", "hello"),
      ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world"), ("000\r\n\r\n", ""),
      ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
      ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
      ("00000000000000b\r\n0123456789a\r\n0\r\n\r\n", "0123456789a"),
      ("2\r\n\r\n\r\n0\r\n\r\n", "\r\n"),
      ("5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n"),
      ("1;a\r\nx\r\n0\r\n\r\n", "x"), ("1;a=b\r\nx\r\n0;z\r\n\r\n", "x"),
      ("1 ; a = b ;c\t=\t\"d;e\\\"f \t\"\r\nx\r\n0\r\n\r\n", "x"),
      ("1;a=\"\"\r\nx\r\n0\r\n\r\n", "x"),
      ("1;a=\"ü\"\r\nx\r\n0\r\n\r\n", "x"), ("1;a;b;c\r\nx\r\n0\r\n\r\n", "x"),
      ("0\r\nA: b\r\n\r\n", ""), ("0\r\nA:\r\nContent-Length: 5\r\nx-ü:\r\n\r\n", nil),
      ("0\r\nA: \tü \r\nB: c\r\n\r\n", ""),
    ] as [(String, String?)])
  func bodies(text: String, data: String?) {
    let decoded = decode(text + "GET")
    guard let data else {
      #expect(decoded.refusal?.reason == .badTrailer)
      return
    }
    #expect(decoded.step == .end)
    #expect(decoded.text == data)
    #expect(decoded.end == text.utf8.count)
  }

  @Test(
    arguments: [
      ("\r\n", .badChunkSize), ("g\r\n", .badChunkSize), ("-1\r\n", .badChunkSize),
      ("+1\r\n", .badChunkSize), (" 1\r\n", .badChunkSize), ("0x1\r\n", .badChunkSize),
      ("1h\r\n", .badChunkSize), (";a\r\n", .badChunkSize), ("1\n", .badChunkSize),
      ("1\rx", .badChunkSize),
      ("0\n\r\n", .badChunkSize), ("1\0\r\n", .badChunkSize), ("1,1\r\n", .badChunkSize),
      ("0000000000000001\r\n", .badChunkSize), ("ffffffffffffffff\r\n", .badChunkSize),
      ("1 \r\n", .badChunkExtension), ("1\t\r\n", .badChunkExtension),
      ("1 2\r\n", .badChunkExtension),
      ("1;\r\n", .badChunkExtension), ("1;;\r\n", .badChunkExtension),
      ("1;a=\r\n", .badChunkExtension),
      ("1;a \r\n", .badChunkExtension), ("1;a b\r\n", .badChunkExtension),
      ("1;=b\r\n", .badChunkExtension),
      ("1;a=b c\r\n", .badChunkExtension), ("1;a=\"b\r\n", .badChunkExtension),
      ("1;a\n", .badChunkExtension),
      ("1;a=\"b\"c\r\n", .badChunkExtension), ("1;a=\"\n\"\r\n", .badChunkExtension),
      ("1;a=\"\\\n\"\r\n", .badChunkExtension), ("1;a=b=c\r\n", .badChunkExtension),
      ("1;a\0\r\n", .badChunkExtension), ("1;a\rx", .badChunkSize), ("1;(\r\n", .badChunkExtension),
      ("1\r\nxy", .badChunkEnd), ("1\r\nx\n", .badChunkEnd), ("1\r\nx\rx", .badChunkEnd),
      ("1\r\nx0\r\n\r\n", .badChunkEnd), ("0\r\n\n", .badTrailer), ("0\r\n\rx", .badTrailer),
      ("0\r\n A: b\r\n", .badTrailer), ("0\r\nA : b\r\n", .badTrailer),
      ("0\r\n: b\r\n", .badTrailer),
      ("0\r\nA\r\n", .badTrailer), ("0\r\nA: b\n", .badTrailer), ("0\r\nA: b\rx", .badTrailer),
      ("0\r\nA: \0\r\n", .badTrailer), ("0\r\nA: b\r\n c\r\n", .badTrailer),
      ("0\r\n5\r\n", .badTrailer),
    ] as [(String, Refusal.Reason)])
  func brokenBodies(text: String, reason: Refusal.Reason) {
    #expect(decode(text).refusal == Refusal(400, reason))
  }

  @Test func everyPrefixOfABodyNeedsMoreBytes() {
    let body = Array("5;a=\"b\"\r\nhello\r\n0\r\nA: b\r\n\r\n".utf8)
    for count in 0..<body.count {
      #expect(decode(Array(body[..<count]), ends: [count]).step == .needMoreBytes)
    }
  }

  @Test(arguments: [14, 15, 16])
  func sizeDigits(count: Int) {
    let text = String(repeating: "0", count: count - 1) + "1\r\nx\r\n0\r\n\r\n"
    #expect((decode(text).step == .end) == (count <= 15))
    let large = String(repeating: "f", count: count) + "\r\nx"
    #expect(decode(large).refusal?.reason == (count <= 15 ? nil : .badChunkSize))
  }

  @Test(arguments: [-1, 0, 1])
  func extensionBytes(extra: Int) {
    let limit = ChunkedDecoder.maximumExtensionBytes
    let part = ";" + String(repeating: "a", count: limit + extra - 1)
    for text in ["1\(part)\r\nx\r\n0\r\n\r\n", "0\(part)\r\n\r\n"] {
      #expect(decode(text).refusal?.reason == (extra <= 0 ? nil : .chunkExtensionTooLong))
    }
  }

  @Test(arguments: [-1, 0, 1])
  func totalExtensionBytes(extra: Int) {
    // 64 chunks with 255 or 256 bytes each, and the rest on the last chunk.
    let limit = ChunkedDecoder.maximumTotalExtensionBytes
    let part = ";" + String(repeating: "a", count: 199)
    let chunks = String(repeating: "1\(part)\r\nx\r\n", count: limit / 200)
    let rest = limit % 200 + extra
    let text = chunks + "0;" + String(repeating: "b", count: rest - 1) + "\r\n\r\n"
    let decoded = decode(text)
    #expect(decoded.refusal?.reason == (extra <= 0 ? nil : .chunkExtensionTooLong))
    #expect(decoded.data.count == limit / 200)
  }

  @Test(arguments: [-1, 0, 1])
  func trailerCount(extra: Int) {
    let lines = String(repeating: "A: b\r\n", count: ChunkedDecoder.maximumTrailers + extra)
    let decoded = decode("0\r\n\(lines)\r\n")
    #expect(decoded.refusal?.reason == (extra <= 0 ? nil : .trailersTooLong))
  }

  @Test(arguments: [-1, 0, 1])
  func trailerBytes(extra: Int) {
    let value = String(repeating: "b", count: ChunkedDecoder.maximumTrailerBytes + extra - 4)
    let decoded = decode("0\r\nA:\(value)\r\n\r\n")
    #expect(decoded.refusal?.reason == (extra <= 0 ? nil : .trailersTooLong))
  }

  @Test func theEndAndARefusalAreFinal() {
    for (text, step) in [
      ("0\r\n\r\nx", .end), ("x", .refused(Refusal(.badChunkSize))),
    ] as [(String, ChunkedDecoder.Step)] {
      var decoder = ChunkedDecoder()
      var position = 0
      unsafe Array(text.utf8).withUnsafeBufferPointer { bytes in
        #expect(unsafe decoder.next(in: bytes, position: &position) == step)
        let end = position
        #expect(unsafe decoder.next(in: bytes, position: &position) == step)
        #expect(position == end)
      }
      #expect(decoder.hasEnded == (step == .end))
    }
  }

  @Test func aDecoderIsSmall() { #expect(MemoryLayout<ChunkedDecoder>.size <= 32) }
}
