// FrontProcess: a forked front from its first step to its last. Assembly.
internal import Configuration
internal import Platform
internal import Scoreboard
internal import Server

/// A front: has the clients' connections, and no Python.
struct FrontProcess {
  let settings: ServerSettings
  /// The process groups that it hands requests to.
  let groups: [FrontGroup]
  /// `front 0`.
  let name: String
  let title: String
  let listeners: [Int32]
  /// The front's end of its control channel.
  let control: Int32
  let accessLog: Int32
  /// Who it becomes; nil: who the supervisor is.
  let account: Account?

  /// Serves. Ends with the process.
  func run() -> Never {
    // The supervisor's sockets to its other children must end with the supervisor.
    ProcessFiles.closeOthers(keeping: [0, 1, 2, control, accessLog] + listeners)
    Signal.resetAll()
    // Ctrl-C and a stopping service manager signal the whole group; the supervisor decides.
    for signal in [
      Signal.interrupt, Signal.quit, Signal.terminate, Signal.hangUp, Signal.user1, Signal.user2,
      Signal.windowChange,
    ] {
      Signal.doNothing(on: signal)
    }
    Signal.ignore(Signal.pipe)
    ProcessTitle.set("plimsoll: \(name) \(title)", shortName: "plimsoll")
    for group in groups {
      group.scoreboard[group.slot].occupy(pid: Process.id, startedMs: Clock.monotonicMs())
    }
    do {
      try account?.become()
      let server = try WorkerServer(
        settings: settings, listeners: listeners, application: Application(),
        scoreboard: groups[0].scoreboard, slot: groups[0].slot, control: control,
        accessLog: accessLog, stopSignal: -1, generation: 0, frontGroups: groups)
      guard case .exit(let code) = server.run() else { Process.exitAtOnce(0) }
      Process.exitAtOnce(code)
    } catch {
      ErrorLog.write(.error, "\(name) cannot be set up: \(error)")
      Process.exitAtOnce(WorkerServer.exitCode(for: error).rawValue)
    }
  }
}
