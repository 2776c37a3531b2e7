// SettingsTableTests: the table itself, and everything that is made from it.
import Configuration
import Glibc
import Testing

@Suite struct SettingsTableTests {
  @Test func namesAndOptionsAreUnique() {
    let options = SettingsTable.all.flatMap(\.options)
    #expect(Set(options).count == options.count)
    let short = SettingsTable.all.compactMap(\.short)
    #expect(Set(short).count == short.count)
    #expect(!short.contains("h"))
  }

  @Test(arguments: SettingsTable.all.map(\.name))
  func everyRowIsComplete(name: String) throws {
    let row = try #require(SettingsTable.definition(named: name))
    #expect(row.help.hasSuffix(".") && row.reason.hasSuffix("."))
    #expect(row.isFlag == row.placeholder.isEmpty)
    #expect(!row.defaultText.isEmpty && !row.expectation.isEmpty)
  }

  @Test func encodingRoundTripOfDefaults() throws {
    #expect(try ServerSettings(encoded: ServerSettings().encoded) == ServerSettings())
  }

  @Test func encodingRoundTripOfEmptyLists() throws {
    var settings = ServerSettings()
    settings.binds = []
    (settings.workersMin, settings.workersMax) = (3, 3)
    #expect(try ServerSettings(encoded: settings.encoded) == settings)
  }

  /// Every field differs from its default, so a field that is not encoded is found.
  @Test func encodingRoundTripOfEveryField() throws {
    let settings = Self.unusual
    let decoded = try ServerSettings(encoded: settings.encoded)
    #expect(decoded == settings)
    let defaults = Mirror(reflecting: ServerSettings()).children
    for (field, standard) in zip(Mirror(reflecting: decoded).children, defaults) {
      #expect("\(field.value)" != "\(standard.value)", "\(field.label ?? "") has its default")
    }
  }

  private static var unusual: ServerSettings {
    var settings = ServerSettings()
    settings.application = "/srv/a b.py:app"
    settings.chdir = "/srv"
    settings.pythonPath = ["/a,b", "/c"]
    settings.environment = ["A=", "B=x=\n"]
    settings.environmentFiles = ["/etc/a,b.env", "/c"]
    (settings.language, settings.locale, settings.cpuPriority) = ("de_DE", "C.UTF-8", -20)
    settings.python = "/v/bin/python"
    settings.preload = false
    settings.warmRequests = ["/", "POST /a; Cookie: b=1; c=2"]
    (settings.immortal, settings.gatherCode, settings.mergePages) = (false, false, true)
    settings.reforkAfter = 7
    (settings.mode, settings.fronts) = ("embedded", 3)
    settings.binds = [.inherited(3), .unix(path: "/s", mode: 0), .internet(host: "::", port: 0)]
    settings.backlog = 1
    settings.trustedProxies = ["10.0.0.0/8", "::1", "unix"]
    (settings.proxyProtocol, settings.passesForwardedFields) = (true, true)
    settings.staticMounts = ["/=/srv/é", "/s=/d=e"]
    settings.staticFollowsSymlinks = true
    (settings.policy, settings.mpm, settings.preset) = ("apache", "worker", "stock worker")
    (settings.workersMin, settings.workersMax) = (6, 7)
    (settings.threadsMin, settings.threadsMax) = (8, 9)
    (settings.maxConnections, settings.maxConnectionsPerChild) = (9, 1)
    (settings.startServers, settings.minSpareServers, settings.maxSpareServers) = (0, 1, 2)
    (settings.minSpareThreads, settings.maxSpareThreads, settings.threadLimit) = (3, 4, 5)
    (settings.serverLimit, settings.maxRequestWorkers) = (6, 7)
    settings.asyncRequestWorkerFactorThousandths = 1005
    settings.memoryBudgetBytes = 1 << 28
    settings.warmRequests = ["/a", "POST /b; X: y, z"]
    (settings.statusPath, settings.statusAccess) = ("/status", "all")
    settings.metricsPath = "/metrics"
    (settings.maxRequests, settings.maxRequestsJitter) = (10, 11)
    (settings.limitRequestLine, settings.limitRequestFieldSize) = (100, 101)
    (settings.limitRequestFields, settings.limitRequestBody) = (12, 13)
    (settings.bodyMemoryBytes, settings.temporaryDirectory) = (4097, "/var/tmp")
    (settings.queueTimeoutMs, settings.queueLimit, settings.connectTimeoutMs) = (7, 8, 9)
    (settings.responseHeadBytes, settings.responseBufferBytes) = (1024, 4096)
    (settings.responseSpoolBytes, settings.streamsUploads) = (0, true)
    (settings.timeoutMs, settings.gracefulTimeoutMs, settings.startupTimeoutMs) = (1, 2, 1003)
    (settings.interruptTimeoutMs, settings.deadlockTimeoutMs) = (4, 5)
    (settings.cpuTimeLimitMs, settings.memoryLimitBytes, settings.restartIntervalMs) = (6, 7, 8)
    (settings.shutdownTimeoutMs, settings.evictionTimeoutMs) = (109, 10)
    (settings.keepAliveMs, settings.maxKeepAliveRequests) = (0, 0)
    (settings.headTimeoutMs, settings.headTimeoutMaxMs, settings.headMinRate) = (5, 6000, 7)
    (settings.bodyTimeoutMs, settings.bodyTimeoutMaxMs, settings.bodyMinRate) = (8, 9000, 10)
    (settings.writeTimeoutMs, settings.lingeringCloseMs) = (101, 1)
    (settings.user, settings.group, settings.umask) = ("u", "g", 0o27)
    (settings.pidFile, settings.accessLogfile, settings.errorLogfile) = ("/p", "-", "/e")
    (settings.accessLogFormat, settings.logLevel) = ("%h \"%r\"", "debug")
    (settings.processName, settings.reload, settings.reloadExtraFiles) = ("n", true, ["/x,y"])
    settings.serverTokens = ""
    (settings.processGroup, settings.mounts) = ("blog", ["/b=blog:app", "/=/srv/c.py"])
    (settings.inactivityTimeoutMs, settings.scriptReloading) = (1, false)
    return settings
  }

