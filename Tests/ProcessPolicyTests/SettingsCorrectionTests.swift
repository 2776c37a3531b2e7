import ProcessPolicy
import Testing

@Suite struct SettingsCorrectionTests {
  typealias Field = any WritableKeyPath<ApacheSettings, Int> & Sendable

  /// A value, what is used in its place, and the directive that the message names; nil for none.
  struct Rule: Sendable, CustomTestStringConvertible {
    let base: ApacheSettings
    let field: Field
    let written: Int
    let used: Int
    let directive: String?

    init(_ base: ApacheSettings, _ field: Field, _ written: Int, _ used: Int, _ name: String) {
      self.base = base
      self.field = field
      self.written = written
      self.used = used
      directive = written == used ? nil : name
    }

    var testDescription: String { "\(base.mpm) \(directive ?? "-") \(written) → \(used)" }
  }

  static func rules(
    _ base: ApacheSettings, _ field: Field, _ name: String, _ values: [(Int, Int)]
  ) -> [Rule] {
    values.map { Rule(base, field, $0.0, $0.1, name) }
  }

  static let preforkRules: [Rule] = {
    let prefork = ApacheSettings.stockPrefork
    var all = rules(
      prefork, \.serverLimit, "ServerLimit",
      [(199_999, 199_999), (200_000, 200_000), (200_001, 200_000)])
    all += rules(
      prefork, \.maxRequestWorkers, "MaxRequestWorkers",
      [(-1, 1), (0, 1), (1, 1), (2, 2), (255, 255), (256, 256), (257, 256)])
    all += rules(prefork, \.startServers, "StartServers", [(-1, 1), (0, 1), (1, 1), (2, 2)])
    all += rules(
      prefork, \.minSpareServers, "MinSpareServers", [(-1, 1), (0, 1), (1, 1), (2, 2)])
    all += rules(
      prefork, \.maxSpareServers, "MaxSpareServers",
      [(.min, 6), (4, 6), (5, 6), (6, 6), (7, 7), (.max, .max)])
    all += rules(
      prefork, \.maxConnectionsPerChild, "MaxConnectionsPerChild", [(-1, 0), (0, 0), (1, 1)])
    return all
  }()

  static let threadedRules: [Rule] = threadedRules(.stockWorker) + threadedRules(.stockEvent)

  static func threadedRules(_ base: ApacheSettings) -> [Rule] {
    let most = base.mpm == .event ? 100_000 : 20_000
    var all = rules(
      base, \.serverLimit, "ServerLimit",
      [(19_999, 19_999), (20_000, 20_000), (20_001, 20_000)])
    all += rules(
      base, \.threadLimit, "ThreadLimit",
      [(most - 1, most - 1), (most, most), (most + 1, most)])
    all += rules(
      base, \.maxRequestWorkers, "MaxRequestWorkers",
      [
        (0, 25), (24, 25), (25, 25), (26, 25), (49, 25), (50, 50), (51, 50), (399, 375),
        (400, 400), (401, 400), (424, 400), (425, 400),
      ])
    all += rules(base, \.startServers, "StartServers", [(-1, 1), (0, 1), (1, 1), (2, 2)])
    all += rules(base, \.minSpareThreads, "MinSpareThreads", [(-1, 1), (0, 1), (1, 1), (2, 2)])
    all += rules(
      base, \.maxSpareThreads, "MaxSpareThreads",
      [(0, 51), (49, 51), (50, 51), (51, 51), (52, 52)])
    return all
  }

  @Test(arguments: preforkRules + threadedRules)
  func oneValue(rule: Rule) throws {
    var written = rule.base
    written[keyPath: rule.field] = rule.written
    let (used, corrections) = try written.corrected()
    #expect(used[keyPath: rule.field] == rule.used)
    #expect(corrections.last?.directive == rule.directive)
    for correction in corrections {
      #expect(correction.text.hasPrefix("\(correction.directive) "))
      #expect(correction.text.hasSuffix("."))
    }
    let again = try used.corrected()
    #expect(again.settings == used)
    #expect(again.corrections.isEmpty)
    _ = ApachePolicy(settings: used)
  }

  @Test(arguments: [(63, 63), (64, 64), (65, 64)])
  func threadsPerChildIsBoundedByThreadLimit(written: Int, used: Int) throws {
    var settings = ApacheSettings.stockWorker
    settings.threadsPerChild = written
    let (corrected, corrections) = try settings.corrected()
    #expect(corrected.threadsPerChild == used)
    #expect(corrections.contains { $0.directive == "ThreadsPerChild" } == (written != used))
    // The rules follow each other: 2 × 64 threads, and room for one process of spare threads.
    #expect(corrected.maxRequestWorkers == 150 / used * used)
    #expect(corrected.maxSpareThreads == max(75, 25 + used + 1))
  }

