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
    do {
      for number in [control, settingsNumber, scoreboardNumber] + listeners {
        try FileDescriptor.setKeptByExec(number, true)
      }
      if accessLog > 2 { try FileDescriptor.setKeptByExec(accessLog, true) }
      if let account {
        let isAnotherUser = account.user != Account.current.user
        try account.become()
        // Libraries look for their files in HOME: root's must not be read, nor asked for.
        if isAnotherUser {
          for (name, value) in account.variables { Process.setEnvironment(name, value) }
        }
      }
    } catch {
      exit(.permission, "The application's process cannot be set up: \(error).")
    }
    if settings.umask >= 0 { Process.setFileMask(settings.umask) }
    // A directory that is not there is reported by the loader, with the other mistakes of its kind.
    if !settings.chdir.isEmpty { try? Process.changeDirectory(settings.chdir) }
    for variable in settings.environment {
      let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { Process.setEnvironment(String(parts[0]), String(parts[1])) }
    }
    let arguments = [
      settings.python, "-c", Bootstrap.text, extensionPath, "\(control)", "\(settingsNumber)",
      "\(scoreboardNumber)", "\(accessLog)",
      listeners.map { "\($0)" }.joined(separator: ","), "\(generation)",
      preloads ? "1" : "0",
    ]
    let error = Process.execute(settings.python, arguments: arguments)
    exit(
      .python,
      "Cannot start Python as \(settings.python): \(error.reason); choose one with --python.")
  }

  private func exit(_ code: ExitCode, _ message: String) -> Never {
    ErrorLog.write(.crit, message)
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
