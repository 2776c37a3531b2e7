// ServeCommand: `plimsoll serve`: settles every question, then becomes plimsolld. Edge.
internal import Configuration
internal import Glibc
internal import Platform

/// The command that serves.
enum ServeCommand {
  /// Bytes of argv[0] of plimsolld: the room it has for its process title.
  private static let titleBytes = 128

  /// Serves; returns only for the actions that print and end.
  static func run(_ words: [String]) throws(UsageError) {
    // Said by a running server alone, and in front of what somebody typed; one of another release
    // takes it for a wrong option, and so refuses the upgrade.
    let (handover, words) = try HandoverWord.split(words)
    if let handover { return try upgrade(handover, words) }
    var commandLine = try ServeCommandLine(parsing: words, usableCPUs: UsableCPUs.count)
    switch commandLine.action {
    case .help: return Terminal.print(HelpText.serve)
    case .printReference: return Terminal.print(ReferencePage.settings)
    case .printConfig:
      try settle(&commandLine)
      return Terminal.print(HelpText.configuration(of: commandLine))
    case .checkConfig:
      try requireApplication(commandLine)
      try settle(&commandLine)
      return Terminal.complain(
        "The settings are right. Whether the application can be imported shows at the start.")
    case .serve:
      try requireApplication(commandLine)
      let typed = commandLine.settings.application
      try settle(&commandLine)
      let installation = try Installation()
      announce(commandLine)
      try become(installation, model(commandLine, words), typed: typed)
    }
  }

  /// Takes over from the program that runs in this process, or says whether that can be done.
  private static func upgrade(_ handover: HandoverWord, _ words: [String]) throws(UsageError) {
    var commandLine = try ServeCommandLine(parsing: words, usableCPUs: UsableCPUs.count)
    guard commandLine.action == .serve else {
      throw UsageError("the server was started with words that serve nothing")
    }
    try requireApplication(commandLine)
    let typed = commandLine.settings.application
    try settle(&commandLine)
    try become(
      try Installation(), model(commandLine, words), typed: typed,
      passing: handover.wordsForServer)
  }

  /// What is to be served, with the words that said so.
  private static func model(_ commandLine: ServeCommandLine, _ words: [String]) -> ServerModel {
    var model = commandLine.model
    let directory = FileFacts.workingDirectory ?? ""
    // A descriptor's path (fexecve(3)) means another file in the next process.
    let given = Process.programPath.flatMap { $0.hasPrefix("/dev/fd/") ? nil : $0 }
    let program = given.map { ServerSettings.absolutePath($0, from: directory) }
    model.invocation = (program ?? FileFacts.resolved("/proc/self/exe")).map {
      Invocation(program: $0, directory: directory, words: words)
    }
    return model
  }

  private static func requireApplication(_ commandLine: ServeCommandLine) throws(UsageError) {
    guard commandLine.served.allSatisfy(\.settings.applications.isEmpty) else { return }
    throw UsageError(
      "no application is given; type plimsoll serve APP, where APP is module:callable or the "
        + "path of a .wsgi or .py file")
  }

  // MARK: settling

  /// Works out what the words left open, and checks that what they name exists.
  private static func settle(_ commandLine: inout ServeCommandLine) throws(UsageError) {
    var warnings: [String] = []
    let inherited = commandLine.origin(of: "bind") == .builtIn ? inheritedSockets() : nil
    // One by one: each group has directories and a Python of its own.
    try commandLine.forEachServed { (group) throws(UsageError) in
      warnings += try settle(group: &group, inherited)
    }
    if let first = commandLine.served.first?.settings, commandLine.settings.applications.isEmpty {
      // A server without a group main serves from where its first group does.
      commandLine.settings.python = first.python
      commandLine.settings.binds = first.binds
      commandLine.settings.makePathsAbsolute(from: try baseDirectory(commandLine.settings))
    }
    guard commandLine.action != .serve || !isQuiet(commandLine.settings) else { return }
    var said: Set<String> = []
    for warning in warnings where said.insert(warning).inserted {
      Terminal.complain("plimsoll: \(warning)")
    }
  }

