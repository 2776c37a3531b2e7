// CrashBackOff: how long to wait before starting what keeps dying. Pure.

/// Exponential back-off after early deaths. The supervisor's own has the same numbers.
struct CrashBackOff: Equatable, Sendable {
  /// First wait, ms.
  static let leastMs: Int64 = 100
  /// Longest wait, ms.
  static let mostMs: Int64 = 10_000
  /// A process that was ready for this long has proved itself: its death causes no wait.
  static let provenMs: Int64 = 1_000

  /// Early deaths in a row; several in one tick are one.
  private(set) var failures = 0
  /// No start before this time, ms of the monotonic clock.
  private(set) var notBeforeMs: Int64 = 0

  /// The wait after so many failures in a row: doubles from ``leastMs`` to ``mostMs``.
  static func delayMs(failures: Int) -> Int64 {
    guard failures > 0 else { return 0 }
    // Seven doublings pass the limit; more could overflow.
    return min(mostMs, leastMs << Int64(min(failures - 1, 7)))
  }

  /// Whether a death is a reason to wait. An application may leave with code 0 while it loads.
  static func isEarly(_ child: ReapedProcess) -> Bool {
    guard let readyForMs = child.readyForMs else { return true }
    return child.exit != .finished && readyForMs < provenMs
  }

  /// Something died early.
  mutating func failed(nowMs: Int64) {
    failures += 1
    notBeforeMs = nowMs + Self.delayMs(failures: failures)
  }

  /// A process that was started after the last failure has proved itself.
  mutating func recovered() { self = CrashBackOff() }
}
