// MetricsText: a status in Prometheus's text form, for monitoring. Pure.
internal import ProcessPolicy

/// Prometheus's text exposition format, version 0.0.4: a block for each metric, with its help, its
/// type and its samples, in an order that stays. docs/reference/metrics.md lists the metrics.
///
/// Units are seconds, bytes and ratios, as Prometheus's conventions ask for. What there is in each
/// process group has its name as the label `group`, also where there is one. Numbers come from
/// shared memory which the application can write to: negative ones are given as 0.
public enum MetricsText {
  /// What it is sent as.
  public static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

  /// The lines.
  public static func render(_ status: ServerStatus) -> [UInt8] {
    var writer = MetricWriter()
    server(status, &writer)
    requests(status, &writer)
    processes(status, &writer)
    ends(status, &writer)
    if let memory = status.memory { self.memory(memory, status.parts, &writer) }
    return writer.bytes
  }

  /// The label that says which group a sample is about.
  private static func label(_ part: ServerStatus) -> (String, String) { ("group", part.group) }

  /// A metric that has one sample for each group.
  private static func each(
    _ name: String, _ kind: MetricWriter.Kind, _ help: String, _ parts: [ServerStatus],
    _ writer: inout MetricWriter, _ count: (ServerStatus) -> Int64
  ) {
    writer.begin(name, kind, help)
    for part in parts { writer.sample([label(part)], count: count(part)) }
  }

  /// A metric that has, for each group, a sample for each of several words.
  private static func each(
    _ name: String, _ help: String, by word: String, _ parts: [ServerStatus],
    _ writer: inout MetricWriter, _ counts: (ServerStatus) -> [(String, Int)]
  ) {
    writer.begin(name, .gauge, help)
    for part in parts {
      for (value, count) in counts(part) {
        writer.sample([label(part), (word, value)], count: Int64(count))
      }
    }
  }

  private static func server(_ status: ServerStatus, _ writer: inout MetricWriter) {
    writer.begin("plimsoll_info", .gauge, "The server; its value is always 1.")
    writer.sample(
      [
        ("software", status.software), ("title", status.title), ("mpm", status.mpm),
        ("policy", status.policy),
      ], count: 1)
    writer.begin(
      "plimsoll_start_time_seconds", .gauge, "When the server was started, since 1970.")
    writer.sample(count: status.startedSeconds)
    writer.begin("plimsoll_cpu_seconds_total", .counter, "CPU time of workers and fronts.")
    writer.sample(value: DecimalText.seconds(ms: status.cpuMs))
    groups(status.parts, &writer)
  }

  private static func groups(_ parts: [ServerStatus], _ writer: inout MetricWriter) {
    writer.begin("plimsoll_group_info", .gauge, "A process group; its value is always 1.")
    for part in parts {
      writer.sample(
        [label(part), ("title", part.title), ("urls", part.urls), ("python", part.python)],
        count: 1)
    }
    each(
      "plimsoll_group_state", "1 for what the process group does, 0 for the others.", by: "state",
      parts, &writer
    ) { part in GroupState.allCases.map { ($0.label, $0 == part.state ? 1 : 0) } }
    each(
      "plimsoll_generation", .gauge, "Generation of the application that serves; 0 before any.",
      parts, &writer
    ) { Int64($0.generation) }
    each(
      "plimsoll_generation_start_time_seconds", .gauge,
      "When that generation was put into service, since 1970; 0 before any.", parts, &writer
    ) { $0.servingSinceSeconds }
    each(
      "plimsoll_generations_total", .counter,
      "Generations that were put into service: the start, restarts and reforks.", parts, &writer
    ) { $0.generationsServed }
    each(
      "plimsoll_failed_generations_total", .counter,
      "Generations that were given up before they served.", parts, &writer
    ) { $0.generationsFailed }
  }

