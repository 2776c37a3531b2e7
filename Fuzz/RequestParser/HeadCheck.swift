// HeadCheck: one input through the head parser in many splits, and against a naive reading. Pure.
import Bytes
import HTTP1

/// Parses inputs whole and split, and says what is wrong with the outcome.
struct HeadCheck: ~Copyable {
  private var whole: RequestHeadParser
  private var split: RequestHeadParser

  init(limits: RequestLimits) {
    whole = RequestHeadParser(limits: limits)
    split = RequestHeadParser(limits: limits)
  }

  /// The last head accepted by ``check(_:_:)``.
  var head: RequestHead { whole.head }

  /// Checks one input.
  ///
  /// - Returns: the outcome, and what is wrong or nil.
  mutating func check(
    _ bytes: UnsafeBufferPointer<UInt8>, _ random: inout Random
  ) -> (outcome: HeadParse, violation: String?) {
    var scanner = HeadScanner()
    let outcome = unsafe whole.parse(bytes, scanner: &scanner)
    for _ in 0..<2 {
      if unsafe !isSame(outcome, bytes, &random, step: 0) { return (outcome, "split differs") }
    }
    if bytes.count <= 48 || random.oneIn(16) {
      if unsafe !isSame(outcome, bytes, &random, step: 1) {
        return (outcome, "byte by byte differs")
      }
    }
    guard outcome == .complete else { return (outcome, nil) }
    return unsafe (outcome, accepted(bytes))
  }

  /// Whether feeding in steps (of random length for 0) comes to the same.
  private mutating func isSame(
    _ outcome: HeadParse, _ bytes: UnsafeBufferPointer<UInt8>, _ random: inout Random, step: Int
  ) -> Bool {
    var scanner = HeadScanner()
    var end = 0
    var result = HeadParse.needMoreBytes
    while end < bytes.count && result == .needMoreBytes {
      end += step > 0 ? step : 1 + random.below(bytes.count)
      end = min(end, bytes.count)
      result = unsafe split.parse(.init(rebasing: bytes[..<end]), scanner: &scanner)
    }
    guard result == outcome else { return false }
    guard outcome == .complete else { return true }
    guard split.head == whole.head, scanner == HeadScanner() else { return false }
    let (left, right) = unsafe (split.fields, whole.fields)
    guard left.count == right.count else { return false }
    for index in 0..<left.count where unsafe left[index] != right[index] { return false }
    return true
  }

  /// Compares an accepted head with a naive reading of its lines.
  private func accepted(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
    let head = whole.head
    guard head.length >= 4, head.length <= bytes.count else { return "length" }
    for range in [head.methodRange, head.target, head.path, head.query, head.host]
    where range.indices.upperBound > head.length {
      return "range outside the head"
    }
    var reading = NaiveReading()
    var start = 0
    var line = -1
    while start < head.length {
      var end = start
      while unsafe bytes[end] != ASCII.carriageReturn {
        if unsafe bytes[end] == ASCII.lineFeed || bytes[end] == 0 { return "bare LF or NUL" }
        end += 1
        guard end + 1 < head.length else { return "no line end" }
      }
      guard unsafe bytes[end + 1] == ASCII.lineFeed else { return "bare CR" }
      if end > start { line += 1 }
      if line > 0 && end > start {
        guard line <= head.fieldCount else { return "more lines than fields" }
        let field = unsafe whole.fields[line - 1]
        if let wrong = unsafe reading.take(bytes, start..<end, field) { return wrong }
      }
      if end == start && line >= 0 && end + 2 != head.length { return "blank line inside" }
      start = end + 2
    }
    if line != head.fieldCount { return "number of fields" }
    return reading.compare(with: head)
  }
}

/// What a simple-minded reader sees in the lines of a head.
struct NaiveReading {
  private var hosts = 0
  private var lengths = 0
  private var codings = 0
  private var length: Int64 = -1

  /// Takes the line in `range`, of which the parser made `field`.
  mutating func take(
    _ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ field: Field
  ) -> String? {
    let (name, value) = (field.name.indices, field.value.indices)
    guard name.lowerBound == range.lowerBound, !name.isEmpty, value.upperBound <= range.upperBound
    else { return "field outside its line" }
    guard unsafe bytes[name.upperBound] == UInt8(ascii: ":") else { return "no colon" }
    for index in name.upperBound + 1..<value.lowerBound
    where unsafe !ASCII.isBlank(bytes[index]) {
      return "bytes lost before a value"
    }
    for index in value.upperBound..<range.upperBound where unsafe !ASCII.isBlank(bytes[index]) {
      return "bytes lost after a value"
    }
    let nameBytes = unsafe UnsafeBufferPointer(rebasing: bytes[name])
    let expected: FieldName
    if unsafe ASCII.equalsIgnoringCase(nameBytes, "host") {
      hosts += 1
      expected = .host
    } else if unsafe ASCII.equalsIgnoringCase(nameBytes, "content-length") {
      lengths += 1
      expected = .contentLength
      length = 0
      for index in value { length = unsafe length * 10 + Int64(bytes[index]) - 48 }
    } else if unsafe ASCII.equalsIgnoringCase(nameBytes, "transfer-encoding") {
      codings += 1
      expected = .transferEncoding
    } else {
      return field.id == .host || field.id == .contentLength || field.id == .transferEncoding
        ? "name mistaken" : nil
    }
    return field.id == expected ? nil : "name not known"
  }

  /// What does not fit the parsed head.
  func compare(with head: RequestHead) -> String? {
    if head.minorVersion == 1 && hosts != 1 || hosts > 1 { return "number of Host fields" }
    if lengths + codings > 1 { return "ambiguous length" }
    if head.contentLength != length { return "Content-Length" }
    if head.isChunked != (codings == 1) { return "chunked" }
    return head.minorVersion == 0 && codings > 0 ? "chunked in HTTP/1.0" : nil
  }
}
