import Bytes
import HTTP1
import Testing

@testable import Frames

/// A request as a front has it: parsed once.
private struct Parsed {
  let bytes: [UInt8]
  var head: RequestHead
  let fields: [Field]

  init(_ text: String) {
    bytes = Array(text.utf8)
    var parser = RequestHeadParser(limits: RequestLimits())
    var scanner = HeadScanner()
    let outcome = unsafe bytes.withUnsafeBufferPointer {
      unsafe parser.parse($0, scanner: &scanner)
    }
    #expect(outcome == .complete)
    head = parser.head
    fields = unsafe Array(parser.fields)
  }

  static let upload = Parsed(
    "POST /a%20b?x=1 HTTP/1.1\r\nHost: h:8\r\nContent-Length: 5\r\nX-Own: \tv \r\n\r\n")
}

/// The whole frame with its header.
private func encode(
  _ request: Parsed, _ frame: RequestFrame, body: [UInt8] = [], peer: String = "10.0.0.1",
  local: String = "127.0.0.1"
) -> [UInt8] {
  var storage = [UInt8](repeating: 0, count: 4096)
  let (peer, local) = (Array(peer.utf8), Array(local.utf8))
  let count = unsafe storage.withUnsafeMutableBufferPointer { place in
    var writer = unsafe ByteWriter(base: place.baseAddress!, capacity: place.count)
    unsafe request.fields.withUnsafeBufferPointer { fields in
      unsafe request.bytes.withUnsafeBufferPointer { bytes in
        unsafe body.withUnsafeBufferPointer { body in
          unsafe peer.withUnsafeBufferPointer { peer in
            unsafe local.withUnsafeBufferPointer { local in
              unsafe frame.encode(
                request.head, fields, headBytes: bytes.baseAddress!, body: body, peer: peer,
                local: local, into: &writer)
            }
          }
        }
      }
    }
    #expect(!writer.overflowed)
    return writer.count
  }
  #expect(
    count
      == RequestFrame.byteCount(
        head: request.head, peer: peer.count, local: local.count, inlineBody: body.count))
  return Array(storage[..<count])
}

/// What a worker gets of a frame's bytes behind its header, with room for so many fields.
private func decode(_ payload: [UInt8], room: Int = 100) -> Decoded? {
  var fields = [Field](
    repeating: Field(
      name: ByteRange(offset: 0, count: 0), value: ByteRange(offset: 0, count: 0), id: .other),
    count: room)
  return unsafe payload.withUnsafeBufferPointer { bytes in
    unsafe fields.withUnsafeMutableBufferPointer { place in
      unsafe ReceivedRequest(decoding: bytes, fields: place).map {
        unsafe Decoded(
          frame: $0.frame, head: $0.head, fields: Array(place[..<$0.head.fieldCount]),
          peer: Array($0.peer), local: Array($0.local), bytes: Array($0.headBytes),
          body: Array($0.body))
      }
    }
  }
}

private struct Decoded {
  var frame: RequestFrame
  var head: RequestHead
  var fields: [Field]
  var peer: [UInt8]
  var local: [UInt8]
  var bytes: [UInt8]
  var body: [UInt8]
}

@Suite struct RequestFrameTests {
  private static var full: RequestFrame {
    var frame = RequestFrame()
    frame.requestID = 0xFEDC_BA98_7654_3210
    frame.queuedUs = 1_234
    frame.bodyLength = 5
    frame.inlineBody = 5
    frame.lane = 513
    frame.mount = 2
    (frame.isUnixSocket, frame.isSecure) = (true, true)
    (frame.peerPort, frame.localPort) = (65_535, 80)
    return frame
  }

  @Test func everythingArrives() throws {
    let request = Parsed.upload
    let whole = encode(request, Self.full, body: Array("hello".utf8))
    let header = unsafe try #require(whole.withUnsafeBufferPointer { FrameHeader(decoding: $0) })
    #expect(header == FrameHeader(.request, isLast: true, length: whole.count - 8))
    let decoded = try #require(decode(Array(whole[8...])))
    #expect(decoded.frame == Self.full)
    #expect(decoded.fields == request.fields)
    #expect(decoded.bytes == request.bytes)
    #expect(decoded.body == Array("hello".utf8))
    #expect(decoded.peer == Array("10.0.0.1".utf8) && decoded.local == Array("127.0.0.1".utf8))
    // What only the front needs stays there.
    var expected = request.head
    (expected.keepsAlive, expected.expectsContinue) = (true, false)
    #expect(decoded.head == expected)
  }

