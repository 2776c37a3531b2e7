// ByteSearch: finds bytes eight at a time. Pure.

// How it works: in a word, `(x - n * ones) & ~x & highs` marks bytes that are less than n (n at
// most 0x80). The subtraction borrows from left neighbours only, so the lowest mark is always
// true and only marks above it may be false; the lowest is all that a search needs, and it is the
// first byte in memory because words are read as little-endian.

/// Arithmetic on the eight bytes of a word at once.
@usableFromInline
enum Lanes {
  /// A word of eight equal bytes.
  @inlinable @inline(__always)
  static func all(_ byte: UInt8) -> UInt64 { UInt64(byte) &* 0x0101_0101_0101_0101 }

  /// Marks bytes less than `bound`, which is at most 0x80.
  @inlinable @inline(__always)
  static func less(_ word: UInt64, than bound: UInt8) -> UInt64 {
    (word &- all(bound)) & ~word & all(0x80)
  }

  /// Marks bytes equal to `byte`.
  @inlinable @inline(__always)
  static func equal(_ word: UInt64, to byte: UInt8) -> UInt64 { less(word ^ all(byte), than: 1) }

  /// Marks bytes that are neither letter nor hyphen, each of them and no other.
  @inlinable @inline(__always)
  static func notInCommonNames(_ word: UInt64) -> UInt64 {
    // Seven bits and a summand of at most 0x7F do not carry into the next byte, so the high bit of
    // each sum says exactly whether the byte reaches a bound.
    let low = (word | all(0x20)) & all(0x7F)
    let letters = (low &+ all(0x80 - 0x61)) & ~(low &+ all(0x80 - 0x7B))
    let notHyphen = ((word & all(0x7F)) ^ all(0x2D)) &+ all(0x7F)
    return (~letters & notHyphen | word) & all(0x80)
  }
}

extension Span where Element == UInt8 {
  /// The eight bytes at `index`, the first in the lowest bits. Traps beyond the end.
  @inlinable @inline(__always)
  public func word(at index: Int) -> UInt64 {
    // Any eight bytes are a valid integer, and the load checks the bounds.
    UInt64(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
  }

  /// The four bytes at `index`, the first in the lowest bits. Traps beyond the end.
  @inlinable @inline(__always)
  public func halfWord(at index: Int) -> UInt32 {
    // Any four bytes are a valid integer, and the load checks the bounds.
    UInt32(littleEndian: unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt32.self))
  }

  /// Index of the first `byte` in `start ..< end`; `end` where there is none.
  @inlinable @inline(__always)
  public func firstIndex(of byte: UInt8, from start: Int, to end: Int) -> Int {
    var index = start
    while index &+ 8 <= end {
      let marks = Lanes.equal(word(at: index), to: byte)
      if marks != 0 { return index &+ marks.trailingZeroBitCount >> 3 }
      index &+= 8
    }
    while index < end && self[index] != byte { index &+= 1 }
    return index
  }

  /// Index of the first byte from `start` on that may not stand in a token; `count` where there is
  /// none. Letters and hyphens, of which most names consist, are passed eight at a time.
  @inlinable @inline(__always)
  public func tokenEnd(from start: Int) -> Int {
    var index = start
    while index &+ 8 <= count {
      let marks = Lanes.notInCommonNames(word(at: index))
      index &+= marks == 0 ? 8 : marks.trailingZeroBitCount >> 3
      if marks != 0 {
        if !ASCII.isToken(self[index]) { return index }
        index &+= 1
      }
    }
    while index < count && ASCII.isToken(self[index]) { index &+= 1 }
    return index
  }

  /// Index of the first control byte (0x00...0x1F and 0x7F) from `start` on; `count` where there
  /// is none.
  @inlinable @inline(__always)
  public func firstControl(from start: Int) -> Int {
    var index = start
    while index &+ 8 <= count {
      let word = word(at: index)
      let marks = Lanes.less(word, than: 0x20) | Lanes.equal(word, to: 0x7F)
      if marks != 0 { return index &+ marks.trailingZeroBitCount >> 3 }
      index &+= 8
    }
    while index < count && self[index] >= 0x20 && self[index] != 0x7F { index &+= 1 }
    return index
  }

  /// Index of the first byte from `start` on that is not visible ASCII (0x21...0x7E); `count`
  /// where there is none.
  @inlinable @inline(__always)
  public func firstInvisible(from start: Int) -> Int {
    var index = start
    while index &+ 8 <= count {
      let word = word(at: index)
      let high = word & Lanes.all(0x80)
      let marks = Lanes.less(word, than: 0x21) | Lanes.equal(word, to: 0x7F) | high
      if marks != 0 { return index &+ marks.trailingZeroBitCount >> 3 }
      index &+= 8
    }
    while index < count && self[index] &- 0x21 < 0x5E { index &+= 1 }
    return index
  }
}
