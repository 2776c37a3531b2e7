// ProcessSettingsTests: policies, process models, presets, and Apache's directives as options.
import Configuration
import ProcessPolicy
import Testing

@Suite struct ProcessSettingsTests {
  private func parse(_ words: String, cpus: Int = 2) throws -> ServeCommandLine {
    try ServeCommandLine(parsing: words.split(separator: " ").map(String.init), usableCPUs: cpus)
  }

  private func message(_ words: String) -> String {
    let error = #expect(throws: UsageError.self) { try parse(words) }
    #expect(error?.exitCode == .usage)
    return error?.message ?? ""
  }

  // MARK: workers and threads

  @Test(
    arguments: [
      (1, "", 1, 4), (2, "", 2, 8), (3, "", 3, 12), (250, "", 250, 1000), (999, "", 999, 1000),
      (1000, "", 1000, 1000), (1001, "", 1000, 1000), (.max, "", 1000, 1000), (0, "", 1, 4),
      (2, "--threads 1", 2, 32), (2, "--threads 15", 2, 2), (2, "--threads 16", 2, 2),
      (2, "--threads 10", 2, 3), (2, "--threads 1000", 2, 2), (2, "--mpm prefork", 2, 32),
      (63, "--mpm prefork", 63, 1000), (2, "--mpm worker", 2, 8),
    ] as [(Int, String, Int, Int)])
  func workersFollowTheCPUs(cpus: Int, words: String, least: Int, most: Int) throws {
    let line = try parse(words, cpus: cpus)
    #expect((line.settings.workersMin, line.settings.workersMax) == (least, most))
    let reason = cpus == 1 ? "1 CPU is usable" : "\(cpus) CPUs are usable"
    #expect(line.origin(of: "workers") == .decided(reason))
  }

  @Test(
    arguments: [
      ("1", 1, 1), ("1000", 1000, 1000), ("1-1", 1, 1), ("1-1000", 1, 1000), ("2-3", 2, 3),
      ("999-1000", 999, 1000), ("02-8", 2, 8),
    ] as [(String, Int, Int)])
  func workersAreANumberOrARange(text: String, least: Int, most: Int) throws {
    let line = try parse("--workers \(text)")
    #expect((line.settings.workersMin, line.settings.workersMax) == (least, most))
    #expect(try ServerSettings(encoded: line.settings.encoded) == line.settings)
  }

  @Test(arguments: [
    ("0", "is out of range"), ("1001", "is out of range"), ("0-1", "is out of range"),
    ("1-1001", "is out of range"), ("1000-1001", "is out of range"), ("-1-3", "is out of range"),
    ("3-2", "ends before it begins; give the smaller number first"),
    ("2-", "is neither a whole number nor two with a dash between them"),
    ("1-2-3", "is neither"), ("2..8", "is not a whole number"), ("a-b", "is neither"),
    ("2-auto", "is neither"), ("1.5", "is not a whole number"),
  ])
  func noWorkers(text: String, reason: String) {
    #expect(message("--workers \(text)").hasPrefix("--workers \"\(text)\" \(reason)"))
  }

  @Test(
    arguments: [
      ("", 4, .builtIn),
      ("--mpm worker", 4, .decided("with --mpm worker a process has a fixed number of threads")),
      ("--threads 7", 7, .option("--threads")),
      ("--mpm prefork", 1, .decided("a process of prefork has one thread")),
      ("--mpm prefork --threads 1", 1, .option("--threads")),
      ("--policy apache", 25, .decided("httpd's default for event")),
      ("--policy apache --mpm worker", 25, .decided("httpd's default for worker")),
      ("--policy apache --threads 50", 50, .option("--threads")),
      ("--policy apache --mpm prefork", 1, .decided("a process of prefork has one thread")),
      ("--preset stock-worker", 25, .decided("--preset stock-worker")),
      ("--preset stock-event --threads 10", 10, .option("--threads")),
    ] as [(String, Int, SettingOrigin)])
  func threads(words: String, threads: Int, origin: SettingOrigin) throws {
    let line = try parse(words)
    #expect(line.settings.threadsMin == threads)
    #expect(line.origin(of: "threads") == origin)
    #expect(line.warnings == [])
  }

