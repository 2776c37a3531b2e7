// ServeCommandLineTests: words to settings.
import Configuration
import Testing

@Suite struct ServeCommandLineTests {
  private func parse(_ words: String...) throws -> ServeCommandLine {
    try ServeCommandLine(parsing: words, usableCPUs: 3)
  }

  private func message(_ words: [String]) -> String {
    do {
      _ = try ServeCommandLine(parsing: words, usableCPUs: 3)
      return ""
    } catch {
      #expect(error.exitCode == .usage)
      return error.message
    }
  }

  @Test(arguments: [["--workers", "4"], ["--workers=4"], ["-w", "4"], ["-w4"], ["-w=4"]])
  func spellings(words: [String]) throws {
    let line = try ServeCommandLine(parsing: words + ["app"], usableCPUs: 3)
    #expect((line.settings.workersMin, line.settings.workersMax) == (4, 4))
    #expect(line.settings.application == "app")
    #expect(line.origin(of: "workers") == .option(words[0].hasPrefix("--") ? "--workers" : "-w"))
    #expect(line.origin(of: "threads") == .builtIn)
  }

  @Test func nothingGiven() throws {
    let line = try parse()
    var defaults = ServerSettings()
    (defaults.workersMin, defaults.workersMax) = (3, 12)
    defaults.maxRequestWorkers = 48
    #expect(line.settings == defaults)
    #expect(line.origin(of: "workers") == .decided("3 CPUs are usable"))
    #expect(line.settings.threadsMin == 4)
    #expect(line.action == .serve)
  }

  @Test func flags() throws {
    #expect(try parse("--no-preload").settings.preload == false)
    #expect(try parse("--no-preload", "--preload").settings.preload)
    #expect(try parse("--preload=off").settings.preload == false)
    #expect(try parse("--reload").settings.reload)
    #expect(try parse("--reload", "app").settings.application == "app")
    #expect(try parse("--static-follow-symlinks").settings.staticFollowsSymlinks)
  }

