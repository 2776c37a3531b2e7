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
  /// Age of a request from which on it is tried again and again whether the interpreter's lock can
  /// be had, ms; .max: never. Where that takes too long is the supervisor's business.
  let probeMs: Int64

  /// Bounds of that age: a tenth of `--deadlock-timeout`.
  private static let probesMs: ClosedRange<Int64> = 20...10_000
  /// Most time between two looks at a request that is old, and the least.
  private static let stepsMs: ClosedRange<Int64> = 20...1_000

  init(_ settings: ServerSettings) {
    interruptMs =
      settings.timeoutMs > 0 && settings.interruptTimeoutMs > 0 ? settings.timeoutMs : .max
    let tenthMs = min(
      max(settings.deadlockTimeoutMs / 10, Self.probesMs.lowerBound), Self.probesMs.upperBound)
    probeMs = settings.deadlockTimeoutMs > 0 ? tenthMs : .max
  }

  /// Whether there is anything to watch.
  var isNeeded: Bool { noticeMs != .max }

  /// Age from which on a request is watched, ms.
  private var noticeMs: Int64 { min(interruptMs, probeMs) }

  /// Whether a request is to be interrupted.
  func interrupts(ageMs: Int64) -> Bool { ageMs > interruptMs }

  /// Whether the interpreter's lock is to be tried.
  func probes(ageMs: Int64) -> Bool { ageMs > noticeMs }

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
