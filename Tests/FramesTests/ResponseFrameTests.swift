import Bytes
import Testing

@testable import Frames

@Suite struct ResponseFrameTests {
  private func decode(_ frame: ResponseFrame, _ head: String) -> ResponseFrame? {
    var bytes = [UInt8](repeating: 0, count: ResponseFrame.fixedBytes)
    bytes.withUnsafeMutableBufferPointer { place in
      var writer = ByteWriter(base: place.baseAddress!, capacity: place.count)
      frame.encode(into: &writer)
      #expect(writer.count == ResponseFrame.fixedBytes && !writer.overflowed)
    }
    bytes += Array(head.utf8)
    return bytes.withUnsafeBufferPointer { ResponseFrame(decoding: $0) }
  }

  private static let plain = ResponseFrame(
    status: 200, hasDate: false, hasServer: false, declaredLength: -1)

  @Test(arguments: [-1, 0, 1, Int64.max])
  func everythingArrives(length: Int64) {
    for (hasDate, hasServer) in [(false, false), (true, false), (false, true), (true, true)] {
      let frame = ResponseFrame(
        status: 299, hasDate: hasDate, hasServer: hasServer, declaredLength: length)
      #expect(decode(frame, "HTTP/1.1 299 Fine\r\nX-A: b\r\nX-C:\r\n") == frame)
    }
  }

  @Test(arguments: [
    "",
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK\n",
    "HTTP/1.1 200 OK\r",
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nHTTP/1.1 200 OK\r\n",
    "HTTP/1.1 200 OK\r\nno colon\r\n",
    "HTTP/1.1 200 OK\r\n: nameless\r\n",
    "HTTP/1.1 200 OK\r\nX A: b\r\n",
    "HTTP/1.1 200 OK\r\nX-A : b\r\n",
    "HTTP/1.1 200 OK\r\n folded: b\r\n",
    "HTTP/1.1 200 OK\r\nX-A: b\rc\r\n",
    "HTTP/1.1 200 OK\r\nX-A: b\nc\r\n",
    "HTTP/1.1 200 OK\r\nX-A: \u{1}\r\n",
    "HTTP/1.1 200 O\u{7F}K\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\n",
    "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n",
  ])
  func whatAFrontMustNotSendOn(head: String) { #expect(decode(Self.plain, head) == nil) }

  @Test(arguments: [(99, false), (100, true), (999, true), (1000, false), (0, false)])
  func statusHasThreeDigits(status: Int, isDecoded: Bool) {
    let frame = ResponseFrame(
      status: status, hasDate: false, hasServer: false, declaredLength: 0)
    #expect((decode(frame, "HTTP/1.1 200 OK\r\n") != nil) == isDecoded)
  }

  @Test func aLengthIsNotNegative() {
    let frame = ResponseFrame(status: 200, hasDate: false, hasServer: false, declaredLength: -2)
    #expect(decode(frame, "HTTP/1.1 200 OK\r\n") == nil)
  }

  @Test func whatIsCutIsNone() {
    for count in 0..<ResponseFrame.fixedBytes {
      let bytes = [UInt8](repeating: 0, count: count)
      #expect(bytes.withUnsafeBufferPointer { ResponseFrame(decoding: $0) } == nil)
    }
  }
}