  @Test func repeatedOptionsReplaceTheDefaultOnceAndThenAdd() throws {
    let line = try parse("-b", ":80", "--bind=unix:/s", "-b[::1]:81")
    #expect(
      line.settings.binds == [
        .internet(host: "0.0.0.0", port: 80), .unix(path: "/s", mode: 0o660),
        .internet(host: "::1", port: 81),
      ])
    #expect(try parse("-e", "A=1", "--env", "B=x=y").settings.environment == ["A=1", "B=x=y"])
    #expect(
      try parse("--pythonpath", "a,b", "--pythonpath=c").settings.pythonPath == ["a", "b", "c"])
    #expect(
      try parse("--static", "/s/=dir=1", "--static=/=/srv").settings.staticMounts
        == ["/s=dir=1", "/=/srv"])
    #expect(
      try parse("--reload-extra-file", "a,b").settings.reloadExtraFiles == ["a,b"])
  }

  @Test func portZeroIsAnotherPortEachTime() throws {
    #expect(try parse("-b", "127.0.0.1:0", "-b", "127.0.0.1:0").settings.binds.count == 2)
  }

  @Test func encodedURLsAreKeptAsTyped() throws {
    #expect(
      try parse("--static", "/%C3%A9=x", "--static", "/a%20b/=y").settings.staticMounts
        == ["/%C3%A9=x", "/a%20b=y"])
  }

  @Test func lastOneWins() throws {
    #expect(try parse("--threads", "1", "--threads", "2").settings.threadsMin == 2)
  }

  @Test func everyOtherKind() throws {
    let settings = try parse(
      "--timeout", "1.5", "--keep-alive=0", "--limit-request-body", "2M", "--umask", "022",
      "--log-level", "WARNING", "--access-logformat", "%h", "--access-logfile", "-", "--log-file",
      "err", "--server-tokens", "None", "-p", "pid", "-u", "www", "-g33", "-n", "site",
      "--limit-request-field_size", "100", "-t", "9"
    ).settings
    #expect(settings.timeoutMs == 9000)
    #expect(settings.keepAliveMs == 0)
    #expect(settings.limitRequestBody == 2_097_152)
    #expect(settings.umask == 0o22)
    #expect(settings.logLevel == "warn")
    #expect(settings.accessLogFormat == "%h")
    #expect(settings.accessLogfile == "-")
    #expect(settings.errorLogfile == "err")
    #expect(settings.serverTokens == "")
    #expect(
      [settings.pidFile, settings.user, settings.group, settings.processName] == [
        "pid", "www", "33", "site",
      ])
    #expect(settings.limitRequestFieldSize == 100)
  }

  @Test func actions() throws {
    #expect(try parse("--help").action == .help)
    #expect(try parse("-h", "--print-config").action == .help)
    #expect(try parse("--print-config", "app").action == .printConfig)
    #expect(try parse("--check-config").action == .checkConfig)
    #expect(try parse("--print-settings-reference").action == .printReference)
  }

  @Test func doubleDashEndsOptions() throws {
    #expect(try parse("-w1", "--", "--app").settings.application == "--app")
  }

  @Test(
    arguments: [
      (["--worker", "1"], "--worker is not an option of plimsoll serve; did you mean --workers?"),
      (["--access-log", "1"], "--access-logfile?"), (["--timout", "1"], "--timeout?"),
      (["--no-prelaod"], "--no-preload?"), (["--statik"], "--static?"), (["--chdri"], "--chdir?"),
      (["--quite-different"], "--help"), (["-z"], "-z is not an option"),
      (["--no-workers"], "--no-workers is not an option"),
      (["--worker-class", "gevent"], "--threads"), (["-kgevent"], "--threads"),
      (["--config=x.py"], "no configuration file"), (["-c", "x"], "no configuration file"),
      (["--certfile", "x"], "TLS"), (["-D"], "systemd"), (["--port", "80"], "--bind"),
      (["--application", "x"], "is not an option"),
      (["--workers"], "--workers has no value; give a whole number from 1 to 1000"),
      (["--workers", "--threads", "4"], "--workers has no value"),
      (
        ["--workers", "many"],
        "--workers \"many\" is not a whole number; give a whole number from 1"
      ),
      (["-w0"], "-w \"0\" is out of range; give a whole number from 1 to 1000"),
      (["-w", "-1"], "-w \"-1\" is out of range"), (["--workers="], "is not a whole number"),
      (["--preload=maybe"], "neither on nor off"), (["--help=me"], "takes no value"),
      (["--no-preload=on"], "takes no value"), (["--log-level", "loud"], "crit, error, warn"),
      (["--umask", "999"], "is not octal"), (["--umask", "1000"], "is out of range"),
      (["--env", "X"], "has no name and value; give NAME=VALUE"), (["--env", "=X"], "NAME=VALUE"),
      (["--static", "x"], "does not begin with a slash; give /url=directory"),
      (["--static", "/x"], "names no directory"), (["--static", "/x="], "names no directory"),
      (["--static", "/a//b=d"], "empty, . or .."), (["--static", "/../b=d"], "empty, . or .."),
      (["--static", "/a?b=d"], "percent-encode"), (["--chdir", ""], "is empty"),
      (["--pythonpath", "a,,b"], "empty path"),
      (["--access-logformat", "combind"], "did you mean combined?"),
      (["--access-logformat", "%Q"], "\"%Q\" at position 1"), (["--bind", "x"], "has no port"),
      (["--keep-alive", "5x"], "is not a duration; give seconds, or a number with ms, s, m or h"),
      (["a", "b"], "\"b\" is a second application after \"a\""),
      (["--server-tokens", "OS"], "give one of prod, min, none"),
      (["--server-tokens", "Full"], "give one of prod, min, none"),
      (["-b", ":80", "--bind", "*:80"], "--bind \"*:80\" is given twice; leave one of them out"),
      (["-b", "unix:/s", "-b", "unix:/s?mode=0600"], "is given twice"),
      (["-b", "[::1]:80", "-b", "[::1]:80"], "is given twice"),
      (["-b", "127.0.0.1:1,127.0.0.1:2"], "repeat --bind for each address"),
      (["-b", "unix:/s?moed=0660"], "write ?mode=0660"),
      (["--static", "/a=x", "--static", "/a/=y"], "has a URL that an earlier one has"),
      (["--static", "/a=x", "--static", "/%61=y"], "has a URL that an earlier one has"),
      (["--static", "/=x", "--static", "/=y"], "has a URL that an earlier one has"),
      (["--static", "/a%zz=x"], "without two hexadecimal digits"),
      (["--static", "/a%4=x"], "without two hexadecimal digits"),
      (["--static", "/a%2Fb=x"], "an encoded slash"),
      (["--static", "/a%00=x"], "control character"),
      (["--static", "/a\\b=x"], "a backslash"), (["--static", "/%2e%2E/b=x"], "empty, . or .."),
      (["--static", "/é=x"], "percent-encode"),
    ] as [([String], String)])
  func refused(words: [String], needle: String) {
    let message = message(words)
    #expect(message.contains(needle), "\(message)")
    #expect(!message.contains("\n"))
  }

  /// Every bound of every number, one below, on it, and one above.
  @Test(arguments: SettingsTable.all.map(\.name))
  func bounds(name: String) throws {
    let definition = try #require(SettingsTable.definition(named: name))
    let bounds: (Int64, Int64, String)
    switch definition.kind {
    case .count(_, let range), .optionalCount(_, let range), .size(_, let range),
      .span(_, _, let range):
      bounds = (Int64(range.lowerBound), Int64(range.upperBound), "")
    case .largeSize(_, let range): bounds = (range.lowerBound, range.upperBound, "")
    case .duration(_, let range): bounds = (range.lowerBound, range.upperBound, "ms")
    default: return
    }
    let (lowest, highest, unit) = bounds
    // A directive of Apache's needs its policy, and a process model that knows it.
    let model = name.contains("thread") ? "worker" : "prefork"
    let others = definition.group == .apache ? ["--policy", "apache", "--mpm", model] : []
    for value in [lowest, lowest + 1, highest - 1, highest] {
      #expect(message(others + ["--\(name)", "\(value)\(unit)"]) == "")
    }
    #expect(
      message(others + ["--\(name)", "\(highest + 1)\(unit)"]).contains("is out of range; give "))
    #expect(message(others + ["--\(name)", "\(lowest - 1)\(unit)"]) != "")
  }
}
