// RunningServer: finds the server that a command means. Edge.
internal import Configuration
internal import Platform
internal import Scoreboard

/// A supervisor that runs, and that this user may signal.
struct RunningServer: ~Copyable {
  /// The supervisor.
  let process: RunningProcess
  /// What it serves, as its process title says.
  let title: String

  /// How a supervisor calls itself.
  private static let titlePrefix = "plimsoll: supervisor "
  /// Servers that are listed in a sentence at most.
  private static let mostListed = 8

  var pid: Int32 { process.pid }

  /// The server that `reference` means.
  ///
  /// - Throws: a sentence; exit code ``ExitCode/noServer``, ``ExitCode/permission``, or
  ///   ``ExitCode/usage`` where something else than a server is named.
  static func find(_ reference: ServerReference) throws(UsageError) -> RunningServer {
    switch reference {
    case .only: return try only()
    case .process(let pid):
      return try named(pid, gone: "no process \(pid) runs; correct --pid, or start the server")
    case .pidFile(let path):
      let pid = try number(in: path)
      return try named(
        pid,
        gone: "the server of \(path) does not run: there is no process \(pid); start the server, "
          + "which replaces that file")
    }
  }

  /// What this process's title says it serves; nil where it is no supervisor.
  private static func served(by pid: Int32) -> String? {
    guard ProcessFiles.shortName(of: pid) == "plimsoll" else { return nil }
    let title = RunningProcess.title(of: pid)
    return title.hasPrefix(titlePrefix) ? String(title.dropFirst(titlePrefix.count)) : nil
  }

  // MARK: the only one

  private static func only() throws(UsageError) -> RunningServer {
    var mine: [(pid: Int32, title: String)] = []
    var foreign: [(pid: Int32, title: String)] = []
    for pid in RunningProcess.all {
      guard let title = served(by: pid) else { continue }
      if maySignal(pid) { mine.append((pid, title)) } else { foreign.append((pid, title)) }
    }
    if mine.count == 1, let process = try hold(mine[0].pid) {
      return RunningServer(process: process, title: mine[0].title)
    }
    if mine.count > 1 {
      throw UsageError(
        "\(mine.count) servers run that this user may signal, so say with --pid which one is "
          + "meant: " + list(mine))
    }
    if !foreign.isEmpty {
      throw UsageError(
        "no server runs that this user may signal; become the user (or root) who runs "
          + list(foreign), exitCode: .permission)
    }
    throw UsageError(
      "no server runs; start one with: plimsoll serve APP", exitCode: .noServer)
  }

  /// `4711 (mysite:application), 4712 (other.wsgi) and 3 more`.
  private static func list(_ servers: [(pid: Int32, title: String)]) -> String {
    let text = servers.prefix(mostListed).map { "\($0.pid) (\($0.title))" }.joined(separator: ", ")
    let rest = servers.count - mostListed
    return rest > 0 ? "\(text) and \(rest) more" : text
  }

  private static func maySignal(_ pid: Int32) -> Bool {
    guard let process = try? RunningProcess.hold(pid) else { return false }
    return (try? process.send(0)) != nil
  }

  private static func hold(_ pid: Int32) throws(UsageError) -> RunningProcess? {
    do {
      return try RunningProcess.hold(pid)
    } catch {
      throw UsageError(
        "process \(pid) cannot be watched: \(error); Linux 5.3 or later is needed, and a sandbox "
          + "that allows the call", exitCode: .internalError)
    }
  }

  // MARK: the one that is named

  /// - Parameter gone: what to say where there is no such process.
  private static func named(_ pid: Int32, gone: String) throws(UsageError) -> RunningServer {
    guard let process = try hold(pid) else { throw UsageError(gone, exitCode: .noServer) }
    guard let title = served(by: pid) else { throw notASupervisor(pid) }
    do {
      try process.send(0)
    } catch {
      if error.code == SystemCallError.noSuchProcess {
        throw UsageError(gone, exitCode: .noServer)
      }
      throw UsageError(
        "this user may not signal the server \(pid) (\(title)): \(error.reason); become the user "
          + "who runs it, or root", exitCode: .permission)
    }
    return RunningServer(process: process, title: title)
  }

