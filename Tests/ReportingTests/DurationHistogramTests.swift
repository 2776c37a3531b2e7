// Durations in classes: where they begin and end, and what percentiles come of them.
import Reporting
import Testing

@Suite struct DurationHistogramTests {
  @Test func classesFollowOneAnotherWithoutGaps() {
    #expect(DurationHistogram.index(us: .min) == 0)
    #expect(DurationHistogram.index(us: 0) == 0)
    for index in 0..<DurationHistogram.classes - 1 {
      let last = DurationHistogram.longestUs(index: index)
      #expect(DurationHistogram.index(us: last) == index)
      #expect(DurationHistogram.index(us: last + 1) == index + 1)
    }
    #expect(DurationHistogram.index(us: .max) == DurationHistogram.classes - 1)
  }

  @Test(arguments: [Int64(64), 100, 2_000, 9_999, 10_001, 1_000_000, 58_000_000])
  func aClassIsAtMostAnEighthWide(us: Int64) {
    let longest = DurationHistogram.longestUs(index: DurationHistogram.index(us: us))
    #expect(longest >= us)
    #expect(longest - us <= us / 8)
  }

  @Test func knowsNoPercentileOfNothing() {
    #expect(DurationHistogram().percentileUs(50) == nil)
    #expect(DurationHistogram(counts: [-1], longestUs: -1).percentileUs(99) == nil)
  }

  /// One slow one among 99, 100 and 101: only from 100 on is it beyond the 99th percentile.
  @Test(arguments: [(99, Int64(50_000)), (100, 2_047), (101, 2_047)])
  func theRankIsTheSmallestThatCoversTheShare(count: Int, expected: Int64) {
    var histogram = DurationHistogram()
    for _ in 0..<count - 1 { histogram.count(us: 2_000) }
    histogram.count(us: 50_000)
    #expect(histogram.total == Int64(count))
    #expect(histogram.percentileUs(99) == expected)
    #expect(histogram.percentileUs(50) == 2_047)
    #expect(histogram.percentileUs(100) == 50_000)
    #expect(histogram.longestUs == 50_000)
  }

  @Test(arguments: [Int64.min, -1, .max])
  func garbageTrapsNothing(number: Int64) {
    let counts = [Int64](repeating: number, count: DurationHistogram.classes + 3)
    let histogram = DurationHistogram(counts: counts, longestUs: number)
    _ = histogram.percentileUs(99)
    #expect(histogram.counts.count == DurationHistogram.classes)
  }
}
