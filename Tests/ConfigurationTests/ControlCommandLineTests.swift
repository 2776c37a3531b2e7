// The words after `plimsoll ctl` and `plimsoll status`.
import Configuration
import Testing

@Suite struct ControlCommandLineTests {
  private func refusal(_ words: String) -> String {
    let words = words.split(separator: " ").map(String.init)
    do throws(UsageError) {
      _ = try ControlCommandLine(parsing: words)
      return ""
    } catch {
      return error.message
    }
  }

  @Test func defaults() throws {
    let line = try ControlCommandLine(parsing: ["graceful"])
    #expect(line.verb == .graceful && line.server == .only && line.waits)
    #expect(line.timeoutMs == 120_000 && line.group == "")
  }

  @Test func oneProcessGroup() throws {
    #expect(try ControlCommandLine(parsing: ["graceful", "--process-group", "a"]).group == "a")
    #expect(try ControlCommandLine(parsing: ["--process-group=b", "restart"]).group == "b")
    for verb in ["stop", "graceful-stop", "upgrade"] {
      #expect(refusal("\(verb) --process-group a").contains("is about the whole server"))
    }
    #expect(refusal("graceful --process-group").contains("has no value"))
    #expect(refusal("graceful --process-group=").contains("is empty"))
  }

  @Test(
    arguments: [
      ("stop", .stop, .only, true, 120_000),
      ("graceful-stop --no-wait", .gracefulStop, .only, false, 120_000),
      ("--pid 4711 restart --timeout=500ms", .restart, .process(4711), true, 500),
      ("graceful -p run/site.pid --timeout 2m", .graceful, .pidFile("run/site.pid"), true, 120_000),
      ("stop --pid=./4711 --timeout 24h", .stop, .pidFile("./4711"), true, 86_400_000),
      ("upgrade --pid 4711", .upgrade, .process(4711), true, 120_000),
      ("stop --no-wait --wait", .stop, .only, true, 120_000),
    ] as [(String, ControlVerb, ServerReference, Bool, Int64)])
  func words(
    text: String, verb: ControlVerb, server: ServerReference, waits: Bool, timeoutMs: Int64
  ) throws {
    let line = try ControlCommandLine(parsing: text.split(separator: " ").map(String.init))
    #expect(line.verb == verb && line.server == server)
    #expect(line.waits == waits && line.timeoutMs == timeoutMs)
  }

  @Test(arguments: [
    ("", "stop, restart, graceful, graceful-stop"), ("gracefull", "did you mean graceful?"),
    ("stp", "did you mean stop?"), ("bananas", "stop, restart, graceful, graceful-stop"),
    ("start", "plimsoll serve APP"), ("status", "plimsoll status"), ("reload", "ctl graceful"),
    ("stop graceful", "one at a time"), ("stop --pd 1", "did you mean --pid?"),
    ("stop --pid", "has no value"), ("stop --pid --no-wait", "has no value"),
    ("stop --pid=", "is empty"), ("stop --pid 0", "no process id"),
    ("stop --pid 2147483648", "no process id"),
    ("stop --timeout 0", "out of range"), ("stop --timeout 25h", "out of range"),
    ("stop --timeout soon", "not a duration"), ("stop --no-wait=1", "takes no value"),
    ("stop -x", "--help"),
  ])
  func wrongWordsAreExplained(words: String, part: String) {
    let message = refusal(words)
    #expect(message.contains(part), "\(message)")
  }

  @Test func helpNeedsNoVerb() throws {
    #expect(try ControlCommandLine(parsing: ["--help"]).isHelp)
    #expect(try ControlCommandLine(parsing: ["-h"]).verb == nil)
  }

  @Test func statusHasItsOwnWords() throws {
    let line = try StatusCommandLine(parsing: ["--json", "--pid", "7"])
    #expect(line.isJSON && line.server == .process(7))
    #expect(try StatusCommandLine(parsing: ["-h"]).isHelp)
    for (words, part) in [
      (["--jsn"], "did you mean --json?"), (["4711"], "--pid NUMBER"), (["--json=1"], "no value"),
    ] {
      let error = #expect(throws: UsageError.self) { try StatusCommandLine(parsing: words) }
      #expect(error?.message.contains(part) == true)
    }
  }

  @Test func helpFitsATerminal() {
    for text in [HelpText.command, HelpText.status, HelpText.control] {
      #expect(text.split(separator: "\n").allSatisfy { $0.count <= HelpText.width })
    }
  }
}
