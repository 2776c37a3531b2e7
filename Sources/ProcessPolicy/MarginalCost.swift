// MarginalCost: what one more worker takes. Pure.

/// What workers were measured to take of their own, the latest ``mostSamples`` readings.
///
/// Before there are readings a prior stands in for them: it counts like ``priorSamples`` readings,
/// and each real one takes the place of one of those. So the first workers, which have not seen
/// every kind of request yet, cannot make the next ones look cheap at once.
public struct MarginalCost: Equatable, Sendable {
  /// Readings that are kept.
  public static let mostSamples = 64
  /// Readings that the prior counts for.
  public static let priorSamples = 4

  /// The expectation without readings, bytes.
  public let priorBytes: Int64
  /// Real readings among ``count``.
  public private(set) var measured = 0
  /// In the order of their arrival, the oldest at `oldest` once it is full.
  private var ring: [Int64] = []
  private var oldest = 0
  /// The same, the smallest first.
  private var sorted: [Int64] = []

  /// No readings, and what is expected until there are some; at least 0.
  public init(priorBytes: Int64) {
    self.priorBytes = max(0, priorBytes)
    ring.reserveCapacity(Self.mostSamples)
    sorted.reserveCapacity(Self.mostSamples)
    for _ in 0..<Self.priorSamples {
      ring.append(self.priorBytes)
      sorted.append(self.priorBytes)
    }
  }

  /// What a worker may be expected to take of its own before one was measured.
  ///
  /// A child of a frozen mold was measured to take a tenth (objects immortal as well) to a fifth of
  /// the mold; with reference counts written to nearly all of it, up to two thirds. So a third is
  /// expected, and at least 4 MiB. Without a mold each has all of its own: 32 MiB, until the first
  /// was measured.
  public static func prior(moldBytes: Int64?) -> Int64 {
    guard let moldBytes else { return 32 << 20 }
    return max(4 << 20, moldBytes / 3)
  }

  /// Takes a reading of a worker that is ready: its private pages and what the kernel holds for it.
  /// Allocates: never.
  public mutating func record(bytes: Int64) {
    let bytes = max(0, bytes)
    if measured < Self.priorSamples {
      remove(priorBytes)
      ring[measured] = bytes
    } else if ring.count < Self.mostSamples {
      ring.append(bytes)
    } else {
      remove(ring[oldest])
      ring[oldest] = bytes
      oldest = (oldest + 1) % Self.mostSamples
    }
    measured += 1
    sorted.insert(bytes, at: place(of: bytes))
  }

  /// The size that `percent` of the readings do not exceed (nearest rank); 1...100. 50 is the
  /// median, 100 the largest.
  public func percentileBytes(_ percent: Int) -> Int64 {
    let rank = (min(max(percent, 1), 100) * sorted.count + 99) / 100
    return sorted[rank - 1]
  }

  /// What one more worker is expected to take: the 95th percentile.
  public var expectedBytes: Int64 { percentileBytes(95) }

  private mutating func remove(_ bytes: Int64) { sorted.remove(at: place(of: bytes)) }

  /// Where the first that is not smaller stands.
  private func place(of bytes: Int64) -> Int {
    var low = 0
    var high = sorted.count
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle] < bytes { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
