// StatusTable+Groups: the process groups of a server on a terminal. Pure.

extension StatusTable {
  /// A line for each group.
  static func groups(_ status: ServerStatus) -> String {
    var rows = [
      [
        "GROUP", "STATE", "GEN", "FOR", "WORKERS", "BUSY", "WAIT", "OLDEST", "REQUESTS", "DIED",
        "MEMORY", "URLS",
      ]
    ]
    for group in status.groups.prefix(mostRows) {
      let handlers = group.workers.reduce(0) { $0 + $1.handlers.count }
      rows.append([
        ForeignText.cut(group.group, to: 16), group.state.label, "\(group.generation)",
        group.generation > 0 ? NumberText.duration(ms: group.servingMs) : "–",
        "\(group.workers.count)", "\(group.busyHandlers)/\(handlers)",
        "\(group.connections.waiting)",
        group.queue.oldestMs > 0 ? NumberText.duration(ms: group.queue.oldestMs) : "–",
        NumberText.grouped(group.totals.requests), "\(group.deaths)",
        NumberText.bytes(Double(group.ownBytes)), group.urls,
      ])
    }
    return table(rows, leftAligned: [0, 1, 11]) + more(status.groups.count - mostRows, "groups")
  }
}

extension ServerStatus {
  /// What the group's workers and molds take, in bytes, as far as they were measured.
  var ownBytes: Int64 {
    workers.reduce(memory?.moldBytes ?? 0) { $0 &+ max(0, $1.memoryBytes) }
  }

  /// `4 requests wait, the oldest for 1.2 s`; nil where none waits.
  var queueSentence: String? {
    let waiting = connections.waiting
    guard waiting > 0 else { return nil }
    let count = waiting == 1 ? "1 request waits" : "\(waiting) requests wait"
    guard queue.oldestMs > 0 else { return count }
    return "\(count), the oldest for \(NumberText.duration(ms: queue.oldestMs))"
  }
}
