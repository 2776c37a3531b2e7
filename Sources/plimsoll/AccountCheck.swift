// AccountCheck: can the processes that run Python become --user and --group? Edge.
internal import Configuration
internal import Platform

/// What is known of `--user` and `--group` before anything starts.
enum AccountCheck {
  /// Whether this process can give `--cpu-priority` to those that it starts.
  ///
  /// - Throws: a sentence; exit code ``ExitCode/permission``.
  static func mayHavePriority(_ settings: ServerSettings) throws(UsageError) {
    guard let nice = settings.cpuPriority, !Account.isRoot,
      !ProcessPriority.mayBecomeUnprivileged(nice)
    else { return }
    throw UsageError(
      "--cpu-priority \(nice): only root can go below the \(ProcessPriority.current) that this "
        + "command has; give that or more, or start the server as root", exitCode: .permission)
  }

  /// Whether the application runs as somebody else than this process.
  ///
  /// - Parameter refusesRoot: whether root has to be asked for; not where nothing is going to run.
  /// - Throws: a sentence; exit code ``ExitCode/permission``.
  static func changesUser(
    _ settings: ServerSettings, refusesRoot: Bool
  ) throws(UsageError) -> Bool {
    let current = Account.current
    var wanted = current
    if !settings.user.isEmpty {
      guard let found = Account.lookUp(user: settings.user) else {
        throw UsageError(
          "--user \"\(settings.user)\" is unknown on this machine; give a name or number that "
            + "\"getent passwd\" lists, or create the user", exitCode: .permission)
      }
      wanted = found
    }
    if !settings.group.isEmpty {
      guard let group = Account.lookUp(group: settings.group) else {
        throw UsageError(
          "--group \"\(settings.group)\" is unknown on this machine; give a name or number that "
            + "\"getent group\" lists, or create the group", exitCode: .permission)
      }
      wanted.group = group
    }
    if refusesRoot && settings.refuses(user: wanted.user) {
      throw UsageError(ServerSettings.rootRefusal, exitCode: .permission)
    }
    if wanted.user == current.user && wanted.group == current.group { return false }
    guard Account.isRoot else {
      let options = [("--user", settings.user), ("--group", settings.group)]
        .filter { !$0.1.isEmpty }.map { "\($0) \"\($1)\"" }.joined(separator: " and ")
      throw UsageError(
        "\(options): only root can run the application as somebody else; start the server as root, "
          + "or leave that out", exitCode: .permission)
    }
    return true
  }
}
