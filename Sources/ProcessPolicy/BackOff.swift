// BackOff: how long to wait before replacing what died. Pure.

/// Exponential back-off after early deaths, 100 ms to 10 s unless said otherwise.
public struct BackOff: Equatable, Sendable {
  /// First wait.
  public static let leastMs: Int64 = 100
  /// Longest wait.
  public static let mostMs: Int64 = 10_000
  /// A worker that was ready for this long has proved itself: its death causes no wait.
  public static let provenMs: Int64 = 1_000

  /// Early deaths in a row.
  public private(set) var failures = 0
  /// No fork before this time (CLOCK_MONOTONIC).
  public private(set) var notBeforeMs: Int64 = 0

  /// First and longest wait of this one.
  private let limitsMs: ClosedRange<Int64>

  /// No failures yet.
  ///
  /// - Parameter limitsMs: the first and the longest wait, 1 ms to an hour.
  public init(limitsMs: ClosedRange<Int64> = leastMs...mostMs) {
    precondition(limitsMs.lowerBound > 0 && limitsMs.upperBound <= 3_600_000)
    self.limitsMs = limitsMs
  }

  /// The wait after so many failures in a row: doubles from the first to the longest.
  public static func delayMs(
    failures: Int, limitsMs: ClosedRange<Int64> = leastMs...mostMs
  ) -> Int64 {
    guard failures > 0 else { return 0 }
    // An hour is passed after 22 doublings of a millisecond; many more could overflow.
    return min(limitsMs.upperBound, limitsMs.lowerBound << Int64(min(failures - 1, 22)))
  }

  /// Something became ready. One failure stays counted, so that what dies right after it became
  /// ready is still replaced with a pause.
  public mutating func becameReady() { failures = min(failures, 1) }

  /// Something died.
  ///
  /// - Parameter readyForMs: how long it had been ready; nil where it never was.
  public mutating func died(readyForMs: Int64?, nowMs: Int64) {
    if let readyForMs, readyForMs >= Self.provenMs {
      failures = 0
    } else {
      failed(nowMs: nowMs)
    }
  }

  /// Something died early.
  mutating func failed(nowMs: Int64) {
    failures += 1
    notBeforeMs = nowMs + Self.delayMs(failures: failures, limitsMs: limitsMs)
  }

  /// Whether a death is a reason to wait. An application may leave with code 0 while it loads.
  static func isEarly(_ child: ReapedProcess) -> Bool {
    guard let readyForMs = child.readyForMs else { return true }
    return child.exit != .finished && readyForMs < provenMs
  }
}
