// MetricsText: a status in Prometheus's text form, for monitoring. Pure.
internal import ProcessPolicy

/// Prometheus's text exposition format, version 0.0.4: a block for each metric, with its help, its
/// type and its samples, in an order that stays. docs/reference/metrics.md lists the metrics.
///
/// Units are seconds, bytes and ratios, as Prometheus's conventions ask for. Numbers come from
/// shared memory which the application can write to: negative ones are given as 0.
public enum MetricsText {
  /// What it is sent as.
  public static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

  /// The label of what belongs to the application, of which there is one.
  private static let group = ("group", "default")

  /// The lines.
  public static func render(_ status: ServerStatus) -> [UInt8] {
    var writer = MetricWriter()
    server(status, &writer)
    requests(status, &writer)
    processes(status, &writer)
    ends(status, &writer)
    if let memory = status.memory { self.memory(memory, status.workers, &writer) }
    return writer.bytes
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
    writer.begin(
      "plimsoll_generation", .gauge, "Generation of the application that serves; 0 before any.")
    writer.sample([group], count: Int64(status.generation))
    writer.begin(
      "plimsoll_generation_start_time_seconds", .gauge,
      "When that generation was put into service, since 1970; 0 before any.")
    writer.sample([group], count: status.servingSinceSeconds)
    writer.begin(
      "plimsoll_generations_total", .counter,
      "Generations that were put into service: the start, restarts and reforks.")
    writer.sample([group], count: status.generationsServed)
    writer.begin(
      "plimsoll_failed_generations_total", .counter,
      "Generations that were given up before they served.")
    writer.sample([group], count: status.generationsFailed)
    writer.begin("plimsoll_cpu_seconds_total", .counter, "CPU time of workers and fronts.")
    writer.sample(value: DecimalText.seconds(ms: status.cpuMs))
  }

  private static func requests(_ status: ServerStatus, _ writer: inout MetricWriter) {
    writer.begin("plimsoll_requests_total", .counter, "Requests answered.")
    writer.sample([group], count: status.totals.requests)
    writer.begin(
      "plimsoll_shed_requests_total", .counter,
      "Requests among them that were answered with 503 instead of being handled, by reason.")
    for reason in ShedReason.allCases {
      writer.sample([group, ("reason", reason.label)], count: status.shedReasons[reason])
    }
    writer.begin(
      "plimsoll_interrupted_requests_total", .counter,
      "Requests in whose thread an exception was raised, as they made no progress.")
    writer.sample([group], count: status.interrupted)
    writer.begin(
      "plimsoll_response_bytes_total", .counter, "Bytes of the responses, heads included.")
    writer.sample([group], count: status.totals.bytes)
    writer.begin(
      "plimsoll_request_duration_seconds", .histogram,
      "From the begin of a request in a handler to its end; without requests that were shed.")
    let times = status.serviceTimes
    writer.histogram(
      [group],
      buckets: times.counts.indices.map { index in
        let bounds = ServiceTimes.boundsUs
        return (index < bounds.count ? bounds[index] : nil, times.counts[index])
      }, sum: DecimalText.seconds(ms: status.totals.durationMs))
    let connections = status.connections
    writer.begin(
      "plimsoll_waiting_requests", .gauge, "Whole requests for which no handler is free.")
    writer.sample([group], count: Int64(connections.waiting))
    writer.begin("plimsoll_connections", .gauge, "Connections of clients, by what they do.")
    for (state, count) in [
      ("in_hand", connections.inHand), ("reading", connections.reading),
      ("writing", connections.writing), ("keep_alive", connections.keepAlive),
      ("closing", connections.closing),
    ] {
      writer.sample([("state", state)], count: Int64(count))
    }
  }

