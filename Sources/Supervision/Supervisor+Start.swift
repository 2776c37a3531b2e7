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
  public static func start(
    _ model: ServerModel, extensionPath: String
  ) throws(StartFailure) -> Supervisor {
    let settings = model.server
    unsafe ErrorLog.threshold = LogLevel(name: settings.logLevel) ?? .notice
    var accounts: [Account?] = []
    for group in model.groups { accounts.append(try account(group)) }
    // Who the server as a whole is for: its sockets are his, and its fronts are he.
    let account = settings.user.isEmpty ? accounts[0] : try account(settings)
    let logs = try LogFiles(settings)
    if settings.umask >= 0 { Process.setFileMask(settings.umask) }
    let listeners = try ListenerSet.open(settings, for: account)
    do {
      let pidFile = try pidFile(settings)
      return try assemble(
        model, accounts, front: account, logs, listeners, pidFile, extensionPath)
    } catch {
      for listener in listeners { listener.removeFile() }
      throw error
    }
  }

  private static func assemble(
    _ model: ServerModel, _ accounts: [Account?], front: Account?, _ logs: LogFiles,
    _ listeners: [Listener], _ pidFile: consuming PidFile?, _ extensionPath: String
  ) throws(StartFailure) -> Supervisor {
    do {
      var groups: [GroupParts] = []
      for (settings, account) in zip(model.groups, accounts) {
        groups.append(try parts(settings, account, extensionPath))
      }
      if !model.server.usesApachePolicy {
        let budget = groups[0].memory.budget
        ErrorLog.write(.notice, "memory budget \(budget.reason)")
        if let warning = budget.warning { ErrorLog.write(.warn, warning) }
      }
      try Process.adoptOrphans()
      Signal.ignore(Signal.pipe)
      let signals = try SignalDescriptor([
        Signal.terminate, Signal.interrupt, Signal.quit, Signal.hangUp, Signal.user1, Signal.user2,
        Signal.windowChange, Signal.child,
      ])
      return Supervisor(
        settings: model.server, groups: groups, logs: logs, listeners: listeners,
        frontAccount: front, notifier: .fromEnvironment(), signals: signals, pidFile: pidFile)
    } catch let failure as StartFailure {
      throw failure
    } catch {
      throw StartFailure(.internalError, "The server cannot be set up: \(error).")
    }
  }

  /// What one process group is made of.
  private static func parts(
    _ settings: ServerSettings, _ account: Account?, _ extensionPath: String
  ) throws -> GroupParts {
    let fronts = settings.isDaemon ? settings.fronts : 0
    let board = try Scoreboard.makeDescriptor(
      slots: slots(settings) + fronts, threads: settings.threadsMax,
      lanes: fronts * settings.lanesPerFront, fronts: fronts)
    let scoreboard = try Scoreboard(mapping: board.number)
    describe(settings, on: scoreboard.facts)
    // A group's processes see the settings of their own group only.
    let file = try SharedMemory.makeSealed(name: "plimsoll-settings", settings.encoded)
    let launcher = MoldLauncher(
      settings: settings, extensionPath: extensionPath,
      // Both are kept open as long as the process: every mold needs them.
      settingsNumber: file.release(), scoreboardNumber: board.release(), account: account)
    return GroupParts(
      launcher: launcher, scoreboard: scoreboard, policy: try policy(settings),
      memory: MemoryWatch(settings, sharedBytes: scoreboard.byteCount))
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

  private static func describe(_ settings: ServerSettings, on facts: ServerFacts) {
    facts.describe(
      title: settings.title, software: "plimsoll/\(Release.version)", mpm: settings.mpm,
      policy: settings.policy)
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