  /// The same for one process group.
  ///
  /// - Returns: what is to be warned of.
  private static func settle(
    group commandLine: inout ServeCommandLine, _ inherited: [BindAddress]?
  ) throws(UsageError) -> [String] {
    var settings = commandLine.settings
    var warnings = commandLine.warnings
    let base = try baseDirectory(settings)
    if !settings.chdir.isEmpty { settings.chdir = base }
    var directories = [base]
    func find(_ application: String) throws(UsageError) -> String {
      let found = try FoundApplication(application, base: base)
      if let directory = found.directory, !directories.contains(directory) {
        directories.insert(directory, at: 0)
      }
      if found.directory == nil, let reason = FileFacts.refusal(.read, base) {
        warnings.append(
          "the directory \(base) cannot be read: \(reason); Python finds no module in it, so give "
            + "this user the right to read it")
      }
      return found.reference
    }
    if !settings.application.isEmpty {
      settings.application = try find(settings.application)
    }
    for index in settings.mounts.indices {
      let (url, application) = ApplicationMountText.split(settings.mounts[index])
      settings.mounts[index] = "\(url)=\(try find(application))"
    }
    let python = try FoundPython(asked: settings.python, directories: directories, base: base)
    settings.python = python.path
    commandLine.origins["python"] = python.origin
    if let inherited {
      settings.binds = inherited
      commandLine.origins["bind"] = .environment("LISTEN_FDS")
    }
    settings.makePathsAbsolute(from: base)
    for mount in settings.staticMounts {
      let (url, directory) = StaticMountText.split(mount)
      try requireDirectory(directory, "--static \(url)")
    }
    try requireEnvironmentFiles(settings)
    try AccountCheck.mayHavePriority(settings)
    let changesUser = try AccountCheck.changesUser(
      settings, refusesRoot: commandLine.action != .printConfig)
    try requireDirectory(
      settings.temporaryDirectory, "--temp-dir", to: changesUser ? nil : [.write, .execute])
    warnings += missingPaths(settings)
    commandLine.settings = settings
    return warnings
  }

  /// The files of `--env-file` are there, and right. What they hold stays in them.
  private static func requireEnvironmentFiles(_ settings: ServerSettings) throws(UsageError) {
    for path in settings.environmentFiles {
      let bytes: [UInt8]
      do throws(SystemCallError) {
        bytes = try SmallFile.whole(path, mostBytes: EnvironmentFile.mostBytes)
      } catch {
        throw EnvironmentFile.unreadable(path, error.reason)
      }
      _ = try EnvironmentFile(parsing: bytes, path: path)
    }
  }

  /// What does not have to exist, but probably should.
  private static func missingPaths(_ settings: ServerSettings) -> [String] {
    settings.pythonPath.filter { FileFacts.kind(of: $0) == .missing }.map {
      "--pythonpath: there is no \($0), so nothing will be found in it; correct the path"
    }
      + settings.reloadExtraFiles.filter { FileFacts.kind(of: $0) == .missing }.map {
        "--reload-extra-file: there is no \($0), so nothing is watched there until it "
          + "exists; correct the path"
      }
  }

  /// Whether only errors are wanted on the terminal.
  private static func isQuiet(_ settings: ServerSettings) -> Bool {
    settings.logLevel == "error" || settings.logLevel == "crit"
  }

  /// The directory from which relative paths start: that of --chdir, else where we stand.
  private static func baseDirectory(_ settings: ServerSettings) throws(UsageError) -> String {
    let here = FileFacts.workingDirectory
    guard let start = here ?? (settings.chdir.hasPrefix("/") ? "/" : nil) else {
      throw UsageError(
        "the directory that this command is started in was deleted; change to one that exists, "
          + "or give --chdir with an absolute path")
    }
    guard !settings.chdir.isEmpty else { return start }
    let directory = ServerSettings.absolutePath(settings.chdir, from: start)
    try requireDirectory(directory, "--chdir")
    return directory
  }

