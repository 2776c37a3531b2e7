// StatusJSON: a status as JSON, for programs. Pure.
internal import ProcessPolicy

/// One JSON object (RFC 8259); docs/reference/status.md lists its keys, which stay as they are.
public enum StatusJSON {
  /// What it is sent as.
  public static let contentType: StaticString = "application/json"

  /// Raised when a key changes its meaning or goes; new keys do not raise it.
  public static let format = 1

  /// Handlers that are listed one by one at most; sums count all of them.
  public static let mostHandlers = 8192

  /// The object and a line feed.
  public static func render(_ status: ServerStatus) -> [UInt8] {
    var writer = ReportWriter()
    writer.append("{\n  \"format\": \(format),\n")
    server(status, &writer)
    sums(status, &writer)
    writer.append("  \"scoreboard\": \"")
    // No letter of a scoreboard needs an escape.
    _ = status.forEachSlot(mostLetters: StatusText.mostLetters) { letters in
      for letter in letters { writer.append(letter: letter) }
    }
    writer.append("\",\n  \"fronts\": [")
    for (index, front) in status.fronts.enumerated() {
      writer.append(index == 0 ? "\n" : ",\n")
      append(front, &writer)
    }
    writer.append("],\n  \"groups\": [")
    for (index, group) in status.parts.enumerated() {
      writer.append(index == 0 ? "\n" : ",\n")
      append(group: group, &writer)
    }
    writer.append("\n  ],\n  \"workers\": [")
    var left = mostHandlers
    for (index, worker) in status.workers.enumerated() {
      writer.append(index == 0 ? "\n" : ",\n")
      append(worker, mostHandlers: &left, &writer)
    }
    writer.append("\n  ]\n}\n")
    return writer.bytes
  }

  private static func server(_ status: ServerStatus, _ writer: inout ReportWriter) {
    for (key, text) in [
      ("software", status.software), ("title", status.title), ("mpm", status.mpm),
      ("policy", status.policy),
    ] {
      writer.append("  \"\(key)\": ")
      writer.append(json: text)
      writer.append(",\n")
    }
    let serving = status.servingSinceSeconds
    writer.append(
      """
        "supervisor_pid": \(status.supervisorPid),
        "now_seconds": \(status.nowSeconds),
        "started_seconds": \(status.startedSeconds),
        "uptime_seconds": \(status.uptimeSeconds),
        "generation": \(status.generation),
        "serving_since_seconds": \(serving > 0 ? "\(serving)" : "null"),
        "cpu_ms": \(status.cpuMs),
        "cpu_percent": \(NumberText.json(status.cpuPercent)),

      """)
    if let load = status.load {
      writer.append(
        "  \"load\": [\(NumberText.json(load.one)), \(NumberText.json(load.five)), "
          + "\(NumberText.json(load.fifteen))],\n")
    } else {
      writer.append("  \"load\": null,\n")
    }
    writer.append("  \"memory\": \(memory(status)),\n")
  }

  static func memory(_ status: ServerStatus) -> String {
    guard let memory = status.memory else { return "null" }
    return """
      {"budget_bytes": \(memory.budgetBytes), "used_bytes": \(memory.usedBytes),
          "supervisor_bytes": \(memory.supervisorBytes), "mold_bytes": \(memory.moldBytes),
          "worker_bytes": \(memory.workerBytes), "fresh_worker_bytes": \(memory.freshWorkerBytes),
          "capacity": \(memory.capacity), "binding": "\(memory.binding.rawValue)",
          "stall_percent": \(memory.stallPercent), "merged_bytes": \(memory.mergedBytes),
          "growth_bytes_per_request": \(NumberText.json(status.growthBytesPerRequest))}
      """
  }

  private static func sums(_ status: ServerStatus, _ writer: inout ReportWriter) {
    writer.append("  \"totals\": ")
    append(status.totals, &writer)
    writer.append(
      """
      ,
        "requests_per_second": \(NumberText.json(status.requestsPerSecond)),
        "bytes_per_second": \(NumberText.json(status.bytesPerSecond)),
        "bytes_per_request": \(NumberText.json(status.bytesPerRequest)),
        "ms_per_request": \(NumberText.json(status.msPerRequest)),
        "shed": \(status.shed),
        "shed_reasons": \(text(status.shedReasons)),
        "interrupted": \(status.interrupted),
        "gil_waits": \(status.lockWaits.count),
        "gil_wait_us": \(status.lockWaits.us),
        "forks": \(status.forks),
        "deaths": \(status.deaths),
        "deaths_by_cause": \(text(status.deathCounts)),
        "fork_us": \(text(status.forkTimes.fork)),
        "fork_asked_us": \(text(status.forkTimes.asked)),
        "threads_per_worker": \(status.threadsPerWorker),
        "threads_per_worker_most": \(status.mostThreadsPerWorker),
        "workers_most": \(status.mostWorkers > 0 ? "\(status.mostWorkers)" : "null"),
        "slots": \(status.slots.count),
        "busy_handlers": \(status.busyHandlers),
        "graceful_handlers": \(status.gracefulHandlers),
        "idle_handlers": \(status.idleHandlers),
        "stopping_workers": \(status.stoppingWorkers),
        "connections": 
      """)
    append(status.connections, &writer)
    writer.append(",\n")
  }

