// IdleHandlers: which handler threads wait for work, the lowest first. Pure.

/// A set of small numbers from which the lowest is taken.
///
/// The lowest, so that the same threads work as long as they suffice: their stacks and caches are
/// warm, and those of the others stay clean. Allocates only when made.
struct IdleHandlers {
  private var words: [UInt64]
  /// How many are in it.
  private(set) var count = 0

  /// Empty, for numbers from 0 to below `capacity`.
  init(capacity: Int) { words = Array(repeating: 0, count: (capacity + 63) / 64) }

  /// Puts a number in that is not in yet.
  mutating func insert(_ number: Int) {
    precondition(words[number >> 6] & (1 << UInt64(number & 63)) == 0)
    words[number >> 6] |= 1 << UInt64(number & 63)
    count += 1
  }

  /// Takes the lowest number out; nil where there is none.
  mutating func popLowest() -> Int? {
    guard count > 0 else { return nil }
    var word = 0
    while words[word] == 0 { word += 1 }
    let bit = words[word].trailingZeroBitCount
    words[word] &= words[word] - 1
    count -= 1
    return word << 6 + bit
  }
}