  /// - Parameter access: what this process has to be allowed there; nil where another user does
  ///   what there is to do, whose rights cannot be asked for.
  private static func requireDirectory(
    _ path: String, _ option: String, to access: FileFacts.Access? = .execute
  ) throws(UsageError) {
    switch FileFacts.kind(of: path) {
    case .directory:
      guard let access, let reason = FileFacts.refusal(access, path) else { return }
      let deed = access.contains(.write) ? "written to" : "entered"
      throw UsageError(
        "\(option): the directory \(path) cannot be \(deed): \(reason); give this user the right "
          + "to, or choose another one")
    case .hidden(let reason):
      throw UsageError(
        "\(option): the directory \(path) cannot be reached: \(reason); give this user the right "
          + "to enter every directory on the way")
    case .missing:
      let near = Suggestion.phrase(
        for: FileFacts.lastPart(of: path), among: SmallFile.entries(FileFacts.parent(of: path)))
      throw UsageError(
        "\(option): there is no directory \(path)"
          + (near.isEmpty ? "; create it or correct the path" : near))
    default: throw UsageError("\(option): \(path) is not a directory; give one")
    }
  }

  /// Sockets of systemd's socket activation that are meant for this process; sd_listen_fds(3).
  private static func inheritedSockets() -> [BindAddress]? {
    guard let process = environmentVariable("LISTEN_PID").flatMap({ Int32($0) }),
      process == Process.id,
      let count = environmentVariable("LISTEN_FDS").flatMap({ Int32($0) }), count > 0,
      count < 1024
    else { return nil }
    return (0..<count).map { .inherited(3 + $0) }
  }

  // MARK: telling

  /// Says in a few lines what was decided, and why.
  private static func announce(_ commandLine: ServeCommandLine) {
    let settings = commandLine.settings
    guard !isQuiet(settings) else { return }
    let binds = settings.binds.map(\.description).joined(separator: ", ")
    var lines = [
      "plimsoll \(Release.version) serves \(settings.title)",
      "  listen   \(binds) (\(commandLine.origin(of: "bind").text))",
    ]
    for group in commandLine.served { lines += announcement(of: group, in: commandLine) }
    for mount in settings.staticMounts {
      let (url, directory) = StaticMountText.split(mount)
      lines.append("  static   \(url) from \(directory)")
    }
    // From here on the terminal stays silent, also where the start fails.
    if settings.errorLogfile != "-" { lines.append("  errors   to \(settings.errorLogfile)") }
    Terminal.complain(lines.joined(separator: "\n"))
  }

  /// What was decided for one process group.
  private static func announcement(
    of group: ServeCommandLine, in commandLine: ServeCommandLine
  ) -> [String] {
    let settings = group.settings
    let isAlone = commandLine.served.count == 1
    var lines = isAlone ? [] : ["  group    \(settings.processGroup)"]
    let margin = isAlone ? "  " : "    "
    if !isAlone || !settings.mounts.isEmpty {
      lines += settings.applications.map { "\(margin)mount    \($0.url) to \($0.application)" }
    }
    return lines + [
      "\(margin)python   \(settings.python) (\(group.origin(of: "python").text))",
      "\(margin)handles  \(group.capacityText)",
    ]
  }

  // MARK: becoming plimsolld

  /// Replaces this program by plimsolld, which reads its settings from a memory file.
  private static func become(
    _ installation: Installation, _ model: ServerModel, typed: String, passing more: [String] = []
  ) throws(UsageError) {
    let number = try memoryFile(model.encoded).release()
    let settings = model.server
    let name = settings.processName.isEmpty && !typed.isEmpty ? typed : settings.title
    var title = "plimsoll: supervisor \(name)"
    while title.utf8.count > titleBytes { title.removeLast() }
    title += String(repeating: " ", count: titleBytes - title.utf8.count)
    let arguments =
      [
        title, "--settings-fd=\(number)", "--extension=\(installation.pythonExtension)",
      ] + more
    let failure = Process.execute(installation.server, arguments: arguments)
    throw UsageError(
      "\(installation.server) cannot be started: \(failure.reason); install Plimsoll again",
      exitCode: .internalError)
  }

  /// A file without a name, positioned at its first byte, that survives execve(2).
  private static func memoryFile(_ bytes: [UInt8]) throws(UsageError) -> FileDescriptor {
    do throws(SystemCallError) {
      let file = try SharedMemory.makeSealed(name: "plimsoll-settings", bytes)
      try FileDescriptor.setKeptByExec(file.number, true)
      return file
    } catch {
      throw UsageError(
        "the settings cannot be handed over: \(error); free some memory",
        exitCode: .internalError)
    }
  }
}
