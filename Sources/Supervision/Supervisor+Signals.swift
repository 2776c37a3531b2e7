// Supervisor+Signals: what people and systemd tell the server. Assembly.
internal import Configuration
internal import Control
internal import Platform

extension Supervisor {
  func readSignals(nowMs: Int64) {
    while let (signal, sender, value) = signals.next() {
      switch signal {
      case Signal.terminate, Signal.interrupt, Signal.quit:
        stopped(by: signal, sender: sender, with: .stop, nowMs: nowMs)
      case Signal.windowChange where sender < 0:
        break  // the window of the terminal was resized; nobody asked for anything
      case Signal.windowChange: stopped(by: signal, sender: sender, with: .finish, nowMs: nowMs)
      case Signal.hangUp, Signal.user1:
        let reason = from(signal, sender)
        for group in groups { group.restart(because: reason, nowMs: nowMs) }
      case Signal.user2: reopenLogs()
      case Signal.urgent: beginUpgrade(because: from(signal, sender), nowMs: nowMs)
      case Signal.restartGroup: restart(Int(value), because: from(signal, sender), nowMs: nowMs)
      default: break
      }
    }
    // Signals of the same number that come together are delivered once, so every wake-up looks.
    reap(nowMs: nowMs)
  }

  /// One group is to be restarted, as `plimsoll ctl graceful --process-group` asks for.
  private func restart(_ index: Int, because reason: String, nowMs: Int64) {
    guard groups.indices.contains(index) else {
      ErrorLog.write(
        .warn,
        "\(reason) means no process group and is left alone: give it the group's number, from 0 "
          + "on, as plimsoll ctl graceful --process-group does")
      return
    }
    groups[index].restart(because: reason, nowMs: nowMs)
  }

  private func from(_ signal: Int32, _ sender: Int32) -> String {
    guard sender > 0, let name = ProcessFiles.shortName(of: sender) else {
      return Signal.name(signal)
    }
    return "\(Signal.name(signal)) from \(name) (pid \(sender))"
  }

  // MARK: the dead

  /// Collects all children that ended.
  private func reap(nowMs: Int64) {
    while let (pid, status) = Process.reap() {
      if groups.contains(where: { $0.died(pid: pid, status: status, nowMs: nowMs) }) { continue }
      if frontDied(pid: pid, status: status, nowMs: nowMs) { continue }
      if inheritedDied(pid: pid, status: status) { continue }
      if checkEnded(pid: pid, status: status, nowMs: nowMs) { continue }
      // A worker whose pid is not known yet, a mold's helper, or an orphan of the application.
      guard groups.contains(where: { $0.workers.contains { $0.state == .forking } }) else {
        unclaimedDeaths = []
        continue
      }
      if unclaimedDeaths.count >= 32 { unclaimedDeaths.removeFirst() }
      unclaimedDeaths.append((pid, status))
    }
  }

  /// How a process ended whose mold tells of it only now; nil where it has not.
  func claimDeath(of pid: Int32) -> ExitStatus? {
    unclaimedDeaths.firstIndex { $0.pid == pid }.map { unclaimedDeaths.remove(at: $0).status }
  }

  /// Whether `pid` is a process that some group, or a front, is known by.
  func isKnown(_ pid: Int32) -> Bool {
    groups.contains { $0.has(pid) } || fronts.contains { $0.pid == pid }
      || predecessor?.has(pid) ?? false
  }

  // MARK: stop

  private func stopped(by signal: Int32, sender: Int32, with message: ControlMessage, nowMs: Int64)
  {
    if phase == .stopping {
      // Only a second TERM, INT or QUIT means "at once".
      guard signal != Signal.windowChange else { return }
      ErrorLog.write(.notice, "stopping at once: \(from(signal, sender))")
      for group in groups { group.kill(nowMs: nowMs) }
      for front in fronts where front.pid > 0 { Signal.send(Signal.kill, to: front.pid) }
      predecessor?.kill()
      return
    }
    ErrorLog.write(.notice, "stopping: \(from(signal, sender))")
    stop(.ok, with: message, nowMs: nowMs)
  }

  /// Ends the server: nothing is accepted any more, what is in hand gets `--graceful-timeout`.
  func stop(_ code: ExitCode, with message: ControlMessage = .stop, nowMs: Int64) {
    guard phase == .running else { return }
    phase = .stopping
    exitCode = code
    notifier.stopping()
    // The last process that closes its copy makes the kernel refuse new clients.
    for listener in listeners { listener.removeFile() }
    listeners = []
    upgrade?.cancel()
    upgrade = nil
    stopFronts(with: message, nowMs: nowMs)
    predecessor?.finish(with: message, nowMs: nowMs)
    for group in groups { group.stop(with: message, nowMs: nowMs) }
  }

  // MARK: logs

  private func reopenLogs() {
    do {
      try logs.open()
    } catch {
      ErrorLog.write(
        .error, "cannot reopen the log \(error.path): \(error.cause); the old one stays in use")
      return
    }
    for group in groups { group.tellAll(.reopenLogs, descriptors: logs.descriptors) }
    tellFronts(.reopenLogs, descriptors: logs.descriptors)
    predecessor?.tellAll(.reopenLogs, descriptors: logs.descriptors)
    ErrorLog.write(.notice, "logs reopened")
  }
}