  @Test(
    arguments: [
      ("", 4, 16, 32), ("--workers 3", 4, 16, 12), ("--workers 1-8 --threads 4-20", 4, 20, 160),
      ("--threads 7", 7, 7, 28), ("--threads 1-1000 --workers 1000", 1, 1000, 1_000_000),
      ("--threads 4-16", 4, 16, 128), ("--mpm prefork", 1, 1, 32), ("--mpm worker", 4, 4, 32),
      ("--mpm worker --threads 6", 6, 6, 30),
    ] as [(String, Int, Int, Int)])
  func threadsStandInForWorkers(words: String, least: Int, most: Int, handlers: Int) throws {
    let line = try parse(words)
    #expect((line.settings.threadsMin, line.settings.threadsMax) == (least, most))
    #expect(line.settings.mostHandlers == handlers)
    #expect(line.warnings == [])
    #expect(try ServerSettings(encoded: line.settings.encoded) == line.settings)
    let reason =
      "\(line.settings.workersMax) workers x \(handlers / line.settings.workersMax) threads"
    #expect(line.origin(of: "max-request-workers") == .decided(reason))
  }

  @Test(arguments: [
    ("0", "is out of range"), ("1001", "is out of range"), ("4-1001", "is out of range"),
    ("0-4", "is out of range"), ("8-4", "ends before it begins; give the smaller number first"),
    ("4-", "is neither a whole number nor two with a dash between them"),
    ("four", "is not a whole number"),
  ])
  func noThreads(text: String, reason: String) {
    #expect(message("--threads \(text)").hasPrefix("--threads \"\(text)\" \(reason)"))
  }