  static func text(_ shed: ShedCounts) -> String {
    let reasons = ShedReason.allCases.map { "\"\($0.label)\": \(shed[$0])" }
    return "{\(reasons.joined(separator: ", "))}"
  }

  static func text(_ deaths: DeathCounts) -> String {
    let processes = ServerProcess.allCases.map { process in
      let causes = DeathCause.allCases.map { "\"\($0.label)\": \(deaths[process, $0])" }
      return "\"\(process.label)\": {\(causes.joined(separator: ", "))}"
    }
    return "{\(processes.joined(separator: ",\n    "))}"
  }

  static func text(_ times: DurationHistogram) -> String {
    func number(_ percent: Int64) -> String {
      times.percentileUs(percent).map { "\($0)" } ?? "null"
    }
    return "{\"count\": \(times.total), \"p50\": \(number(50)), \"p99\": \(number(99)), "
      + "\"max\": \(number(100))}"
  }

  private static func append(_ front: ServerStatus.Front, _ writer: inout ReportWriter) {
    writer.append("    {\"number\": \(front.number), \"pid\": \(front.pid)")
    writer.append(", \"age_ms\": \(front.ageMs), \"cpu_ms\": \(front.cpuMs)")
    writer.append(", \"shed\": \(front.shed),\n     \"connections\": ")
    append(front.connections, &writer)
    writer.append(",\n     \"totals\": ")
    append(front.totals, &writer)
    writer.append("}")
  }

  private static func append(
    _ worker: ServerStatus.Worker, mostHandlers left: inout Int, _ writer: inout ReportWriter
  ) {
    writer.append("    {\"slot\": \(worker.slot), \"group\": ")
    writer.append(json: worker.group)
    writer.append(", \"pid\": \(worker.pid)")
    writer.append(", \"generation\": \(worker.generation)")
    writer.append(", \"phase\": \"\(word(worker.phase))\", \"accepting\": \(worker.isAccepting)")
    writer.append(", \"age_ms\": \(worker.ageMs), \"cpu_ms\": \(worker.cpuMs),\n")
    writer.append("     \"memory_bytes\": \(worker.memoryBytes), \"shed\": \(worker.shed)")
    writer.append(", \"growth_bytes\": \(worker.growthBytes), \"growth_bytes_per_request\": ")
    writer.append("\(NumberText.json(worker.growthBytesPerRequest)),\n")
    writer.append("     \"interrupted\": \(worker.interrupted)")
    writer.append(", \"gil_waits\": \(worker.lockWaits.count)")
    writer.append(", \"gil_wait_us\": \(worker.lockWaits.us),\n")
    writer.append("     \"connections\": ")
    append(worker.connections, &writer)
    writer.append(",\n     \"totals\": ")
    append(worker.totals, &writer)
    writer.append(",\n     \"handler_count\": \(worker.handlers.count), \"handlers\": [")
    for (index, handler) in worker.handlers.prefix(left).enumerated() {
      writer.append(index == 0 ? "\n" : ",\n")
      append(handler, &writer)
    }
    left -= min(left, worker.handlers.count)
    writer.append("]}")
  }

  private static func append(_ handler: ServerStatus.Handler, _ writer: inout ReportWriter) {
    writer.append("      {\"state\": \"")
    writer.append(letter: handler.state)
    writer.append("\", \"totals\": ")
    append(handler.totals, &writer)
    writer.append(", \"connection_requests\": \(handler.connectionRequests)")
    writer.append(", \"since_begin_ms\": \(handler.sinceBeginMs.map { "\($0)" } ?? "null")")
    writer.append(", \"last_duration_ms\": \(handler.lastDurationMs), \"client\": ")
    writer.append(json: handler.client)
    writer.append(", \"host\": ")
    writer.append(json: handler.host)
    writer.append(", \"request\": ")
    writer.append(json: handler.request)
    writer.append("}")
  }

  static func append(_ totals: ServerStatus.Totals, _ writer: inout ReportWriter) {
    writer.append("{\"requests\": \(totals.requests), \"bytes\": \(totals.bytes)")
    writer.append(", \"duration_ms\": \(totals.durationMs)}")
  }

  private static func append(
    _ connections: ServerStatus.Connections, _ writer: inout ReportWriter
  ) {
    writer.append("{\"total\": \(connections.total), \"keep_alive\": \(connections.keepAlive)")
    writer.append(", \"reading\": \(connections.reading), \"writing\": \(connections.writing)")
    writer.append(", \"closing\": \(connections.closing), \"waiting\": \(connections.waiting)}")
  }

  private static func word(_ phase: ServerStatus.Phase) -> String {
    phase == .idleCleanup ? "idle_cleanup" : phase.rawValue
  }
}
