// ServerStatus+Forks: how long workers took until they served, in words. Pure.

extension ServerStatus.ForkTimes {
  /// The median; nil before any worker served.
  var usualText: String? { fork.percentileUs(50).map { text(us: $0) } }

  /// The slowest, and how long they were waited for.
  var worstText: String {
    "p99 \(text(us: fork.percentileUs(99) ?? 0)), longest \(text(us: fork.longestUs)); "
      + "after they were asked for \(text(us: asked.percentileUs(50) ?? 0)), "
      + "p99 \(text(us: asked.percentileUs(99) ?? 0))"
  }

  /// The same in a few words; nil before any worker served.
  var sentence: String? {
    usualText.map {
      "ready after \($0) (p99 \(text(us: fork.percentileUs(99) ?? 0)), "
        + "longest \(text(us: fork.longestUs)))"
    }
  }

  private func text(us: Int64) -> String {
    us < 1_000_000
      ? "\(NumberText.rate(Double(us) / 1000)) ms" : NumberText.duration(ms: us / 1000)
  }
}
