// PredecessorCounts: what is counted on the scoreboard of a program before this one. Edge.
//
// After an upgrade the old processes serve on for a while and count on their own scoreboard, which
// the supervisor keeps; nothing is taken out of it any more, so its sums only rise. What they have
// risen by is added to the new scoreboard from time to time: its counters never fall.
internal import Reporting

/// A predecessor's scoreboard, and what of it was added to the successor's so far.
public struct PredecessorCounts {
  private let old: Scoreboard
  /// What was added, in the order of ``sums()``.
  private var added: [Int64]

  /// Nothing of `old` was added yet.
  public init(of old: Scoreboard) {
    self.old = old
    added = [Int64](repeating: 0, count: ServerFacts.inheritedFields.count)
  }

  /// Adds what came since the last time.
  public mutating func add(to facts: ServerFacts) {
    let now = sums()
    for (index, place) in ServerFacts.inheritedFields.enumerated() {
      facts.line(place.line).add(max(0, now[index] &- added[index]), to: place.field)
      added[index] = max(now[index], added[index])
    }
  }

  /// All that the old processes ever did, in the order of ``ServerFacts/inheritedFields``.
  private func sums() -> [Int64] {
    var sums = ServerFacts.inheritedFields.map { old.facts.line($0.line)[$0.field] }
    for index in 0..<old.slots {
      let slot = old[index]
      let done = slot.done
      for (position, place) in ServerFacts.inheritedFields.enumerated() {
        guard let share = slot.share(of: place.share, done) else { continue }
        sums[position] &+= share
      }
    }
    return sums
  }
}

extension WorkerSlot {
  fileprivate func share(
    of share: ServerFacts.InheritedField.Share?,
    _ done: (requests: Int64, bytes: Int64, durationUs: Int64)
  ) -> Int64? {
    switch share {
    case .requests?: done.requests
    case .bytes?: done.bytes
    case .durationUs?: done.durationUs
    case .cpuMs?: cpuMs
    case .shed(let reason)?: shed[reason]
    case .service(let index)?: serviceCount(index)
    case .wait(let index)?: waitCount(index)
    case .waitedUs?: waitedUs
    case .lockWaits?: lockWaits
    case .lockWaitedUs?: lockWaitedUs
    case .interrupted?: interrupted
    case nil: nil
    }
  }
}