  @Test func brokenEncodingsAreRefused() {
    let good = ServerSettings().encoded
    for bytes in [Array(good.dropLast()), [], Array("workers".utf8) + [0]] {
      #expect(throws: UsageError.self) { try ServerSettings(encoded: bytes) }
    }
    #expect(throws: UsageError.self) { try ServerSettings(encoded: Array("nonsense\0001\0".utf8)) }
    let error = #expect(throws: UsageError.self) {
      try ServerSettings(encoded: Array("workers".utf8) + [0] + Array("0".utf8) + [0])
    }
    #expect(error?.message.contains("workers \"0\" is out of range") == true)
  }

  @Test func pathsBecomeAbsolute() {
    var settings = ServerSettings()
    settings.pidFile = "run/./pid"
    settings.accessLogfile = "-"
    settings.errorLogfile = "../log//err"
    settings.staticMounts = ["/s=static", "/=/abs/"]
    settings.pythonPath = ["lib", "/x"]
    settings.binds = [.unix(path: "s", mode: 0o600), .inherited(3)]
    settings.chdir = "left alone"
    settings.makePathsAbsolute(from: "/srv/site")
    #expect(settings.pidFile == "/srv/site/run/pid")
    #expect(settings.accessLogfile == "-")
    #expect(settings.errorLogfile == "/srv/site/../log/err")
    #expect(settings.staticMounts == ["/s=/srv/site/static", "/=/abs"])
    #expect(settings.pythonPath == ["/srv/site/lib", "/x"])
    #expect(settings.binds == [.unix(path: "/srv/site/s", mode: 0o600), .inherited(3)])
    #expect(settings.python == "" && settings.chdir == "left alone")
  }

  @Test func helpFitsIntoAHundredColumnsAndNamesEveryOption() {
    for line in HelpText.serve.split(separator: "\n") {
      #expect(line.count <= HelpText.width, "\(line)")
    }
    for definition in SettingsTable.all where definition.name != SettingsTable.applicationName {
      let shown = definition.isFlag ? "--[no-]\(definition.name)" : "--\(definition.name) "
      #expect(HelpText.serve.contains(shown))
    }
    #expect(!HelpText.serve.contains("print-settings-reference"))
  }

  @Test func printedConfigurationTellsOrigins() throws {
    let line = try ServeCommandLine(parsing: ["-w2", "app", "-b:1", "-b:2"], usableCPUs: 9)
    let text = HelpText.configuration(of: line)
    #expect(text.contains("\nworkers                     = 2 "))
    #expect(text.contains("# option -w\n"))
    #expect(text.contains("# default\n"))
    #expect(text.contains("= 0.0.0.0:1 ") && text.contains("= 0.0.0.0:2 "))
  }

  @Test func referencePageIsFresh() {
    let page =
      #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
      + "/docs/reference/settings.md"
    let command = "plimsoll serve --print-settings-reference > docs/reference/settings.md"
    #expect(Self.contents(page) == ReferencePage.settings, "outdated; run: \(command)")
  }

  @Test func exitCodesAreDocumented() {
    let page =
      #filePath.split(separator: "/").dropLast(3).reduce("") { "\($0)/\($1)" }
      + "/docs/reference/exit-codes.md"
    for code in ExitCode.allCases {
      #expect(Self.contents(page).contains("| \(code.rawValue) |"))
    }
  }

  private static func contents(_ path: String) -> String {
    guard let file = unsafe fopen(path, "r") else { return "" }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    while true {
      let byte = unsafe getc(file)
      if byte == EOF { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(UInt8(truncatingIfNeeded: byte))
    }
  }
}
