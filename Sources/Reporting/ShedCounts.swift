// ShedCounts: requests that were turned away with 503, and why. Pure.

/// Why a request was turned away with 503 instead of being handled.
public enum ShedReason: Int, CaseIterable, Sendable {
  /// It had waited for a handler as long as it may (`--queue-timeout`).
  case waitedTooLong
  /// As many as may wait were waiting already (`--queue-limit`).
  case queueFull
  /// There was no worker at all for as long as it may wait for one (`--connect-timeout`).
  case noWorker
}

/// How many were turned away for each reason.
public struct ShedCounts: Equatable, Sendable {
  private var counts = [Int64](repeating: 0, count: ShedReason.allCases.count)

  /// None.
  public init() {}

  /// How many for that reason.
  public subscript(_ reason: ShedReason) -> Int64 {
    get { counts[reason.rawValue] }
    set { counts[reason.rawValue] = newValue }
  }

  /// How many in all.
  public var total: Int64 { counts.reduce(0, &+) }

  /// `3 waited too long, 1 found the queue full`; empty where there are none.
  var sentence: String {
    ShedReason.allCases.filter { self[$0] > 0 }
      .map { "\(NumberText.grouped(self[$0])) \($0.verb)" }.joined(separator: ", ")
  }

  /// Adds what another process counted.
  public static func += (left: inout ShedCounts, right: ShedCounts) {
    for reason in ShedReason.allCases { left[reason] &+= right[reason] }
  }
}

extension ShedReason {
  /// What such a request did.
  fileprivate var verb: String {
    switch self {
    case .waitedTooLong: "waited too long"
    case .queueFull: "found the queue full"
    case .noWorker: "found no worker"
    }
  }

  /// The word for it in JSON and in metrics.
  var label: String {
    switch self {
    case .waitedTooLong: "waited_too_long"
    case .queueFull: "queue_full"
    case .noWorker: "no_worker"
    }
  }
}
