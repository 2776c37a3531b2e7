// WatchRule: when a worker's watchdog looks, and what is to be done then. Pure.
internal import Configuration

/// When a request is looked at that makes no progress.
///
/// Nothing tells the watchdog that a request begins: that would cost every request something. It
/// sleeps for as long as one that begins now can have no need of it, so some 10 s at the defaults,
/// and looks often only while some request is old.
struct WatchRule: Equatable {
  /// Age from which on a request is interrupted, ms; .max: never.
  let interruptMs: Int64

  /// Most time between two looks at a request that is old, and the least.
  private static let stepsMs: ClosedRange<Int64> = 20...1_000

  init(_ settings: ServerSettings) {
    interruptMs =
      settings.timeoutMs > 0 && settings.interruptTimeoutMs > 0 ? settings.timeoutMs : .max
  }

  /// Whether there is anything to watch.
  var isNeeded: Bool { noticeMs != .max }

  /// Age from which on a request is watched, ms.
  private var noticeMs: Int64 { interruptMs }

  /// Whether a request is to be interrupted.
  func interrupts(ageMs: Int64) -> Bool { ageMs > interruptMs }

  /// How long nothing can happen that concerns the watchdog.
  ///
  /// - Parameter ageMs: for how long the request has made no progress that waits longest; nil
  ///   where there is none.
  func restMs(ageMs: Int64?) -> Int64 {
    guard let ageMs, ageMs >= 0 else { return noticeMs }
    if ageMs <= noticeMs { return noticeMs - ageMs + 1 }
    // Another one may be a little younger.
    return min(max(noticeMs / 16, Self.stepsMs.lowerBound), Self.stepsMs.upperBound)
  }
}
