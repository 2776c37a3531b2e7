// Supervisor+Start: everything that is made once, before the first process. Assembly.
public import Configuration
internal import Platform
internal import ProcessPolicy
internal import Scoreboard

extension Supervisor {
  /// Opens what the server needs; nothing serves yet. On failure nothing is left behind.
  ///
  /// - Parameter model: what is to be served, with at least one process group.
  /// - Parameter extensionPath: absolute path of `_plimsoll.abi3.so`.
  /// - Parameter handover: what the program that ran in this process before has left.
  public static func start(
    _ model: ServerModel, extensionPath: String, after handover: Handover? = nil
  ) throws(StartFailure) -> Supervisor {
    let settings = model.server
    let environment = InheritedEnvironment()
    unsafe ErrorLog.threshold = LogLevel(name: settings.logLevel) ?? .notice
    let accounts = try accounts(model)
    let logs = try LogFiles(settings)
    if settings.umask >= 0 { Process.setFileMask(settings.umask) }
    let listeners = try ListenerSet.open(
      settings, for: accounts.server, takingOver: handover?.sockets ?? [])
    do {
      let pidFile = try pidFile(settings)
      if let old = handover?.pidFile, old != settings.pidFile { PidFile.remove(old) }
      let predecessor = handover.map {
        Predecessor($0, gracefulTimeoutMs: longestGracefulTimeoutMs(model))
      }
      predecessor?.look(nowMs: Clock.monotonicMs())
      let groups = try groups(model, accounts.groups, extensionPath, handover, predecessor)
      try prepareProcess()
      let signals = try SignalDescriptor([
        Signal.terminate, Signal.interrupt, Signal.quit, Signal.hangUp, Signal.user1, Signal.user2,
        Signal.windowChange, Signal.urgent, Signal.child, Signal.restartGroup,
      ])
      return Supervisor(
        model, environment: environment, groups: groups, logs: logs, listeners: listeners,
        frontAccount: accounts.server, notifier: .fromEnvironment(), signals: signals,
        pidFile: pidFile, predecessor: predecessor)
    } catch {
      for listener in listeners { listener.removeFile() }
      if let failure = error as? StartFailure { throw failure }
      throw StartFailure(.internalError, "The server cannot be set up: \(error).")
    }
  }

  /// Says why a server could not take over what a running one would leave to it; changes nothing.
  public static func rehearse(_ model: ServerModel, after handover: Handover) throws(StartFailure) {
    let settings = model.server
    unsafe ErrorLog.threshold = .crit
    let accounts = try accounts(model)
    try LogFiles.check(settings)
    let opened = try ListenerSet.open(
      settings, for: accounts.server, takingOver: handover.sockets, isRehearsal: true)
    for listener in opened { listener.removeFile() }
  }

  /// Who the groups' processes become, and who the server as a whole is for: its sockets are his,
  /// and its fronts are he.
  private static func accounts(
    _ model: ServerModel
  ) throws(StartFailure) -> (groups: [Account?], server: Account?) {
    var accounts: [Account?] = []
    for group in model.groups { accounts.append(try account(group)) }
    return (accounts, model.server.user.isEmpty ? accounts[0] : try account(model.server))
  }

  private static func longestGracefulTimeoutMs(_ model: ServerModel) -> Int64 {
    let all = ([model.server] + model.groups).map(\.gracefulTimeoutMs)
    return all.contains(0) ? 0 : all.reduce(0, max)
  }

  private static func prepareProcess() throws(SystemCallError) {
    try Process.adoptOrphans()
    Signal.ignore(Signal.pipe)
  }

  private static func groups(
    _ model: ServerModel, _ accounts: [Account?], _ extensionPath: String, _ handover: Handover?,
    _ predecessor: Predecessor?
  ) throws -> [GroupParts] {
    // Before there are new ones, so that who looks for a scoreboard finds one of these.
    let old = takeScoreboards(of: handover)
    var groups: [GroupParts] = []
    for (settings, account) in zip(model.groups, accounts) {
      let before = handover?.groups.first { $0.name == settings.processGroup }
      let memory = MemoryBefore(
        takenBytes: predecessor?.bytes ?? 0, expectedBytes: before?.expectedBytes ?? 0)
      let part = try parts(settings, account, extensionPath, memory)
      describe(settings, index: groups.count, of: model, on: part.scoreboard.facts)
      if let handover { resume(part, after: handover, old, predecessor) }
      groups.append(part)
    }
    if !model.server.usesApachePolicy {
      let budget = groups[0].memory.budget
      ErrorLog.write(.notice, "memory budget \(budget.reason)")
      if let warning = budget.warning { ErrorLog.write(.warn, warning) }
    }
    return groups
  }

  /// The scoreboards of the program before, by the name of the group, where this one can read them;
  /// their descriptors are closed.
  private static func takeScoreboards(of handover: Handover?) -> [String: Scoreboard] {
    var boards: [String: Scoreboard] = [:]
    for group in handover?.groups ?? [] where group.scoreboard >= 0 {
      let file = FileDescriptor(owning: group.scoreboard)
      do {
        boards[group.name] = try Scoreboard(mapping: file.number, readOnly: true)
      } catch {
        ErrorLog.write(
          .notice,
          "upgrade: the scoreboard of \(handover?.software ?? "") has another form; counters begin "
            + "anew")
      }
    }
    return boards
  }

