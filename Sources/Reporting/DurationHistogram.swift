// DurationHistogram: durations counted in classes, for percentiles. Pure.

/// How many durations fell into each of some classes, of which each is at most an eighth wide of
/// where it begins: percentiles are at most 12.5 % too high, never too low.
///
/// The first class is everything below 64 µs, the last everything from 58 seconds on.
public struct DurationHistogram: Equatable, Sendable {
  /// Number of classes.
  public static let classes = 160
  /// Where the second class begins: 2^6 µs.
  private static let firstExponent = 6

  /// Durations of each class; ``classes`` elements.
  public private(set) var counts: [Int64]
  /// The longest duration, in microseconds.
  public private(set) var longestUs: Int64
  /// All durations together, in microseconds.
  public private(set) var sumUs: Int64

  /// No duration yet.
  public init() {
    counts = [Int64](repeating: 0, count: Self.classes)
    longestUs = 0
    sumUs = 0
  }

  /// What was counted elsewhere, such as in shared memory: missing classes are empty, negative
  /// numbers count as 0, and absurdly large ones as 2^40.
  public init(counts: [Int64], longestUs: Int64, sumUs: Int64 = 0) {
    self.init()
    for (index, count) in counts.prefix(Self.classes).enumerated() {
      self.counts[index] = min(max(0, count), 1 << 40)
    }
    self.longestUs = max(0, longestUs)
    self.sumUs = max(0, sumUs)
  }

  /// The class of a duration in microseconds; negative ones are in the first. Allocates: never.
  public static func index(us: Int64) -> Int {
    guard us >= 1 << firstExponent else { return 0 }
    let exponent = Int64.bitWidth - 1 - us.leadingZeroBitCount
    let eighth = Int(us >> (exponent - 3)) & 7
    return min(classes - 1, 1 + (exponent - firstExponent) * 8 + eighth)
  }

  /// The longest duration of a class, in microseconds; `.max` of the last.
  public static func longestUs(index: Int) -> Int64 {
    precondition((0..<classes).contains(index))
    if index == 0 { return 1 << firstExponent - 1 }
    if index == classes - 1 { return .max }
    let (octave, eighth) = (index - 1).quotientAndRemainder(dividingBy: 8)
    return Int64(9 + eighth) << (octave + firstExponent - 3) - 1
  }

  /// Counts one duration.
  public mutating func count(us: Int64) {
    counts[Self.index(us: us)] &+= 1
    longestUs = max(longestUs, us)
    sumUs &+= max(0, us)
  }

  /// Adds what was counted elsewhere.
  mutating func add(_ other: DurationHistogram) {
    for index in 0..<Self.classes { counts[index] &+= other.counts[index] }
    longestUs = max(longestUs, other.longestUs)
    sumUs &+= other.sumUs
  }

  /// Durations that were counted.
  public var total: Int64 { counts.reduce(0, &+) }

  /// The duration that `percent` of them, 1...100, do not exceed, in microseconds; nil before any.
  public func percentileUs(_ percent: Int64) -> Int64? {
    let total = total
    guard total > 0 else { return nil }
    // The smallest rank that covers the share: of 150 durations the 149th is the 99th percentile.
    let rank = max(1, (total * percent + 99) / 100)
    var seen: Int64 = 0
    for index in 0..<Self.classes {
      seen += counts[index]
      if seen >= rank { return min(Self.longestUs(index: index), longestUs) }
    }
    return longestUs
  }
}
