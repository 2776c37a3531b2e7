// ServeCommandLine+Capacity: how much the server handles at a time, in one line. Pure.
internal import ProcessPolicy

extension ServeCommandLine {
  /// How many processes and threads there will be, and why; for the announcement of the start.
  public var capacityText: String {
    settings.usesApachePolicy ? apacheCapacity : loadlineCapacity
  }

  private var loadlineCapacity: String {
    let (least, most) = (settings.workersMin, settings.workersMax)
    let workers = least == most ? Self.count(most, "worker") : "\(least) to \(most) workers"
    let (few, many) = (settings.threadsMin, settings.threadsMax)
    let threads = few == many ? Self.count(few, "thread") : "\(few) to \(many) threads"
    let bound = few == many ? "" : "; together at most \(settings.mostHandlers)"
    return "\(workers) (\(reason(of: "workers"))) x \(threads) (\(reason(of: "threads"))\(bound)), "
      + "\(settings.mpm)"
  }

  private var apacheCapacity: String {
    let apache = settings.apacheSettings
    let start = Self.count(apache.startCount, "process", "processes")
    guard apache.mpm != .prefork else {
      return "as Apache's prefork: \(start) at the start, \(apache.minSpareServers) to "
        + "\(apache.maxSpareServers) idle, at most \(apache.processLimit)"
    }
    let threads = Self.count(apache.threadsPerChild, "thread")
    return "as Apache's \(apache.mpm.rawValue): \(start) x \(threads) at the start, "
      + "\(apache.minSpareThreads) to \(apache.maxSpareThreads) threads idle, at most "
      + "\(apache.maxRequestWorkers) in \(Self.count(apache.processLimit, "process", "processes"))"
  }

  /// Where a value comes from, in a sentence that tells of decisions only.
  private func reason(of name: String) -> String {
    switch origin(of: name) {
    case .decided(let reason), .corrected(let reason): reason
    case let origin: origin.text
    }
  }

  /// `1 worker`, `2 workers`.
  private static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
    "\(number) \(number == 1 ? one : many ?? one + "s")"
  }
}