  private static func requests(_ status: ServerStatus, _ writer: inout MetricWriter) {
    let parts = status.parts
    each("plimsoll_requests_total", .counter, "Requests answered.", parts, &writer) {
      $0.totals.requests
    }
    writer.begin(
      "plimsoll_shed_requests_total", .counter,
      "Requests among them that were answered with 503 instead of being handled, by reason.")
    for part in parts {
      for reason in ShedReason.allCases {
        writer.sample(
          [label(part), ("reason", reason.label)], count: part.shedReasons[reason])
      }
    }
    each(
      "plimsoll_interrupted_requests_total", .counter,
      "Requests in whose thread an exception was raised, as they made no progress.", parts, &writer
    ) { $0.interrupted }
    each(
      "plimsoll_response_bytes_total", .counter, "Bytes of the responses, heads included.", parts,
      &writer
    ) { $0.totals.bytes }
    writer.begin(
      "plimsoll_request_duration_seconds", .histogram,
      "From the begin of a request in a handler to its end; without requests that were shed.")
    for part in parts {
      writer.histogram(
        [label(part)], buckets: classes(part.serviceTimes),
        sum: DecimalText.seconds(ms: part.totals.durationMs))
    }
    queues(parts, &writer)
    let connections = status.connections
    writer.begin("plimsoll_connections", .gauge, "Connections of clients, by what they do.")
    for (state, count) in [
      ("in_hand", connections.inHand), ("reading", connections.reading),
      ("writing", connections.writing), ("keep_alive", connections.keepAlive),
      ("closing", connections.closing),
    ] {
      writer.sample([("state", state)], count: Int64(count))
    }
  }

  private static func queues(_ parts: [ServerStatus], _ writer: inout MetricWriter) {
    each(
      "plimsoll_waiting_requests", .gauge, "Whole requests for which no handler is free.", parts,
      &writer
    ) { Int64($0.connections.waiting) }
    writer.begin(
      "plimsoll_oldest_waiting_request_seconds", .gauge,
      "For how long the oldest of them has waited; 0 where none waits.")
    for part in parts {
      writer.sample([label(part)], value: DecimalText.seconds(ms: part.queue.oldestMs))
    }
    writer.begin(
      "plimsoll_queue_duration_seconds", .histogram,
      "For how long requests waited that a front then handed to a worker.")
    for part in parts {
      writer.histogram(
        [label(part)], buckets: classes(part.queue.waits),
        sum: DecimalText.seconds(us: part.queue.waitedUs))
    }
  }

  private static func classes(_ times: ServiceTimes) -> [(longestUs: Int64?, count: Int64)] {
    let bounds = ServiceTimes.boundsUs
    return times.counts.indices.map { index in
      (index < bounds.count ? bounds[index] : nil, times.counts[index])
    }
  }

  private static func processes(_ status: ServerStatus, _ writer: inout MetricWriter) {
    let parts = status.parts
    each(
      "plimsoll_handlers", "Threads for requests, by what they do.", by: "state", parts, &writer
    ) { part in
      [
        ("busy", part.busyHandlers), ("idle", part.idleHandlers),
        ("finishing", part.gracefulHandlers),
      ]
    }
    each(
      "plimsoll_gil_waits_total", .counter,
      "How often a thread for requests waited for Python's lock.", parts, &writer
    ) { $0.lockWaits.count }
    writer.begin("plimsoll_gil_wait_seconds_total", .counter, "How long these waits took.")
    for part in parts {
      writer.sample([label(part)], value: DecimalText.seconds(us: part.lockWaits.us))
    }
    each(
      "plimsoll_workers", "Processes that run the application, by phase.", by: "phase", parts,
      &writer
    ) { part in
      let workers = part.workers
      let phases: [(String, ServerStatus.Phase)] = [
        ("starting", .starting), ("serving", .serving), ("draining", .draining),
        ("idle_cleanup", .idleCleanup),
      ]
      return phases.map { word, phase in (word, workers.count { $0.phase == phase }) }
    }
    let limited = parts.filter { $0.mostWorkers > 0 }
    if !limited.isEmpty {
      each(
        "plimsoll_workers_max", .gauge, "Workers that may serve at once.", limited, &writer
      ) { Int64($0.mostWorkers) }
    }
    writer.begin(
      "plimsoll_fronts", .gauge, "Processes that have the clients' connections in daemon mode.")
    writer.sample(count: Int64(status.fronts.count))
  }

