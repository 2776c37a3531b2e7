// SettingsTable+Processes: the rows about processes and threads. Pure.
internal import ProcessPolicy

extension SettingsTable {
  static let processes: [SettingDefinition] = [
    SettingDefinition(
      "policy", directive: "ProcessPolicy",
      .choice(\.policy, words: [SettingChoice("loadline"), SettingChoice("apache")]), "WORD",
      in: .processes,
      help: "Who decides how many workers there are: loadline (by demand, between the two numbers "
        + "of --workers) or apache (as httpd's process models do, with httpd's directives).",
      reason: "It counts a worker once its application is loaded, so that slow imports do not "
        + "start more imports. Apache's rules are there to compare with, and to rely on."),
    SettingDefinition(
      "mode", directive: "Mode",
      .choice(\.mode, words: [SettingChoice("daemon"), SettingChoice("embedded")]), "WORD",
      in: .processes,
      help: "Who has the clients' connections: daemon (front processes without Python, which hand "
        + "whole requests to the workers) or embedded (the workers themselves).",
      defaultNote: "daemon; with --mpm prefork or worker and with --policy apache embedded",
      reason: "Slow clients then hold no thread, a worker that dies takes only what it had begun, "
        + "and no restart ends a connection. Embedded has the shortest way, and httpd's process "
        + "models."),
    SettingDefinition(
      "fronts", .count(\.fronts, 1...64), "N", in: .processes,
      help: "Front processes, with --mode daemon.",
      reason: "One front keeps several workers busy."),
    SettingDefinition(
      "mpm", directive: "Mpm",
      .choice(
        \.mpm, words: [SettingChoice("event"), SettingChoice("worker"), SettingChoice("prefork")]),
      "WORD", in: .processes,
      help: "How connections meet threads: event (a thread only while the application runs), "
        + "worker (a thread for each connection, idle ones included) or prefork (one thread and "
        + "one connection at a time in each process).",
      reason: "Slow and idle clients then cost no thread. Prefork suits applications that are not "
        + "safe with threads."),
    SettingDefinition(
      "workers", short: "w", directive: "WSGIDaemonProcess processes=",
      .span(\.workersMin, \.workersMax, 1...1000), "N|MIN-MAX", in: .processes,
      help: "Worker processes: exactly N, or from MIN to MAX by demand.",
      defaultNote: "one for each usable CPU, and as many more as make 16 requests at a time for "
        + "each CPU",
      reason: "Python runs on one CPU per process, so more workers than CPUs help only while "
        + "requests wait for something else."),
    SettingDefinition(
      "threads", directive: "ThreadsPerChild", .span(\.threadsMin, \.threadsMax, 1...1000),
      "N|MIN-MAX", in: .processes,
      help: "Requests each worker handles at a time: exactly N; or MIN, and with --mpm event up to "
        + "MAX where there cannot be more workers.",
      defaultNote: "4-16, but all workers together no more than 4 for each that --workers allows; "
        + "with --policy apache 25; with --mpm worker 4; with --mpm prefork always 1",
      reason: "4 are enough to hide waiting for a database, and few enough to share one "
        + "interpreter lock; more only stand in for workers that the memory forbids. 25 and 1 are "
        + "httpd's."),
    SettingDefinition(
      "worker-connections", .count(\.maxConnections, 1...1_000_000), "N", in: .processes,
      help: "Connections each worker holds at most, idle ones included. With --mpm prefork it is "
        + "1, with worker as many as threads.",
      reason: "An idle connection costs at most 2 KiB: 20 MB at worst."),
    SettingDefinition(
      "memory", directive: "MemoryBudget", .largeSize(\.memoryBudgetBytes, 0...(1 << 50)), "SIZE",
      in: .processes,
      help: "Memory that the whole server may take; loadline starts no worker that does not fit. "
        + "0: the limit of the control group, else a share of what the machine has available.",
      defaultNote: "decided at the start, and told",
      reason: "Nobody has to guess a number of processes."),
    SettingDefinition(
      "max-requests", directive: "WSGIDaemonProcess maximum-requests=",
      .count(\.maxRequests, 0...1_000_000_000), "N", in: .processes,
      help: "Replace a worker after so many requests; 0: never.",
      reason: "A cure for applications that leak; a sound one needs none."),
    SettingDefinition(
      "max-requests-jitter", .count(\.maxRequestsJitter, 0...1_000_000_000), "N",
      in: .processes, help: "Add a random number up to this to --max-requests, for each worker.",
      reason: "Nothing to spread while --max-requests is off."),
    SettingDefinition(
      "max-connections-per-child", aliases: ["max-requests-per-child"],
      directive: "MaxConnectionsPerChild",
      .count(\.maxConnectionsPerChild, 0...1_000_000_000), "N", in: .processes,
      help: "Replace a worker after so many connections (Apache counts them, not requests); "
        + "0: never.",
      reason: "Apache's default. MaxRequestsPerChild is its old name."),
  ]