  @Test(arguments: [
    ("--mpm worker", "with --mpm worker a process has a fixed number of threads"),
    ("--policy apache", "a process of Apache's has a fixed number of threads"),
    ("--policy apache --mpm worker", "a process of Apache's has a fixed number of threads"),
  ])
  func aRangeOfThreadsIsForEvent(words: String, reason: String) throws {
    let line = try parse("--threads 5-10 " + words)
    #expect((line.settings.threadsMin, line.settings.threadsMax) == (5, 5))
    #expect(line.origin(of: "threads") == .corrected(reason))
    // What follows is about directives of Apache's.
    #expect(
      line.warnings.prefix(1) == [
        "--threads 5-10: \(reason), so 5 are used; give one number, or --mpm event with --policy "
          + "loadline"
      ])
  }

  @Test(arguments: ["", " --policy apache"])
  func preforkHasOneThread(others: String) throws {
    let line = try parse("--mpm prefork --threads 2" + others)
    #expect(line.settings.threadsMin == 1)
    #expect(line.origin(of: "threads") == .corrected("a process of prefork has one thread"))
    #expect(
      line.warnings == [
        "--threads 2: a process of prefork has one thread, so 1 is used; leave --threads out, or "
          + "give --mpm event"
      ])
  }

  // MARK: presets

  @Test(arguments: ApacheSettings.MPM.allCases)
  func presetImpliesPolicyAndModel(model: ApacheSettings.MPM) throws {
    let line = try parse("--preset stock-\(model.rawValue)")
    #expect(line.settings.policy == "apache" && line.settings.processModel == model)
    #expect(line.settings.preset == "stock \(model.rawValue)")
    #expect(line.origin(of: "policy") == .decided("--preset stock-\(model.rawValue)"))
    #expect(line.origin(of: "mpm") == .decided("--preset stock-\(model.rawValue)"))
    #expect(line.warnings == [])
    var expected = try #require(ApacheSettings.preset(named: "stock \(model.rawValue)"))
    expected.gracefulShutdownTimeoutSeconds = 30
    #expect(line.settings.apacheSettings == expected)
    let whole = try parse(
      "--preset=stock-\(model.rawValue) --policy apache --mpm \(model.rawValue)")
    #expect(whole.settings == line.settings)
    #expect(whole.origin(of: "policy") == .option("--policy"))
  }

  @Test func presetAsTwoWordsAndAsNone() throws {
    let words = ["--preset", "Stock Prefork"]
    let line = try ServeCommandLine(parsing: words, usableCPUs: 1)
    #expect(line.settings.preset == "stock prefork")
    #expect(try parse("--preset none").settings.policy == "loadline")
  }

  @Test func directivesReplaceThoseOfThePreset() throws {
    let line = try parse("--preset stock-prefork --max-clients 50 --start-servers 7")
    #expect(line.settings.maxRequestWorkers == 50 && line.settings.startServers == 7)
    #expect(line.settings.maxSpareServers == 10)
    #expect(line.origin(of: "max-request-workers") == .option("--max-clients"))
    #expect(line.origin(of: "max-spare-servers") == .decided("--preset stock-prefork"))
  }

  // MARK: contradictions

  @Test(arguments: [
    (
      "--preset stock-event --policy loadline",
      "--preset stock-event is a block of Apache's, which --policy loadline does not read; leave "
        + "one of them out"
    ),
    (
      "--preset stock-prefork --mpm event",
      "--preset stock-prefork is a block for prefork, which --mpm event contradicts; leave one of "
        + "them out"
    ),
    (
      "--start-servers 3",
      "--start-servers is a directive of Apache's, which the policy loadline does not read; add "
        + "--policy apache, or give --workers MIN-MAX instead"
    ),
    ("--max-clients 3", "--max-clients is a directive of Apache's"),
    ("--server-limit 3 --policy loadline", "or give --workers MIN-MAX instead"),
    ("--thread-limit 3", "add --policy apache, or leave it out"),
    ("--min-spare-servers 3", "add --policy apache, or leave it out"),
    ("--max-spare-threads 3", "add --policy apache, or leave it out"),
    ("--async-request-worker-factor 3", "add --policy apache, or leave it out"),
    (
      "--policy apache -w 3",
      "-w is of the policy loadline, and --policy apache was chosen; give --start-servers and "
        + "--max-request-workers instead"
    ),
    ("--workers 2-3 --preset stock-event", "and --preset stock-event was chosen"),
    (
      "--policy apache --min-spare-servers 3",
      "--min-spare-servers is of the process model prefork, and event was chosen; give "
        + "--min-spare-threads instead, or choose the other model with --mpm"
    ),
    ("--policy apache --max-spare-servers 3", "give --max-spare-threads instead"),
    (
      "--preset stock-prefork --min-spare-threads 3",
      "of the process model worker and event, and prefork was chosen; give --min-spare-servers"
    ),
    ("--preset stock-prefork --max-spare-threads 3", "give --max-spare-servers instead"),
    ("--preset stock-prefork --thread-limit 3", "leave it out, or choose"),
    (
      "--preset stock-worker --async-request-worker-factor 3",
      "is of the process model event, and worker was chosen; leave it out"
    ),
    (
      "--policy apache --async-request-worker-factor 0",
      "--async-request-worker-factor: AsyncRequestWorkerFactor is 0.0, but must be a positive "
        + "number; 2 is usual"
    ),
    ("--policy both", "--policy \"both\" is none of the known words; give one of loadline, apache"),
    ("--mpm winnt", "give one of event, worker, prefork"),
    ("--preset stock", "give one of none, stock-prefork, stock-worker, stock-event"),
    ("--status-access nobody", "give one of local, all"),
    ("--status-path status", "does not begin with a slash; give a path such as /server-status"),
    ("--async-request-worker-factor x", "give a number from 0 to 1000000, with at most three"),
  ])
  func refused(words: String, needle: String) {
    let message = message(words)
    #expect(message.contains(needle), "\(message)")
    #expect(!message.contains("\n") && !message.hasSuffix("."))
  }

  @Test func helpComesBeforeContradictions() throws {
    #expect(try parse("--start-servers 3 --help").action == .help)
  }

  // MARK: what the scoreboard holds

  @Test func processesAreBounded() throws {
    let prefork = "--policy apache --mpm prefork --server-limit 5000 --max-clients "
    #expect(try parse(prefork + "3999").settings.mostWorkers == 3999)
    #expect(try parse(prefork + "4000").settings.mostWorkers == 4000)
    #expect(
      message(prefork + "4001")
        == "--max-clients 4001 with --server-limit 5000 makes up to 4001 processes, more than the "
        + "4000 that Plimsoll keeps track of; give at most 4000")
    let threaded = "--policy apache --mpm worker --threads 2 --server-limit 5000 --max-clients "
    #expect(try parse(threaded + "8000").settings.mostWorkers == 4000)
    #expect(message(threaded + "8002").hasSuffix("give at most 8000, or more --threads"))
  }

  /// Event keeps slots for processes that are ending, as many as ServerLimit says.
  @Test func slotsOfEventAreBounded() throws {
    let event = "--policy apache --max-request-workers 100 --server-limit "
    #expect(try parse(event + "3999").warnings == [])
    #expect(try parse(event + "4000").warnings == [])
    #expect(
      message(event + "4001")
        == "--server-limit 4001 is more than the 4000 processes that Plimsoll keeps track of; 4 "
        + "are enough for --max-request-workers")
    #expect(try parse(event + "4001 --mpm worker").warnings == [])
  }

  // MARK: corrections

  @Test func correctionsAreUsedAndTold() throws {
    let line = try parse("--preset stock-prefork --max-clients 300 --min-spare-servers 10")
    #expect(line.settings.maxRequestWorkers == 256 && line.settings.maxSpareServers == 11)
    #expect(
      line.warnings == [
        "--max-clients: MaxRequestWorkers 300 exceeds ServerLimit 256: using 256; to have more, "
          + "raise ServerLimit",
        "--max-spare-servers (--preset stock-prefork): MaxSpareServers 10 is not above "
          + "MinSpareServers 10: using 11, or processes would be started and ended in turns",
      ])
    #expect(
      line.origin(of: "max-request-workers")
        == .corrected(
          "MaxRequestWorkers 300 exceeds ServerLimit 256: using 256; to have more, raise "
            + "ServerLimit"))
    #expect(line.origin(of: "min-spare-servers") == .option("--min-spare-servers"))
    #expect(HelpText.configuration(of: line).contains("# corrected: MaxSpareServers 10 is not"))
  }

  @Test func defaultsAreCorrectedToo() throws {
    let line = try parse("--policy apache --server-limit 10")
    #expect(line.settings.maxRequestWorkers == 250)
    #expect(
      line.warnings == [
        "--max-request-workers (httpd's default): MaxRequestWorkers 400 needs 16 processes, more "
          + "than ServerLimit 10: using 250; to have more, raise ServerLimit"
      ])
  }

  @Test func twoCorrectionsOfOneDirective() throws {
    let line = try parse("--policy apache --threads 30 --max-clients 500")
    #expect(line.settings.maxRequestWorkers == 480)
    let text = line.origin(of: "max-request-workers").text
    #expect(text.hasPrefix("corrected: MaxRequestWorkers 500") == true)
    #expect(line.warnings.count == 1)
    let both = try parse("--policy apache --threads 30 --max-clients 500 --server-limit 2")
    #expect(both.settings.maxRequestWorkers == 60)
    #expect(both.origin(of: "max-request-workers").text.contains("; then MaxRequestWorkers 480"))
    #expect(both.warnings.count == 2)
  }

  @Test func threadsAreCorrected() throws {
    let line = try parse("--policy apache --threads 65")
    #expect(line.settings.threadsMin == 64)
    #expect(line.warnings.first?.hasPrefix("--threads: ThreadsPerChild 65 exceeds") == true)
    #expect(line.origin(of: "threads").text.hasPrefix("corrected: ThreadsPerChild 65 exceeds"))
  }

  @Test(
    arguments: [
      ("0.5", 1000, 1), ("0.999", 1000, 1), ("1", 1000, 0), ("1.001", 1001, 0), ("2.9", 2900, 0),
    ] as [(String, Int, Int)])
  func factor(text: String, thousandths: Int, warnings: Int) throws {
    let line = try parse("--policy apache --async-request-worker-factor \(text)")
    #expect(line.settings.asyncRequestWorkerFactorThousandths == thousandths)
    #expect(line.warnings.count == warnings)
  }

  /// Zero and the highest number of every directive: what is used can be handed over, and needs no
  /// further correction.
  @Test(
    arguments: [
      "--mpm prefork --start-servers 0 --min-spare-servers 0 --max-spare-servers 0 --max-clients 0",
      "--mpm prefork --server-limit 0", "--mpm prefork --server-limit 1000000",
      "--mpm prefork --start-servers 1000000 --min-spare-servers 100000 --max-spare-servers 0",
      "--mpm worker --min-spare-threads 0 --max-spare-threads 0 --thread-limit 0 --server-limit 0",
      "--mpm worker --thread-limit 1000000 --threads 1000 --max-spare-threads 0",
      "--mpm worker --min-spare-threads 100000 --max-clients 10000000 --server-limit 4000",
      "--mpm event --max-clients 0 --server-limit 0 --start-servers 0 --thread-limit 0",
      "--mpm event --thread-limit 1000000 --threads 1000 --min-spare-threads 100000",
      "--mpm event --async-request-worker-factor 1000000",
    ])
  func extremes(words: String) throws {
    let line = try parse("--policy apache " + words)
    let decoded = try ServerSettings(encoded: line.settings.encoded)
    #expect(decoded == line.settings)
    let (settings, corrections) = try decoded.apacheSettings.corrected()
    #expect(corrections == [])
    #expect(settings == decoded.apacheSettings)
  }

  // MARK: what is shown

  @Test func printedConfigurationShowsWhatIsUsed() throws {
    let apache = HelpText.configuration(of: try parse("--policy apache --max-clients 100"))
    for line in [
      "start-servers = 3 # decided: httpd's default for event",
      "max-request-workers = 100 # option --max-clients",
      "min-spare-servers = (none) # unused: --mpm is event",
      "workers = (none) # unused: --policy is apache", "preset = none # default",
      "max-connections-per-child = 0 # default", "status-path = (none) # default",
    ] {
      #expect(Self.withoutPadding(apache).contains(line))
    }
    let loadline = Self.withoutPadding(HelpText.configuration(of: try parse("--workers 2-3")))
    #expect(loadline.contains("workers = 2-3 # option --workers"))
    #expect(loadline.contains("start-servers = (none) # unused: --policy is loadline"))
    #expect(loadline.contains("mpm = event # default"))
  }

  private static func withoutPadding(_ text: String) -> [String] {
    text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
  }

  @Test(arguments: [
    (
      "",
      "2 to 8 workers (2 CPUs are usable) x 4 to 16 threads (default; together at most 32), event"
    ),
    (
      "-w 1-8 --threads 4-20",
      "1 to 8 workers (option -w) x 4 to 20 threads (option --threads; together at most 160), event"
    ),
    ("-w1 --threads 1", "1 worker (option -w) x 1 thread (option --threads), event"),
    (
      "-w 3 --mpm prefork",
      "3 workers (option -w) x 1 thread (a process of prefork has one thread), prefork"
    ),
    (
      "--preset stock-prefork",
      "as Apache's prefork: 5 processes at the start, 5 to 10 idle, at most 150"
    ),
    (
      "--preset stock-prefork --max-clients 3",
      "as Apache's prefork: 3 processes at the start, 5 to 10 idle, at most 3"
    ),
    (
      "--preset stock-worker",
      "as Apache's worker: 2 processes x 25 threads at the start, 25 to 75 threads idle, at most "
        + "150 in 6 processes"
    ),
    (
      "--policy apache --threads 1 --max-clients 1",
      "as Apache's event: 1 process x 1 thread at the start, 75 to 250 threads idle, at most 1 in "
        + "1 process"
    ),
  ])
  func capacity(words: String, text: String) throws {
    #expect(try parse(words).capacityText == text)
  }

  @Test(arguments: [
    ("--worker-class", "--mpm prefork"), ("-k", "plimsoll ctl graceful"),
    ("--processes", "--workers, as N or MIN-MAX"), ("--cheaper", "--workers MIN-MAX"),
    ("--server-mpm", "--mpm event, worker or prefork"), ("-X", "--workers 1 --threads 1"),
    ("--server-status", "--status-path /server-status"), ("--blocking-threads", "--threads"),
    ("--initial-workers", "--start-servers"), ("--StartServers", "--start-servers?"),
    ("--MaxClients", "--max-clients?"), ("--MinSpareThreads", "--min-spare-threads?"),
  ])
  func optionsOfOtherServers(option: String, needle: String) {
    #expect(message("\(option) 1").contains(needle))
  }
}
