// ControlCommand: `plimsoll ctl`: signals a server, and waits for what comes of it. Edge.
internal import Configuration
internal import Platform
internal import Scoreboard

/// The command that stops and restarts.
enum ControlCommand {
  /// Milliseconds between two looks at the scoreboard.
  static let lookMs: Int64 = 20

  static func run(_ words: [String]) throws(UsageError) {
    let commandLine = try ControlCommandLine(parsing: words)
    guard !commandLine.isHelp, let verb = commandLine.verb else {
      return Terminal.print(HelpText.control)
    }
    let server = try RunningServer.find(commandLine.server)
    // What is needed to see the outcome has to be there before anything is set off.
    let board = verb.isEnd || !commandLine.waits ? nil : try scoreboard(of: server, for: verb)
    let beganMs = Clock.monotonicMs()
    let generation = board?.facts.newestGeneration ?? 0
    let signal = signal(for: verb)
    do {
      try server.process.send(signal)
    } catch {
      throw UsageError(
        "\(Signal.name(signal)) cannot be sent to the server \(server.pid) (\(server.title)): "
          + "\(error.reason); see whether it still runs with: plimsoll status",
        exitCode: error.code == SystemCallError.notPermitted ? .permission : .noServer)
    }
    guard commandLine.waits else {
      return Terminal.print(
        "\(Signal.name(signal)) is sent to the server \(server.pid) (\(server.title))\n")
    }
    let watch = Watch(beganMs: beganMs, timeoutMs: commandLine.timeoutMs)
    if verb == .upgrade {
      try waitForUpgrade(after: board == nil ? nil : generation, of: server, watch)
    } else if let board {
      try waitForGeneration(after: generation, of: server, board, watch)
    } else {
      try waitForEnd(of: server, watch)
    }
  }

  /// The scoreboard, from which the outcome is seen. Nobody needs that of the release which an
  /// upgrade replaces, and this program may not know its form.
  private static func scoreboard(
    of server: borrowing RunningServer, for verb: ControlVerb
  ) throws(UsageError) -> Scoreboard? {
    do {
      return try server.scoreboards()[0]
    } catch  where verb == .upgrade && error.exitCode == .internalError {
      return nil
    }
  }

  private static func signal(for verb: ControlVerb) -> Int32 {
    switch verb {
    case .stop: Signal.terminate
    case .restart: Signal.hangUp
    case .graceful: Signal.user1
    case .gracefulStop: Signal.windowChange
    case .upgrade: Signal.urgent
    }
  }

  /// How long this has taken, and may take.
  struct Watch {
    var beganMs: Int64
    var timeoutMs: Int64

    var spentMs: Int64 { Clock.monotonicMs() - beganMs }
    var leftMs: Int64 { max(0, timeoutMs - spentMs) }
    /// `0.8 s`.
    var spent: String { "\(spentMs / 1000).\(spentMs / 100 % 10) s" }
    var limit: String { "\(timeoutMs / 1000).\(timeoutMs / 100 % 10) s (--timeout)" }
  }

  // MARK: waiting

  private static func waitForEnd(
    of server: borrowing RunningServer, _ watch: Watch
  ) throws(UsageError) {
    while !server.process.waitForEnd(timeoutMs: watch.leftMs) {
      guard watch.leftMs == 0 else { continue }
      throw UsageError(
        "the server \(server.pid) (\(server.title)) still runs after \(watch.limit); it finishes "
          + "what it has in hand for as long as --graceful-timeout, and a second \"plimsoll ctl "
          + "stop\" ends it at once", exitCode: .notInTime)
    }
    Terminal.print(
      "the server \(server.pid) (\(server.title)) has stopped, after \(watch.spent)\n")
  }

  private static func waitForGeneration(
    after last: Int, of server: borrowing RunningServer, _ board: Scoreboard, _ watch: Watch
  ) throws(UsageError) {
    let facts = board.facts
    while true {
      if facts.servingGeneration > last {
        return Terminal.print(
          "generation \(facts.servingGeneration) serves (server \(server.pid), \(server.title)), "
            + "after \(watch.spent)\n")
      }
      // Should somebody else have started another one since, that one decides.
      let failed = facts.failedGeneration
      if failed > last && failed >= facts.newestGeneration {
        throw UsageError(
          "generation \(failed) of \(server.title) failed and generation "
            + "\(facts.servingGeneration) still serves (server \(server.pid)); the error log says "
            + "why, then try again", exitCode: .application)
      }
      guard watch.leftMs > 0 else {
        throw UsageError(
          "no new generation serves after \(watch.limit); the server \(server.pid) "
            + "(\(server.title)) goes on trying, see its error log and: plimsoll status",
          exitCode: .notInTime)
      }
      if server.process.waitForEnd(timeoutMs: min(lookMs, watch.leftMs)) {
        throw UsageError(
          "the server \(server.pid) (\(server.title)) ended instead of going over to a new "
            + "generation; its error log says why, then start it again", exitCode: .noServer)
      }
    }
  }
}
