// ShedNotice: requests that were turned away, as one line of the log in a while. Assembly.
internal import Configuration
internal import Platform
internal import Reporting
internal import Scoreboard

/// Sums up what workers and fronts count in the scoreboard: under a load that is too high there are
/// many. Each reason has a line of its own.
struct ShedNotice {
  /// Least time between two lines for the same reason.
  static let intervalMs: Int64 = 10_000

  /// What was not said yet of one reason.
  private struct Tally {
    var count: Int64 = 0
    var longestMs: Int64 = 0
    var sinceMs: Int64 = 0
    var nextMs = Int64.min
  }

  private var tallies = [Tally](repeating: Tally(), count: ShedReason.allCases.count)

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

  private mutating func look(at board: WorkerSlot, seen: inout ShedCounts, nowMs: Int64) {
    let shed = board.shed
    guard shed != seen else { return }
    for reason in ShedReason.allCases {
      // Fewer than before: another process has moved in.
      let new = shed[reason] < seen[reason] ? shed[reason] : shed[reason] - seen[reason]
      if new > 0 { note(new, reason, waitedMs: board.shedWaitedMs(reason), nowMs: nowMs) }
    }
    seen = shed
  }

  /// So many more were turned away for that reason, after waiting for as long.
  mutating func note(_ new: Int64, _ reason: ShedReason, waitedMs: Int64, nowMs: Int64) {
    var tally = tallies[reason.rawValue]
    if tally.count == 0 { tally.sinceMs = nowMs }
    tally.count += new
    tally.longestMs = max(tally.longestMs, waitedMs)
    tallies[reason.rawValue] = tally
  }

  /// The lines to be logged now.
  mutating func due(_ settings: ServerSettings, nowMs: Int64) -> [String] {
    var lines: [String] = []
    for reason in ShedReason.allCases {
      let tally = tallies[reason.rawValue]
      guard tally.count > 0, nowMs >= tally.nextMs else { continue }
      lines.append(Self.line(tally, reason, settings, nowMs: nowMs))
      tallies[reason.rawValue] = Tally(nextMs: nowMs + Self.intervalMs)
    }
    return lines
  }

  private static func line(
    _ tally: Tally, _ reason: ShedReason, _ settings: ServerSettings, nowMs: Int64
  ) -> String {
    let span = nowMs > tally.sinceMs ? " within \(seconds(nowMs - tally.sinceMs))" : ""
    let requests = tally.count == 1 ? "request" : "requests"
    let longest = seconds(tally.longestMs)
    let more = "`plimsoll status` says what keeps the server from having more workers"
    let why =
      switch reason {
      case .waitedTooLong:
        "they had waited for a handler longer than --queue-timeout "
          + "(\(seconds(settings.queueTimeoutMs))), the longest for \(longest); \(more)"
      case .queueFull:
        "\(settings.queueLimit) others were waiting (--queue-limit), the first of them for "
          + "\(longest); \(more)"
      case .noWorker:
        "there had been no worker for --connect-timeout (\(seconds(settings.connectTimeoutMs))), "
          + "and the longest had waited for \(longest); the lines about deaths and failed starts "
          + "say why"
      }
    return "answered \(tally.count) \(requests) with 503\(span): \(why)"
  }

  /// Seconds with one decimal where there is any.
  private static func seconds(_ ms: Int64) -> String {
    let tenths = (ms + 50) / 100
    return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
  }
}
