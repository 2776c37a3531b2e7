// Feeding: gives bytes to the parsers in pieces and compares the outcomes. Test support.
internal import Bytes
internal import HTTP1
import Testing

/// What came of a request head, with texts instead of offsets.
struct Outcome: Equatable {
  var parse: HeadParse
  var head = RequestHead()
  var fields: [Field] = []
  var bytes: [UInt8]

  var refusal: Refusal? {
    if case .refused(let refusal) = parse { return refusal }
    return nil
  }

  /// The bytes of a range in the head.
  func text(_ range: ByteRange) -> String { String(decoding: bytes[range.indices], as: UTF8.self) }
  var path: String { text(head.path) }
  var query: String { text(head.query) }
  var host: String { text(head.host) }
  /// Fields as `name=value`.
  var fieldTexts: [String] { fields.map { text($0.name) + "=" + text($0.value) } }
}

/// Parses `bytes`, of which `ends` say how many are there in each call.
func parse(
  _ bytes: [UInt8], ends: some Sequence<Int>, limits: RequestLimits = RequestLimits()
) -> Outcome {
  var parser = RequestHeadParser(limits: limits)
  var scanner = HeadScanner()
  var outcome = Outcome(parse: .needMoreBytes, bytes: bytes)
  for end in ends where outcome.parse == .needMoreBytes {
    // A copy of its own per call: old bytes may move, and reading on would be seen.
    let piece = Array(bytes[..<end])
    outcome.parse = unsafe piece.withUnsafeBufferPointer {
      unsafe parser.parse($0, scanner: &scanner)
    }
  }
  if outcome.parse == .complete {
    outcome.head = parser.head
    outcome.fields = unsafe Array(parser.fields)
  }
  return outcome
}

/// Parses `text` whole, split at every place, and byte by byte, and expects one outcome.
func parse(
  _ text: String, limits: RequestLimits = RequestLimits(),
  sourceLocation: SourceLocation = #_sourceLocation
) -> Outcome { parse(Array(text.utf8), limits: limits, sourceLocation: sourceLocation) }

/// Parses `bytes` whole, split at every place, and byte by byte, and expects one outcome.
func parse(
  _ bytes: [UInt8], limits: RequestLimits = RequestLimits(),
  sourceLocation: SourceLocation = #_sourceLocation
) -> Outcome {
  let whole = parse(bytes, ends: [bytes.count], limits: limits)
  let single = parse(bytes, ends: 0...bytes.count, limits: limits)
  #expect(single == whole, "byte by byte", sourceLocation: sourceLocation)
  // Long inputs are split in some places only: near the ends, and every so often between.
  let stride = bytes.count < 1000 ? 1 : 61
  for place in Swift.stride(from: 0, to: bytes.count, by: stride) {
    let split = parse(bytes, ends: [place, bytes.count], limits: limits)
    if split != whole {
      Issue.record("split at \(place): \(split.parse)", sourceLocation: sourceLocation)
    }
  }
  return whole
}

/// A request for `/` of HTTP/1.1 with these field lines besides Host.
func request(_ fieldLines: String...) -> String {
  "GET / HTTP/1.1\r\nHost: a\r\n" + fieldLines.map { $0 + "\r\n" }.joined() + "\r\n"
}

/// Bytes from a text in which `\u{..}` below 256 stands for that byte.
func latin1(_ text: String) -> [UInt8] { text.unicodeScalars.map { UInt8($0.value) } }

/// What came of a chunked body.
struct Decoded: Equatable {
  var step: ChunkedDecoder.Step
  var data: [UInt8] = []
  /// Bytes up to the end of the body; -1 where it did not end.
  var end = -1

  var text: String { String(decoding: data, as: UTF8.self) }
  var refusal: Refusal? {
    if case .refused(let refusal) = step { return refusal }
    return nil
  }
}

/// Decodes `bytes` in pieces that end at `ends`.
func decode(_ bytes: [UInt8], ends: some Sequence<Int>) -> Decoded {
  var decoder = ChunkedDecoder()
  var result = Decoded(step: .needMoreBytes)
  var start = 0
  for end in ends where result.step == .needMoreBytes {
    let piece = Array(bytes[start..<end])
    var position = 0
    repeat {
      result.step = unsafe piece.withUnsafeBufferPointer {
        unsafe decoder.next(in: $0, position: &position)
      }
      if case .data(let offset, let count) = result.step {
        result.data += piece[offset..<offset + count]
      }
    } while result.step.isData
    if result.step == .end { result.end = start + position }
    start = end
  }
  return result
}

/// Decodes `text` whole, split at every place, and byte by byte, and expects one outcome.
func decode(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) -> Decoded {
  let bytes = Array(text.utf8)
  let whole = decode(bytes, ends: [bytes.count])
  #expect(decode(bytes, ends: 0...bytes.count) == whole, sourceLocation: sourceLocation)
  for place in Swift.stride(from: 0, to: bytes.count, by: bytes.count < 1000 ? 1 : 61) {
    let split = decode(bytes, ends: [place, bytes.count])
    if split != whole { Issue.record("split at \(place)", sourceLocation: sourceLocation) }
  }
  return whole
}

extension ChunkedDecoder.Step {
  fileprivate var isData: Bool {
    if case .data = self { return true }
    return false
  }
}