  private static func notASupervisor(_ pid: Int32) -> UsageError {
    let name = ProcessFiles.shortName(of: pid) ?? "?"
    if name == "plimsoll", let parent = supervisor(of: pid) {
      return UsageError(
        "process \(pid) is part of the server \(parent), not its supervisor; give --pid \(parent)")
    }
    return UsageError(
      "process \(pid) is \"\(name)\" and not the supervisor of a Plimsoll server, so it is left "
        + "alone; give the number or the pid file of one")
  }

  /// The supervisor that a worker or mold belongs to.
  private static func supervisor(of pid: Int32) -> Int32? {
    var pid = pid
    for _ in 0..<8 {
      guard let parent = RunningProcess.parent(of: pid), parent > 0 else { return nil }
      if served(by: parent) != nil { return parent }
      pid = parent
    }
    return nil
  }

  private static func number(in path: String) throws(UsageError) -> Int32 {
    switch FileFacts.kind(of: path) {
    case .missing:
      throw UsageError(
        "--pid: there is no file \(path), so no server runs that was started with it; correct the "
          + "path, or start the server", exitCode: .noServer)
    case .hidden(let reason):
      throw UsageError(
        "--pid: the file \(path) cannot be reached: \(reason); give this user the right to",
        exitCode: .permission)
    case .directory: throw UsageError("--pid: \(path) is a directory; give the pid file in it")
    case .file, .other: break
    }
    if let reason = FileFacts.refusal(.read, path) {
      throw UsageError(
        "--pid: the file \(path) cannot be read: \(reason); give this user the right to",
        exitCode: .permission)
    }
    let text = SmallFile.text(path, mostBytes: 64) ?? ""
    let words = text.split { $0 == " " || $0 == "\n" || $0 == "\t" || $0 == "\r\n" }
    guard words.count == 1, let pid = Int32(words[0]), pid > 0 else {
      throw UsageError(
        "--pid: \(path) does not hold the number of a process; give the file that the server was "
          + "started with (--pid)")
    }
    return pid
  }

  // MARK: its scoreboards

  /// The scoreboards of its process groups, in their order, to read from.
  ///
  /// - Throws: a sentence; exit code ``ExitCode/permission``, or ``ExitCode/internalError``.
  borrowing func scoreboards() throws(UsageError) -> [Scoreboard] {
    let found: [Scoreboard]
    do throws(SystemCallError) {
      found = try RunningProcess.mapMemoryFiles(Scoreboard.name, of: pid) {
        (number) throws(SystemCallError) in try Scoreboard(mapping: number, readOnly: true)
      }
    } catch {
      throw unreadable(error)
    }
    // They are made one after another.
    let groups = found.first?.facts.groupCount ?? 0
    guard groups > 0, found.count == groups else { throw notYet }
    return found.sorted { $0.facts.groupIndex < $1.facts.groupIndex }
  }

  private var notYet: UsageError {
    UsageError(
      "the server \(pid) (\(title)) has no scoreboard yet, or ends; ask again",
      exitCode: .noServer)
  }

  private borrowing func unreadable(_ error: SystemCallError) -> UsageError {
    switch error.code {
    case SystemCallError.noSuchFile: notYet
    case SystemCallError.invalidArgument:
      UsageError(
        "the server \(pid) (\(title)) is of another release of Plimsoll than this command, "
          + "\(Release.version), which cannot read its scoreboard; restart the server, or use "
          + "the command of its release", exitCode: .internalError)
    default:
      UsageError(
        "the scoreboard of the server \(pid) (\(title)) cannot be read: \(error.reason); become "
          + "the user who runs it, or root", exitCode: .permission)
    }
  }
}