  static let apache: [SettingDefinition] = [
    SettingDefinition(
      "preset",
      .choice(
        \.preset,
        words: [
          SettingChoice("none", value: ""),
          SettingChoice("stock-prefork", value: "stock prefork", aliases: ["stock prefork"]),
          SettingChoice("stock-worker", value: "stock worker", aliases: ["stock worker"]),
          SettingChoice("stock-event", value: "stock event", aliases: ["stock event"]),
        ]),
      "WORD", in: .apache,
      help:
        "Start from the block that httpd ships for a process model: stock-prefork, stock-worker "
        + "or stock-event; implies --policy apache and the --mpm.",
      reason: "Without one, the defaults that are compiled into httpd hold."),
    apacheRow(
      "start-servers", "StartServers", \.startServers, 0...1_000_000, \.startServers,
      help: "Processes started at once.",
      reason: "The rest comes within seconds where it is needed."),
    apacheRow(
      "min-spare-servers", "MinSpareServers", \.minSpareServers, 0...100_000, \.minSpareServers,
      help: "Idle processes to keep at least; for prefork.",
      reason: "A request finds a waiting process; each of them costs its memory."),
    apacheRow(
      "max-spare-servers", "MaxSpareServers", \.maxSpareServers, 0...1_000_000, \.maxSpareServers,
      help: "Idle processes to keep at most; for prefork.",
      reason: "Leaves room above the least, so that processes do not come and go in turns."),
    apacheRow(
      "min-spare-threads", "MinSpareThreads", \.minSpareThreads, 0...100_000, \.minSpareThreads,
      help: "Idle threads to keep at least; for worker and event.",
      reason: "A request finds a waiting thread: three processes of 25."),
    apacheRow(
      "max-spare-threads", "MaxSpareThreads", \.maxSpareThreads, 0...1_000_000, \.maxSpareThreads,
      help: "Idle threads to keep at most; for worker and event.",
      reason: "Leaves room for processes of 25 threads to come and go."),
    apacheRow(
      "thread-limit", "ThreadLimit", \.threadLimit, 0...1_000_000, \.threadLimit,
      help: "Bound of --threads; for worker and event.",
      reason: "Bounds what a mistyped --threads may cost."),
    apacheRow(
      "server-limit", "ServerLimit", \.serverLimit, 0...1_000_000, \.serverLimit,
      help: "Bound of the number of processes.",
      reason: "Bounds what a mistyped --max-request-workers may cost."),
    apacheRow(
      "max-request-workers", "MaxRequestWorkers", \.maxRequestWorkers, 0...10_000_000,
      \.maxRequestWorkers, aliases: ["max-clients"],
      help: "Requests handled at once, by all processes together.",
      reason: "MaxClients is its old name. Every further request waits in the backlog."),
    SettingDefinition(
      "async-request-worker-factor", directive: "AsyncRequestWorkerFactor",
      .thousandths(\.asyncRequestWorkerFactorThousandths, 0...1_000_000_000), "NUMBER",
      in: .apache,
      help: "Connections that a process takes for each of its idle threads, above its number of "
        + "threads; for event.",
      reason: "httpd's. Connections that wait hold no thread, so a few more fit."),
  ]

  /// The process models that know a setting; all of them where it is not of one.
  static func models(of name: String) -> [ApacheSettings.MPM] {
    switch name {
    case "min-spare-servers", "max-spare-servers": [.prefork]
    case "min-spare-threads", "max-spare-threads", "thread-limit": [.worker, .event]
    case "async-request-worker-factor": [.event]
    default: ApacheSettings.MPM.allCases
    }
  }

  /// A directive of httpd whose default depends on the process model.
  private static func apacheRow(
    _ name: String, _ directive: String, _ field: SettingField<Int?>, _ range: ClosedRange<Int>,
    _ standard: KeyPath<ApacheSettings, Int>, aliases: [String] = [], help: String, reason: String
  ) -> SettingDefinition {
    let models = models(of: name)
    let defaults = models.map { ApacheSettings(mpm: $0)[keyPath: standard] }
    // Worker and event, which come last, share their defaults.
    let note =
      Set(defaults).count == 1
      ? "httpd's: \(defaults[0])" : "httpd's: \(defaults[0]) for prefork, else \(defaults[1])"
    return SettingDefinition(
      name, aliases: aliases, directive: directive, .optionalCount(field, range), "N",
      in: .apache, help: help, defaultNote: note, reason: reason)
  }
}
