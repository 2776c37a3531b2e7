// ControlCommand+Upgrade: waits until the program that is installed now serves. Edge.
internal import Configuration
internal import Platform
internal import Scoreboard

extension ControlCommand {
  /// - Parameter last: the newest generation before; nil where the scoreboard of the old release
  ///   could not be read.
  static func waitForUpgrade(
    after last: Int?, of server: borrowing RunningServer, _ watch: Watch
  ) throws(UsageError) {
    while true {
      // The new program has a scoreboard of its own, and for a moment there is none.
      if let board = (try? server.scoreboards())?.first {
        let done = try withExtendedLifetime(board) { () throws(UsageError) in
          try isDone(board.facts, after: last, server, watch)
        }
        if done { return }
      }
      guard watch.leftMs > 0 else {
        throw UsageError(
          "no new generation serves after \(watch.limit); the server \(server.pid) "
            + "(\(server.title)) may go on trying, see its error log and: plimsoll status",
          exitCode: .notInTime)
      }
      if server.process.waitForEnd(timeoutMs: min(lookMs, watch.leftMs)) {
        throw UsageError(
          "the server \(server.pid) (\(server.title)) ended instead of being upgraded; its error "
            + "log says why, then start it again", exitCode: .noServer)
      }
    }
  }

  /// Whether the new generation serves, which is said then.
  private static func isDone(
    _ facts: ServerFacts, after last: Int?, _ server: borrowing RunningServer, _ watch: Watch
  ) throws(UsageError) -> Bool {
    let (newest, serving) = (facts.newestGeneration, facts.servingGeneration)
    if serving > 0 && serving > last ?? (newest - 1) {
      Terminal.print(
        "generation \(serving) serves, with \(facts.software) (server \(server.pid), "
          + "\(server.title)), after \(watch.spent)\n")
      return true
    }
    let failed = facts.failedGeneration
    if failed > last ?? 0 && failed >= newest {
      throw UsageError(
        "the upgrade of \(server.title) failed and generation \(serving) still serves (server "
          + "\(server.pid)); the error log says why, then try again", exitCode: .application)
    }
    return false
  }
}