  /// A group goes on counting where the program before was.
  private static func resume(
    _ part: GroupParts, after handover: Handover, _ old: [String: Scoreboard],
    _ predecessor: Predecessor?
  ) {
    let facts = part.scoreboard.facts
    facts.startedSeconds = handover.startedSeconds
    let name = part.launcher.settings.processGroup
    guard let group = handover.groups.first(where: { $0.name == name }) else { return }
    facts.resume(newest: group.generation, serving: group.serving)
    guard let board = old[name] else { return }
    facts.servingSinceSeconds = board.facts.servingSinceSeconds
    predecessor?.count(board, for: facts)
  }

  /// What one process group is made of.
  private static func parts(
    _ settings: ServerSettings, _ account: Account?, _ extensionPath: String,
    _ before: MemoryBefore
  ) throws -> GroupParts {
    let fronts = settings.isDaemon ? settings.fronts : 0
    let board = try Scoreboard.makeDescriptor(
      slots: slots(settings) + fronts, threads: settings.threadsMax,
      lanes: fronts * settings.lanesPerFront, fronts: fronts)
    let scoreboard = try Scoreboard(mapping: board.number)
    // A group's processes see the settings of their own group only.
    let file = try SharedMemory.makeSealed(name: "plimsoll-settings", settings.encoded)
    let launcher = MoldLauncher(
      settings: settings, extensionPath: extensionPath,
      // Both are kept open as long as the process: every mold needs them.
      settingsNumber: file.release(), scoreboardNumber: board.release(), account: account)
    return GroupParts(
      launcher: launcher, scoreboard: scoreboard, policy: try policy(settings),
      memory: MemoryWatch(settings, sharedBytes: scoreboard.byteCount, before))
  }

  /// Slots of the scoreboard.
  private static func slots(_ settings: ServerSettings) -> Int {
    // Apache's processes of two generations share its slots; the one on trial needs another.
    if settings.usesApachePolicy {
      return min(settings.apacheSettings.slotLimit + 8, Scoreboard.mostSlots)
    }
    // Two generations, and some that drain, must find room side by side.
    return 2 * settings.workersMax + 8
  }

  private static func describe(
    _ settings: ServerSettings, index: Int, of model: ServerModel, on facts: ServerFacts
  ) {
    facts.describe(
      title: settings.title, software: "plimsoll/\(Release.version)", mpm: settings.mpm,
      policy: settings.policy)
    facts.describe(
      group: settings.processGroup, index: index, of: model.groups.count, python: settings.python,
      urls: settings.applications.map(\.url).joined(separator: ", "))
    facts.mostWorkers = settings.mostWorkers
    facts.threadsPerWorker = settings.threadsMin
    facts.supervisorPid = Process.id
    facts.startedSeconds = Clock.realSeconds()
  }

  private static func policy(_ settings: ServerSettings) throws(StartFailure) -> ChosenPolicy {
    guard settings.usesApachePolicy else {
      return ChosenPolicy(
        loadline: LoadlineSettings(
          minProcesses: settings.workersMin, maxProcesses: settings.workersMax,
          threadsPerProcess: settings.threadsMin,
          mostThreadsPerProcess: settings.threadsMax, mostHandlers: settings.mostHandlers,
          inactivityMs: settings.inactivityTimeoutMs))
    }
    do throws(RefusedSetting) {
      // Corrected already, with a word to whoever typed it; once more, as the policy relies on it.
      return ChosenPolicy(apache: try settings.apacheSettings.corrected().settings)
    } catch {
      throw StartFailure(.usage, error.text)
    }
  }

  /// Who molds and workers become; nil where they stay who the supervisor is.
  private static func account(_ settings: ServerSettings) throws(StartFailure) -> Account? {
    var account = Account.current
    if !settings.user.isEmpty {
      guard let found = Account.lookUp(user: settings.user) else {
        throw StartFailure(
          .permission, "The user \(settings.user) of --user is unknown on this machine.")
      }
      account = found
    }
    if !settings.group.isEmpty {
      guard let group = Account.lookUp(group: settings.group) else {
        throw StartFailure(
          .permission, "The group \(settings.group) of --group is unknown on this machine.")
      }
      account.group = group
    }
    guard !settings.refuses(user: account.user) else {
      throw StartFailure(.permission, "Cannot start: \(ServerSettings.rootRefusal).")
    }
    if account.user == Account.current.user && account.group == Account.current.group {
      return nil
    }
    guard Account.isRoot else {
      throw StartFailure(
        .permission,
        "Only root can run the application as \(account.name): start the server as "
          + "root, or leave --user and --group out.")
    }
    return account
  }

  private static func pidFile(_ settings: ServerSettings) throws(StartFailure) -> PidFile? {
    if settings.pidFile.isEmpty { return nil }
    do {
      return try PidFile(settings.pidFile)
    } catch {
      switch error {
      case .held(let pid):
        throw StartFailure(
          .permission,
          "A server (pid \(pid)) runs already with the pid file "
            + "\(settings.pidFile); stop it, or choose another file with --pid.")
      case .notOurs:
        throw StartFailure(
          .permission,
          "\(settings.pidFile) (--pid) is there already and holds no process id, so it is left "
            + "alone; remove it, or choose another file.")
      case .notWritable(let cause):
        throw StartFailure(
          .permission,
          "Cannot write the pid file \(settings.pidFile): \(cause); its directory "
            + "must exist and be writable for this user.")
      }
    }
  }
}