  private static func processes(_ status: ServerStatus, _ writer: inout MetricWriter) {
    writer.begin("plimsoll_handlers", .gauge, "Threads for requests, by what they do.")
    for (state, count) in [
      ("busy", status.busyHandlers), ("idle", status.idleHandlers),
      ("finishing", status.gracefulHandlers),
    ] {
      writer.sample([group, ("state", state)], count: Int64(count))
    }
    writer.begin(
      "plimsoll_gil_waits_total", .counter,
      "How often a thread for requests waited for Python's lock.")
    writer.sample([group], count: status.lockWaits.count)
    writer.begin("plimsoll_gil_wait_seconds_total", .counter, "How long these waits took.")
    writer.sample([group], value: DecimalText.seconds(us: status.lockWaits.us))
    let workers = status.workers
    writer.begin("plimsoll_workers", .gauge, "Processes that run the application, by phase.")
    for (word, phase) in [
      ("starting", ServerStatus.Phase.starting), ("serving", .serving), ("draining", .draining),
      ("idle_cleanup", .idleCleanup),
    ] {
      writer.sample(
        [group, ("phase", word)], count: Int64(workers.count { $0.phase == phase }))
    }
    if status.mostWorkers > 0 {
      writer.begin("plimsoll_workers_max", .gauge, "Workers that may serve at once.")
      writer.sample([group], count: Int64(status.mostWorkers))
    }
    writer.begin(
      "plimsoll_fronts", .gauge, "Processes that have the clients' connections in daemon mode.")
    writer.sample(count: Int64(status.fronts.count))
  }

  /// How processes begin and end.
  private static func ends(_ status: ServerStatus, _ writer: inout MetricWriter) {
    writer.begin("plimsoll_forks_total", .counter, "Workers that were asked for.")
    writer.sample([group], count: status.forks)
    writer.begin(
      "plimsoll_fork_duration_seconds", .histogram,
      "From the moment in which the mold began to fork a worker until that served.")
    let fork = status.forkTimes.fork
    writer.histogram([group], buckets: octaves(fork), sum: DecimalText.seconds(us: fork.sumUs))
    writer.begin(
      "plimsoll_deaths_total", .counter, "Processes that ended otherwise than they should.")
    for process in ServerProcess.allCases {
      for cause in DeathCause.allCases {
        writer.sample(
          [group, ("process", process.label), ("cause", cause.label)],
          count: status.deathCounts[process, cause])
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
    _ memory: ServerStatus.Memory, _ workers: [ServerStatus.Worker],
    _ writer: inout MetricWriter
  ) {
    let own = workers.reduce(Int64(0)) { $0 &+ max(0, $1.memoryBytes) }
    for (name, bytes, help) in [
      ("budget", memory.budgetBytes, "Memory that the server may take."),
      ("used", memory.usedBytes, "Memory that the server takes."),
      ("supervisor", memory.supervisorBytes, "Memory of the supervisor."),
      ("molds", memory.moldBytes, "Memory of the molds, which the workers share."),
      ("workers", own, "Memory that the workers have for themselves."),
      ("next_worker", memory.workerBytes, "Memory that one more worker is reckoned with."),
      ("fresh_worker", memory.freshWorkerBytes, "Memory of a worker that was just forked."),
      ("merged", memory.mergedBytes, "Pages of the workers that are merged with equal ones."),
    ] {
      writer.begin("plimsoll_memory_\(name)_bytes", .gauge, help)
      writer.sample(count: bytes)
    }
    writer.begin(
      "plimsoll_memory_stall_ratio", .gauge,
      "Share of the last 10 s in which all processes waited for memory.")
    writer.sample(value: DecimalText.ratio(percent: memory.stallPercent))
    writer.begin(
      "plimsoll_memory_capacity_workers", .gauge, "Workers that fit into the memory budget.")
    writer.sample([group], count: Int64(memory.capacity))
    writer.begin(
      "plimsoll_workers_bound", .gauge,
      "1 for what keeps the server from having more workers, 0 for the others.")
    for binding in [BindingLimit.demand, .processes, .memory, .cpu, .failures] {
      writer.sample(
        [group, ("limit", binding.rawValue)], count: binding == memory.binding ? 1 : 0)
    }
  }
}
