// ShedNotice: requests that workers turned away, as one line of the log in a while. Assembly.
internal import Platform
internal import Scoreboard

/// Sums up what workers count in the scoreboard: under a load that is too high there are many.
struct ShedNotice {
  /// Least time between two lines.
  static let intervalMs: Int64 = 10_000

  private var count: Int64 = 0
  private var longestMs: Int64 = 0
  private var sinceMs: Int64 = 0
  private var nextMs = Int64.min

  /// Nothing was turned away yet.
  init() {}

  /// Counts what is new since the last look.
  mutating func look(
    at workers: [WorkerHandle], _ fronts: [FrontHandle], group: Int, nowMs: Int64
  ) {
    for worker in workers where worker.state != .empty {
      look(at: worker.board, seen: &worker.shedSeen, nowMs: nowMs)
    }
    for front in fronts {
      look(at: front.boards[group], seen: &front.shedSeen[group], nowMs: nowMs)
    }
  }

  private mutating func look(at board: WorkerSlot, seen: inout Int64, nowMs: Int64) {
    let shed = board.shed
    // Fewer than before: another process has moved in.
    let new = shed < seen ? shed : shed - seen
    seen = shed
    if new > 0 { note(new, waitedMs: board.shedWaitedMs, nowMs: nowMs) }
  }

  /// So many more were turned away, after waiting for as long.
  mutating func note(_ new: Int64, waitedMs: Int64, nowMs: Int64) {
    if count == 0 { sinceMs = nowMs }
    count += new
    longestMs = max(longestMs, waitedMs)
  }

  /// The line to be logged now, if there is any.
  mutating func due(limitMs: Int64, nowMs: Int64) -> String? {
    guard count > 0, nowMs >= nextMs else { return nil }
    let span = nowMs > sinceMs ? " within \(Self.seconds(nowMs - sinceMs))" : ""
    let line =
      "answered \(count) \(count == 1 ? "request" : "requests") with 503\(span): they had waited "
      + "for a handler longer than --queue-timeout (\(Self.seconds(limitMs))), the longest for "
      + "\(Self.seconds(longestMs)); `plimsoll status` says what keeps the server from having "
      + "more workers"
    count = 0
    longestMs = 0
    nextMs = nowMs + Self.intervalMs
    return line
  }

  /// Seconds with one decimal where there is any.
  private static func seconds(_ ms: Int64) -> String {
    let tenths = (ms + 50) / 100
    return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
  }
}
