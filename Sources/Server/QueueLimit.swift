// QueueLimit: how long requests may wait for a handler (`--queue-timeout`), and how many of them
// (`--queue-limit`). Pure.
internal import Configuration

/// The age at which a request leaves with 503 instead of being handled.
///
/// A request waits in two places: in the kernel, inside of a connection that nobody has accepted,
/// and in the worker's own queue. Its age counts from when it was whole, in both together.
struct QueueLimit: Equatable {
  /// The age, in milliseconds; 0: a request waits as long as it takes.
  let timeoutMs: Int64

  /// Requests that may wait in one queue, at least 1.
  let most: Int

  init(timeoutMs: Int64, most: Int = .max) {
    self.timeoutMs = max(0, timeoutMs)
    self.most = max(1, most)
  }

  /// What `settings` ask for; Apache's policy has no such limits.
  init(_ settings: ServerSettings) {
    if settings.usesApachePolicy {
      self.init(timeoutMs: 0)
    } else {
      self.init(timeoutMs: settings.queueTimeoutMs, most: settings.queueLimit)
    }
  }

  /// Whether one more may wait where `waiting` do.
  func hasRoom(waiting: Int) -> Bool { waiting < most }

  /// Whether time is limited at all.
  var isOn: Bool { timeoutMs > 0 }

  /// Whether a request that has waited for so long is turned away.
  func isOver(waitedMs: Int64) -> Bool { isOn && waitedMs >= timeoutMs }

  /// When a request that is whole since `wholeMs` is turned away; .max: never.
  func dueMs(wholeMs: Int64) -> Int64 { isOn ? wholeMs + timeoutMs : .max }

  /// Whether a connection that is accepted now may hold an old request, so that the kernel has to
  /// be asked: a system call (1.2 µs; a connection as a whole costs 70). Not where the backlog was
  /// seen empty an eighth of the limit ago, since nothing in it can have come before that.
  func mayBeOld(calmForMs: Int64) -> Bool { isOn && calmForMs >= timeoutMs / 8 }

  /// How long all handlers have to be stuck until connections are taken only for their age.
  var patienceMs: Int64 { max(1, timeoutMs / 4) }

  /// What a client that has waited for so long is told: to come back after as long, in whole
  /// seconds, rounded up, at least 1 (RFC 9110, section 10.2.3).
  static func retryAfterSeconds(waitedMs: Int64) -> Int64 {
    max(1, waitedMs / 1000 + (waitedMs % 1000 > 0 ? 1 : 0))
  }
}
