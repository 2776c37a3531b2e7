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
    let needsBoards = !verb.isEnd && (commandLine.waits || !commandLine.group.isEmpty)
    let boards = needsBoards ? try scoreboards(of: server, for: verb) : nil
    let chosen = try choose(commandLine.group, of: server, boards ?? [])
    let groups = chosen.map { Group(board: $0) }
    let watch = Watch(beganMs: Clock.monotonicMs(), timeoutMs: commandLine.timeoutMs)
    let signal = commandLine.group.isEmpty ? signal(for: verb) : Signal.restartGroup
    do {
      if commandLine.group.isEmpty {
        try server.process.send(signal)
      } else {
        try server.process.send(signal, value: Int32(clamping: groups[0].facts.groupIndex))
      }
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
    if verb == .upgrade {
      try waitForUpgrade(of: boards == nil ? nil : groups, of: server, watch)
    } else if verb.isEnd {
      try waitForEnd(of: server, watch)
    } else {
      try waitForGenerations(of: groups, of: server, watch)
    }
  }

  /// The scoreboards, from which the outcome is seen. Nobody needs those of the release which an
  /// upgrade replaces, and this program may not know their form.
  private static func scoreboards(
    of server: borrowing RunningServer, for verb: ControlVerb
  ) throws(UsageError) -> [Scoreboard]? {
    do {
      return try server.scoreboards()
    } catch  where verb == .upgrade && error.exitCode == .internalError {
      return nil
    }
  }

  /// The process groups that are meant: the one of this name, or all.
  private static func choose(
    _ name: String, of server: borrowing RunningServer, _ boards: [Scoreboard]
  ) throws(UsageError) -> [Scoreboard] {
    if name.isEmpty { return boards }
    if let board = boards.first(where: { $0.facts.group == name }) { return [board] }
    throw UsageError(
      "the server \(server.pid) (\(server.title)) has no process group \"\(name)\"; give one of "
        + boards.map(\.facts.group).joined(separator: ", "))
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

  /// A process group that is to go over to a new generation.
  struct Group {
    let board: Scoreboard
    /// Its newest generation before that was asked for.
    let last: Int

    init(board: Scoreboard) {
      self.board = board
      last = board.facts.newestGeneration
    }

    var facts: ServerFacts { board.facts }
    var serves: Bool { facts.servingGeneration > last }
    /// Whether its newest generation failed. Should somebody else have started another one since,
    /// that one decides.
    var failed: Bool {
      facts.failedGeneration > last && facts.failedGeneration >= facts.newestGeneration
    }
  }

  private static func waitForGenerations(
    of groups: [Group], of server: borrowing RunningServer, _ watch: Watch
  ) throws(UsageError) {
    while true {
      // What the others come to is waited for, so that one outcome is told of all.
      if groups.allSatisfy({ $0.serves || $0.failed }) {
        let failed = groups.filter { !$0.serves }
        guard failed.isEmpty else { throw failure(of: failed, server) }
        return Terminal.print(
          "\(success(of: groups)) (server \(server.pid), \(server.title)), "
            + "after \(watch.spent)\n")
      }
      guard watch.leftMs > 0 else {
        throw UsageError(
          "no new generation\(whom(groups.filter { !$0.serves })) serves after \(watch.limit); "
            + "the server \(server.pid) "
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

  /// ` of blog, shop`; nothing where the server has one group.
  private static func whom(_ groups: [Group]) -> String {
    guard groups.contains(where: { $0.facts.groupCount > 1 }) else { return "" }
    return " of " + groups.map(\.facts.group).joined(separator: ", ")
  }

  private static func success(of groups: [Group]) -> String {
    groups.map { "generation \($0.facts.servingGeneration)\(whom([$0]))" }
      .joined(separator: ", ") + (groups.count == 1 ? " serves" : " serve")
  }

  private static func failure(
    of groups: [Group], _ server: borrowing RunningServer
  ) -> UsageError {
    let facts = groups[0].facts
    let who = groups.contains { $0.facts.groupCount > 1 } ? whom(groups) : " of \(facts.title)"
    let still =
      facts.servingGeneration > 0
      ? "generation \(facts.servingGeneration) still serves" : "none has served yet"
    let outcome = groups.count == 1 ? still : "what served before still serves"
    return UsageError(
      "generation \(facts.failedGeneration)\(who) failed and \(outcome) (server "
        + "\(server.pid)); the error log says why, then try again", exitCode: .application)
  }
}