  @Test func aFrameThatIsCutOrFollowedIsNone() {
    let payload = Array(encode(Parsed.upload, Self.full, body: Array("hello".utf8))[8...])
    for count in 0..<payload.count { #expect(decode(Array(payload[..<count])) == nil) }
    #expect(decode(payload + [0]) == nil)
  }

  @Test func noByteOfAFrameCanMakeItPointOutside() {
    let payload = Array(encode(Parsed.upload, Self.full, body: Array("hello".utf8))[8...])
    for index in payload.indices {
      for value in [UInt8(0), 1, 0x7F, 0x80, 0xFF] {
        var changed = payload
        changed[index] = value
        guard let decoded = decode(changed) else { continue }
        let ranges =
          [
            decoded.head.methodRange, decoded.head.target, decoded.head.path, decoded.head.query,
            decoded.head.host,
          ] + decoded.fields.flatMap { [$0.name, $0.value] }
        #expect(ranges.allSatisfy { $0.indices.upperBound <= decoded.bytes.count })
        #expect(decoded.head.length == decoded.bytes.count)
      }
    }
  }

  @Test(arguments: [(2, false), (3, true), (4, true)])
  func fieldsNeedRoom(room: Int, isDecoded: Bool) {
    let payload = Array(encode(Parsed.upload, Self.full, body: Array("hello".utf8))[8...])
    #expect((decode(payload, room: room) != nil) == isDecoded)
  }

  @Test func aBodyIsInTheFrameOrInAFileAndNotInBoth() {
    var frame = Self.full
    frame.hasBodyFile = true
    #expect(decode(Array(encode(Parsed.upload, frame, body: Array("hello".utf8))[8...])) == nil)
    frame.inlineBody = 0
    #expect(decode(Array(encode(Parsed.upload, frame)[8...]))?.frame.hasBodyFile == true)
    frame.hasBodyFile = false
    #expect(decode(Array(encode(Parsed.upload, frame)[8...])) == nil)
  }
}

extension RequestFrameTests {
  @Test(arguments: [-2, -1, 0, 1_000] as [Int64], [false, true])
  func aBodyThatArrivesMayHaveAnUnknownLengthWhereItIsChunked(length: Int64, isChunked: Bool) {
    var request = Parsed.upload
    request.head.isChunked = isChunked
    var frame = Self.full
    (frame.inlineBody, frame.bodyLength) = (0, length)
    (frame.hasBodyFile, frame.isArriving) = (true, true)
    let decoded = decode(Array(encode(request, frame)[8...]))
    #expect((decoded != nil) == (length >= (isChunked ? -1 : 0)))
    #expect(decoded == nil || decoded?.frame == frame)
    frame.isArriving = false
    #expect((decode(Array(encode(request, frame)[8...])) != nil) == (length >= 0))
    // It has to have a file.
    (frame.hasBodyFile, frame.isArriving, frame.bodyLength) = (false, true, 0)
    #expect(decode(Array(encode(request, frame)[8...])) == nil)
  }
}

@Suite struct FrameHeaderTests {
  private func decode(_ bytes: [UInt8]) -> FrameHeader? {
    unsafe bytes.withUnsafeBufferPointer { unsafe FrameHeader(decoding: $0) }
  }

  @Test(arguments: FrameKind.allCases, [0, 1, 65_535, Int(UInt32.max)])
  func roundTrip(kind: FrameKind, length: Int) {
    for isLast in [false, true] {
      let header = FrameHeader(kind, isLast: isLast, length: length)
      var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
      unsafe bytes.withUnsafeMutableBufferPointer { place in
        var writer = unsafe ByteWriter(base: place.baseAddress!, capacity: place.count)
        header.encode(into: &writer)
        #expect(writer.count == FrameHeader.byteCount && !writer.overflowed)
      }
      #expect(decode(bytes) == header)
    }
  }

  @Test(arguments: [
    [0, 0, 0, 0, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0, 0, 0], [1, 2, 0, 0, 0, 0, 0, 0],
    [1, 0, 1, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 0, 0, 0], [255, 0, 0, 0, 0, 0, 0, 0],
  ])
  func whatIsNoHeader(bytes: [UInt8]) { #expect(decode(bytes) == nil) }

  @Test func sevenBytesAreNoHeader() { #expect(decode([1, 0, 0, 0, 0, 0, 0]) == nil) }
}
