// StatusJSON+Groups: the process groups of a server as JSON. Pure.
internal import ProcessPolicy

extension StatusJSON {
  /// One element of `groups`.
  static func append(group: ServerStatus, _ writer: inout ReportWriter) {
    writer.append("    {")
    for (key, text) in [
      ("name", group.group), ("title", group.title), ("python", group.python),
      ("urls", group.urls), ("state", group.state.label),
    ] {
      writer.append("\"\(key)\": ")
      writer.append(json: text)
      writer.append(", ")
    }
    let since = group.servingSinceSeconds
    let most = group.mostWorkers
    let queue = group.queue
    writer.append(
      """

           "generation": \(group.generation),
           "serving_since_seconds": \(since > 0 ? "\(since)" : "null"),
           "generations_served": \(group.generationsServed),
           "generations_failed": \(group.generationsFailed),
           "queue": {"length": \(group.connections.waiting), "oldest_ms": \(queue.oldestMs),
             "handed_on": \(queue.waits.total), "waited_ms": \(queue.waitedUs / 1000)},
           "totals": 
      """)
    append(group.totals, &writer)
    writer.append(
      """
      , "shed": \(group.shed), "cpu_ms": \(group.cpuMs),
           "shed_reasons": \(text(group.shedReasons)), "interrupted": \(group.interrupted),
           "gil_waits": \(group.lockWaits.count), "gil_wait_us": \(group.lockWaits.us),
           "forks": \(group.forks), "deaths": \(group.deaths),
           "deaths_by_cause": \(text(group.deathCounts)),
           "fork_us": \(text(group.forkTimes.fork)),
           "workers": \(group.workers.count),
           "workers_most": \(most > 0 ? "\(most)" : "null"),
           "stopping_workers": \(group.stoppingWorkers),
           "threads_per_worker": \(group.threadsPerWorker),
           "busy_handlers": \(group.busyHandlers), "graceful_handlers": \(group.gracefulHandlers),
           "idle_handlers": \(group.idleHandlers),
           "memory": \(memory(group))}
      """)
  }
}
