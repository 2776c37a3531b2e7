// Supervisor+Signals: what people and systemd tell the server. Assembly.
internal import Configuration
internal import Control
internal import Platform

extension Supervisor {
  func readSignals(nowMs: Int64) {
    while let (signal, sender) = signals.next() {
      switch signal {
      case Signal.terminate, Signal.interrupt, Signal.quit:
        stopped(by: signal, sender: sender, with: .stop, nowMs: nowMs)
      case Signal.windowChange where sender < 0:
        break  // the window of the terminal was resized; nobody asked for anything
      case Signal.windowChange: stopped(by: signal, sender: sender, with: .finish, nowMs: nowMs)
      case Signal.hangUp, Signal.user1:
        restart(because: from(signal, sender), nowMs: nowMs)
      case Signal.user2: reopenLogs()
      default: break
      }
    }
    // Signals of the same number that come together are delivered once, so every wake-up looks.
    reap(nowMs: nowMs)
  }

  private func from(_ signal: Int32, _ sender: Int32) -> String {
    guard sender > 0, let name = ProcessFiles.shortName(of: sender) else {
      return Signal.name(signal)
    }
    return "\(Signal.name(signal)) from \(name) (pid \(sender))"
  }

  // MARK: stop

  private func stopped(by signal: Int32, sender: Int32, with message: ControlMessage, nowMs: Int64)
  {
    if phase == .stopping {
      // Only a second TERM, INT or QUIT means "at once".
      guard signal != Signal.windowChange else { return }
      ErrorLog.write(.notice, "stopping at once: \(from(signal, sender))")
      for worker in workers where worker.state != .empty {
        kill(worker, because: .stoppedAtOnce, nowMs: nowMs)
      }
      for mold in molds { Signal.send(Signal.kill, to: mold.pid) }
      for front in fronts where front.pid > 0 { Signal.send(Signal.kill, to: front.pid) }
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
    if let mold = nextMold { close(mold, nowMs: nowMs) }
    if let mold = servingMold { close(mold, nowMs: nowMs) }
    nextMold = nil
    servingMold = nil
    // The last process that closes its copy makes the kernel refuse new clients.
    for listener in listeners { listener.removeFile() }
    listeners = []
    stopFronts(with: message, nowMs: nowMs)
    for worker in workers { drain(worker, nowMs: nowMs, with: message) }
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
    for mold in molds {
      _ = mold.link?.send(.reopenLogs, descriptors: logs.descriptors)
    }
    for worker in workers {
      _ = worker.link?.send(.reopenLogs, descriptors: logs.descriptors)
    }
    tellFronts(.reopenLogs, descriptors: logs.descriptors)
    ErrorLog.write(.notice, "logs reopened")
  }
}
