// BackOff: how long to wait before replacing what died. Pure.

/// Exponential back-off after early deaths, 100 ms to 10 s.
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

  /// No failures yet.
  public init() {}

  /// The wait after so many failures in a row: doubles from ``leastMs`` to ``mostMs``.
  public static func delayMs(failures: Int) -> Int64 {
    guard failures > 0 else { return 0 }
    // Seven doublings pass the limit; more could overflow.
    return min(mostMs, leastMs << Int64(min(failures - 1, 7)))
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
    notBeforeMs = nowMs + Self.delayMs(failures: failures)
  }

  /// Whether a death is a reason to wait. An application may leave with code 0 while it loads.
  static func isEarly(_ child: ReapedProcess) -> Bool {
    guard let readyForMs = child.readyForMs else { return true }
    return child.exit != .finished && readyForMs < provenMs
  }
}
