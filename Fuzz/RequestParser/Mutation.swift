// Mutation: small damage to inputs. Pure.
import Bytes

/// Bytes of fixed capacity that are damaged in place.
@safe final class Input {
  static let capacity = 16_384

  let base: UnsafeMutablePointer<UInt8>
  var count = 0

  init() { unsafe base = .allocate(capacity: Self.capacity) }
  deinit { unsafe base.deallocate() }

  var bytes: UnsafeBufferPointer<UInt8> { unsafe UnsafeBufferPointer(start: base, count: count) }

  /// Fills the input with what `body` writes.
  func fill(_ body: (inout ByteWriter) -> Void) {
    var writer = unsafe ByteWriter(base: base, capacity: Self.capacity)
    body(&writer)
    precondition(!writer.overflowed)
    count = writer.count
  }

  func copy(_ other: Input) {
    unsafe base.update(from: other.base, count: other.count)
    count = other.count
  }

  /// Replaces `range` by `replacement`; does nothing where the result is too long.
  func replace(_ range: Range<Int>, with replacement: UnsafeBufferPointer<UInt8>) {
    let newCount = count - range.count + replacement.count
    guard newCount <= Self.capacity else { return }
    let tail = unsafe base + range.upperBound
    unsafe (base + range.lowerBound + replacement.count).update(
      from: tail, count: count - range.upperBound)
    if let source = replacement.baseAddress {
      unsafe (base + range.lowerBound).update(from: source, count: replacement.count)
    }
    count = newCount
  }
}

/// Damages inputs the way an attacker would: by the pieces that parsers stumble over.
struct Mutator {
  private let scratch = Input()

  private static let pieces: [StaticString] = [
    "\r\n", "\n", "\r", "\r\n\r\n", " ", "\t", "\0", "\u{b}", ":", ",", ";", "#", "?", "%", "/",
    "*",
    "Content-Length: 5\r\n", "Content-Length: +5\r\n", "content-length: 0x5\r\n", "\r\n ", "\u{7f}",
    "Transfer-Encoding: chunked\r\n", "Transfer-Encoding:\u{b}chunked\r\n", " chunked",
    ", identity",
    "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding : chunked\r\n", "Host: b\r\n",
    "Host",
    "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "http://", "[", "]", "\"", "\\", "0", "f", "@",
    "Expect: 100-continue\r\n", "Expect: x\r\n", "99999999999999999999", "ffffffffffffffff", "-1",
    "Connection: close\r\n", "\u{e9}", "CONNECT ", "OPTIONS ", "0\r\n\r\n", "G", "\u{16}",
  ]

  /// Applies one mutation to `input`; `other` is where spliced bytes come from.
  func mutate(_ input: Input, splicing other: Input, _ random: inout Random) {
    guard input.count > 0 else { return }
    let at = random.below(input.count)
    let length = 1 + random.below(min(input.count - at, random.oneIn(4) ? 200 : 8))
    switch random.below(10) {
    case 0: unsafe input.base[at] ^= 1 << UInt8(random.below(8))
    case 1: unsafe input.base[at] = UInt8(truncatingIfNeeded: random.next())
    case 2: unsafe input.replace(at..<at + length, with: .init(start: nil, count: 0))
    case 3, 4:
      let piece = Self.pieces[random.below(Self.pieces.count)]
      let end = random.oneIn(2) ? at : at + length
      unsafe input.replace(
        at..<end, with: .init(start: piece.utf8Start, count: piece.utf8CodeUnitCount))
    case 5: duplicate(input, at..<at + length, times: 1)
    case 6: duplicate(input, at..<at + 1, times: 1 + random.below(random.oneIn(8) ? 400 : 40))
    case 7: duplicateLine(input, at)
    case 8:
      guard other.count > 0 else { return }
      let from = random.below(other.count)
      let piece = unsafe UnsafeBufferPointer(
        rebasing: other.bytes[from..<min(other.count, from + random.below(64))])
      unsafe input.replace(at..<(random.oneIn(2) ? input.count : at), with: piece)
    default: if random.oneIn(4) { input.count = at }
    }
  }

  private func duplicate(_ input: Input, _ range: Range<Int>, times: Int) {
    scratch.count = 0
    for _ in 0..<times {
      unsafe scratch.replace(
        scratch.count..<scratch.count, with: .init(rebasing: input.bytes[range]))
    }
    unsafe input.replace(range.upperBound..<range.upperBound, with: scratch.bytes)
  }

  /// Doubles the line around `at`.
  private func duplicateLine(_ input: Input, _ at: Int) {
    let newline = ASCII.lineFeed
    let bytes = unsafe input.bytes
    var start = at
    while start > 0, unsafe bytes[start - 1] != newline { start -= 1 }
    var end = at
    while end < bytes.count, unsafe bytes[end] != newline { end += 1 }
    duplicate(input, start..<min(end + 1, bytes.count), times: 1)
  }
}