  @Test(arguments: [(-1, 1), (0, 1), (1, 1), (2, 2)])
  func lowLimits(written: Int, used: Int) throws {
    for mpm in ApacheSettings.MPM.allCases {
      var settings = ApacheSettings(mpm: mpm)
      settings.serverLimit = written
      settings.threadLimit = written
      let corrected = try settings.corrected().settings
      #expect(corrected.serverLimit == used)
      #expect(corrected.processLimit <= used)
      if mpm != .prefork { #expect(corrected.threadsPerChild == used) }
    }
    var settings = ApacheSettings.stockWorker
    settings.threadsPerChild = written
    #expect(try settings.corrected().settings.threadsPerChild == used)
  }

  @Test func extremesDoNotTrap() throws {
    for value in [Int.min, .max] {
      for base in [ApacheSettings.stockPrefork, .stockWorker, .stockEvent] {
        var settings = base
        settings.startServers = value
        settings.minSpareServers = value
        settings.maxSpareServers = value
        settings.minSpareThreads = value
        settings.maxSpareThreads = value
        settings.threadsPerChild = value
        settings.threadLimit = value
        settings.serverLimit = value
        settings.maxRequestWorkers = value
        settings.maxConnectionsPerChild = value
        let used = try settings.corrected().settings
        #expect(used.processLimit >= 1)
      }
    }
  }

  @Test func limitsStayInARestart() throws {
    let before = try ApacheSettings.stockWorker.corrected().settings
    var settings = before
    settings.serverLimit = 20
    settings.threadLimit = 100
    let (used, corrections) = try settings.corrected(previous: before)
    #expect(used == before)
    #expect(corrections.map(\.directive) == ["ServerLimit", "ThreadLimit"])
  }

  @Test(arguments: [(-1, false), (0, false), (1, true), (2, true)])
  func listenBacklog(written: Int, isPossible: Bool) {
    var settings = ApacheSettings.stockPrefork
    settings.listenBacklog = written
    #expect(refused(settings) == (isPossible ? nil : "ListenBacklog"))
  }

  @Test(arguments: [(-1, false), (0, true), (1, true)])
  func gracefulShutdownTimeout(written: Int, isPossible: Bool) {
    var settings = ApacheSettings.stockPrefork
    settings.gracefulShutdownTimeoutSeconds = written
    #expect(refused(settings) == (isPossible ? nil : "GracefulShutdownTimeout"))
  }

  @Test(arguments: [
    (-1.0, nil), (0, nil), (Double.nan, nil), (0.1, 1), (0.9, 1), (1, 1), (1.1, 1.1),
  ])
  func workerFactor(written: Double, used: Double?) throws {
    var settings = ApacheSettings.stockEvent
    settings.asyncRequestWorkerFactor = written
    #expect(refused(settings) == (used == nil ? "AsyncRequestWorkerFactor" : nil))
    if let used { #expect(try settings.corrected().settings.asyncRequestWorkerFactor == used) }
  }

  func refused(_ settings: ApacheSettings) -> String? {
    do throws(RefusedSetting) {
      _ = try settings.corrected()
      return nil
    } catch {
      return error.directive
    }
  }

  // MARK: presets

  @Test func presetsAreTheBlocksThatShip() throws {
    let prefork = try #require(ApacheSettings.preset(named: "stock prefork"))
    #expect(prefork.mpm == .prefork)
    #expect(prefork.startServers == 5)
    #expect(prefork.minSpareServers == 5)
    #expect(prefork.maxSpareServers == 10)
    #expect(prefork.maxRequestWorkers == 150)
    #expect(prefork.maxConnectionsPerChild == 0)
    let worker = try #require(ApacheSettings.preset(named: "stock worker"))
    #expect(worker.mpm == .worker)
    #expect(worker.startServers == 2)
    #expect(worker.maxRequestWorkers == 150)
    #expect(worker.minSpareThreads == 25)
    #expect(worker.maxSpareThreads == 75)
    #expect(worker.threadsPerChild == 25)
    #expect(worker.processLimit == 6)
    #expect(ApacheSettings.preset(named: "stock event")?.slotLimit == 16)
    #expect(ApacheSettings.preset(named: "stock") == nil)
  }

  @Test(arguments: [
    ApacheSettings.stockPrefork, .stockWorker, .stockEvent, ApacheSettings(mpm: .prefork),
    ApacheSettings(mpm: .worker), ApacheSettings(mpm: .event),
  ])
  func presetsAndDefaultsNeedNoCorrection(settings: ApacheSettings) throws {
    let (used, corrections) = try settings.corrected()
    #expect(used == settings)
    #expect(corrections.isEmpty)
  }

  @Test(arguments: [(149, 149), (150, 150), (151, 150)])
  func startServersIsBoundedAtTheStart(written: Int, started: Int) throws {
    var settings = ApacheSettings.stockPrefork
    settings.startServers = written
    var yard = try Yard(settings)
    yard.start()
    #expect(yard.count == started)
  }
}
