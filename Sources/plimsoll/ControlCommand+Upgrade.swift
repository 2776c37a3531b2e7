// ControlCommand+Upgrade: waits until the program that is installed now serves. Edge.
internal import Configuration
internal import Platform
internal import Scoreboard

extension ControlCommand {
  /// - Parameter before: the process groups before; nil where the scoreboards of the old release
  ///   could not be read.
  static func waitForUpgrade(
    of before: [Group]?, of server: borrowing RunningServer, _ watch: Watch
  ) throws(UsageError) {
    let last = before.map { groups in
      Dictionary(groups.map { ($0.facts.group, $0.last) }, uniquingKeysWith: max)
    }
    while true {
      // The new program has scoreboards of its own, and for a moment there are none.
      if let boards = try? server.scoreboards() {
        let done = try withExtendedLifetime(boards) { () throws(UsageError) in
          try isDone(boards.map(\.facts), after: last, server, watch)
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

  /// Whether the new generation of every group serves, which is said then.
  ///
  /// - Parameter last: the newest generation before, by the name of the group.
  private static func isDone(
    _ all: [ServerFacts], after last: [String: Int]?, _ server: borrowing RunningServer,
    _ watch: Watch
  ) throws(UsageError) -> Bool {
    var serve = 0
    for facts in all {
      let (newest, serving) = (facts.newestGeneration, facts.servingGeneration)
      // A group that the old program did not have begins with its first.
      let before = last.map { $0[facts.group] ?? 0 }
      // Where the new program could not read the scoreboard of the old one, it knows since when a
      // generation serves only once that is its own.
      let isOwn = last != nil || facts.servingSinceSeconds > 0
      if isOwn && serving > 0 && serving > before ?? (newest - 1) {
        serve += 1
        continue
      }
      let failed = facts.failedGeneration
      if failed > before ?? 0 && failed >= newest {
        let group = all.count > 1 ? ", process group \(facts.group)," : ""
        throw UsageError(
          "the upgrade of \(server.title)\(group) failed and generation \(serving) still serves "
            + "(server \(server.pid)); the error log says why, then try again",
          exitCode: .application)
      }
    }
    guard serve == all.count, let first = all.first else { return false }
    Terminal.print(
      "generation \(first.servingGeneration) serves, with \(first.software) (server "
        + "\(server.pid), \(server.title)), after \(watch.spent)\n")
    return true
  }
}
