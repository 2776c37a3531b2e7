// MoldLauncher: starts the Python processes that load the application. Assembly.
internal import Configuration
internal import Control
internal import Platform

/// What every mold is started with.
struct MoldLauncher {
  let settings: ServerSettings
  /// Path of `_plimsoll.abi3.so`.
  let extensionPath: String
  /// The memfd with the encoded settings.
  let settingsNumber: Int32
  let scoreboardNumber: Int32
  /// Who the mold and its workers are; nil: the supervisor's own account.
  let account: Account?

  /// Starts a mold.
  func launch(
    generation: Int, preloads: Bool, listeners: [Int32], accessLog: Int32, nowMs: Int64
  ) throws(SystemCallError) -> MoldHandle {
    let pair = try ControlPair()
    let pid = try Process.fork()
    if pid == 0 {
      become(
        control: pair.far, generation: generation, preloads: preloads, listeners: listeners,
        accessLog: accessLog)
    }
    pair.closeFar()
    return MoldHandle(
      generation: generation, pid: pid, link: ChildLink(owning: pair.near),
      deadlineMs: nowMs + settings.startupTimeoutMs)
  }

  /// The child: becomes the mold, or exits with a sentence. The supervisor has one thread, so all
  /// of Swift works here.
  private func become(
    control: Int32, generation: Int, preloads: Bool, listeners: [Int32], accessLog: Int32
  ) -> Never {
    Signal.resetAll()
    let variables = variables(control)
    do {
      for number in [control, settingsNumber, scoreboardNumber] + listeners {
        try FileDescriptor.setKeptByExec(number, true)
      }
      if accessLog > 2 { try FileDescriptor.setKeptByExec(accessLog, true) }
      // A smaller value than the present one takes rights that the account may not have.
      if let nice = settings.cpuPriority { try ProcessPriority.set(nice) }
      if let account {
        let isAnotherUser = account.user != Account.current.user
        try account.become()
        // Libraries look for their files in HOME: root's must not be read, nor asked for.
        if isAnotherUser {
          for (name, value) in account.variables { Process.setEnvironment(name, value) }
        }
      }
    } catch {
      fail(.permission, "the application's process cannot be set up: \(error)", control)
    }
    if settings.umask >= 0 { Process.setFileMask(settings.umask) }
    // A directory that is not there is reported by the loader, with the other mistakes of its kind.
    if !settings.chdir.isEmpty { try? Process.changeDirectory(settings.chdir) }
    for variable in variables { Process.setEnvironment(variable.name, variable.value) }
    warnOfLocale()
    let arguments = [
      settings.python, "-c", Bootstrap.text, extensionPath, "\(control)", "\(settingsNumber)",
      "\(scoreboardNumber)", "\(accessLog)",
      listeners.map { "\($0)" }.joined(separator: ","), "\(generation)",
      preloads ? "1" : "0",
    ]
    let error = Process.execute(settings.python, arguments: arguments)
    fail(
      .python,
      "\(settings.python) cannot be started: \(error.reason); choose a Python with --python",
      control)
  }

  /// What is set in the environment. The files are read here, where the process still is who the
  /// supervisor is, and by no process that goes on without Python: fronts have no secrets.
  private func variables(_ control: Int32) -> [EnvironmentFile.Variable] {
    do throws(UsageError) {
      var files: [EnvironmentFile] = []
      for path in settings.environmentFiles {
        let bytes: [UInt8]
        do throws(SystemCallError) {
          bytes = try SmallFile.whole(path, mostBytes: EnvironmentFile.mostBytes)
        } catch {
          throw EnvironmentFile.unreadable(path, error.reason)
        }
        files.append(try EnvironmentFile(parsing: bytes, path: path))
      }
      return settings.variables(from: files)
    } catch {
      fail(error.exitCode, error.message, control)
    }
  }

  /// The C library says nothing where a locale is missing, and goes on without one.
  private func warnOfLocale() {
    for (option, name) in [("--lang", settings.language), ("--locale", settings.locale)]
    where !name.isEmpty && !LocaleNames.exists(name) {
      ErrorLog.write(
        .warn,
        "\(option): this machine has no locale \(name), so the application runs as with C; "
          + "`locale -a` lists those that there are, and C.UTF-8 is always one")
    }
    if !settings.language.isEmpty, settings.locale.isEmpty,
      Process.environment("LC_ALL").map({ !$0.isEmpty }) == true
    {
      ErrorLog.write(
        .warn, "--lang has no effect: LC_ALL is set in the environment; give --locale instead")
    }
  }

  /// The supervisor logs why, and what follows from it.
  private func fail(_ code: ExitCode, _ message: String, _ control: Int32) -> Never {
    let channel = ControlChannel(owning: control)
    if !channel.send(.failed(code: code.rawValue, message: message)) {
      ErrorLog.write(.crit, message)
    }
    // Its number is not closed before the message is out.
    _ = consume channel
    Process.exitAtOnce(code.rawValue)
  }
}

/// Both ends of a control channel, as numbers, while they are on their way to their owners.
struct ControlPair {
  /// The supervisor's end.
  let near: Int32
  /// The child's end.
  let far: Int32

  init() throws(SystemCallError) {
    (near, far) = try MessageSocket.makePair()
  }

  /// The child has its end.
  func closeFar() { _ = FileDescriptor(owning: far) }
}