  /// How processes begin and end.
  private static func ends(_ status: ServerStatus, _ writer: inout MetricWriter) {
    let parts = status.parts
    each("plimsoll_forks_total", .counter, "Workers that were asked for.", parts, &writer) {
      $0.forks
    }
    writer.begin(
      "plimsoll_fork_duration_seconds", .histogram,
      "From the moment in which the mold began to fork a worker until that served.")
    for part in parts {
      let fork = part.forkTimes.fork
      writer.histogram(
        [label(part)], buckets: octaves(fork), sum: DecimalText.seconds(us: fork.sumUs))
    }
    writer.begin(
      "plimsoll_deaths_total", .counter, "Processes that ended otherwise than they should.")
    for (index, part) in parts.enumerated() {
      // Fronts are the server's: the first group counts them.
      for process in ServerProcess.allCases where process != .front || index == 0 {
        for cause in DeathCause.allCases {
          writer.sample(
            [label(part), ("process", process.label), ("cause", cause.label)],
            count: part.deathCounts[process, cause])
        }
      }
    }
  }

  /// The classes of `times` from half a millisecond on, eight of them together.
  private static func octaves(
    _ times: DurationHistogram
  ) -> [(longestUs: Int64?, count: Int64)] {
    var buckets: [(longestUs: Int64?, count: Int64)] = []
    var count: Int64 = 0
    for index in 0..<DurationHistogram.classes {
      count &+= times.counts[index]
      let isLast = index == DurationHistogram.classes - 1
      // Class 0 ends below 64 µs, and every eighth class after it below twice that.
      guard isLast || (index % 8 == 0 && index >= 24) else { continue }
      buckets.append((isLast ? nil : DurationHistogram.longestUs(index: index), count))
      count = 0
    }
    return buckets
  }

  private static func memory(
    _ memory: ServerStatus.Memory, _ parts: [ServerStatus], _ writer: inout MetricWriter
  ) {
    for (name, bytes, help) in [
      ("budget", memory.budgetBytes, "Memory that the server may take."),
      ("used", memory.usedBytes, "Memory that the server takes."),
      ("supervisor", memory.supervisorBytes, "Memory of the supervisor."),
    ] {
      writer.begin("plimsoll_memory_\(name)_bytes", .gauge, help)
      writer.sample(count: bytes)
    }
    writer.begin(
      "plimsoll_memory_stall_ratio", .gauge,
      "Share of the last 10 s in which all processes waited for memory.")
    writer.sample(value: DecimalText.ratio(percent: memory.stallPercent))
    let measured = parts.filter { $0.memory != nil }
    func each(
      _ name: String, _ help: String, _ count: (ServerStatus, ServerStatus.Memory) -> Int64
    ) {
      self.each("plimsoll_memory_\(name)", .gauge, help, measured, &writer) { part in
        part.memory.map { count(part, $0) } ?? 0
      }
    }
    each("molds_bytes", "Memory of the molds, which the workers share.") { $1.moldBytes }
    each("workers_bytes", "Memory that the workers have for themselves.") { part, _ in
      part.workers.reduce(0) { $0 &+ max(0, $1.memoryBytes) }
    }
    each("next_worker_bytes", "Memory that one more worker is reckoned with.") { $1.workerBytes }
    each("fresh_worker_bytes", "Memory of a worker that was just forked.") { $1.freshWorkerBytes }
    each("merged_bytes", "Pages of the workers that are merged with equal ones.") {
      $1.mergedBytes
    }
    each("capacity_workers", "Workers that fit into the memory budget.") { Int64($1.capacity) }
    self.each(
      "plimsoll_workers_bound",
      "1 for what keeps the group from having more workers, 0 for the others.", by: "limit",
      measured, &writer
    ) { part in
      [BindingLimit.demand, .processes, .memory, .cpu, .failures].map {
        ($0.rawValue, $0 == part.memory?.binding ? 1 : 0)
      }
    }
  }
}
