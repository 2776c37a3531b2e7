// ProcessGroup+Molds: loading a version of the application, and going over to it. Assembly.
internal import Configuration
internal import Control
internal import Platform
internal import ProcessPolicy
internal import Reporting
internal import Scoreboard

// How a version comes into service:
//
//   startNextMold ─▶ nextMold: loading ──ready──▶ nextMold: ready ──its first worker ready──▶
//   servingMold
//                         │                            │
//                         └── failed, died, too slow ──┴─ 3 workers died ──▶ abandoned
//
// 1. At most one mold is next; a restart asked for meanwhile takes its place.
// 2. The serving mold goes on replacing dead workers until the next one has proved itself.
// 3. The first generation has nobody to fall back on: it serves as soon as it is loaded, and where
//    it fails the server ends.
extension ProcessGroup {
  /// Starts loading a new version.
  func startNextMold(nowMs: Int64) {
    generation += 1
    scoreboard.facts.newestGeneration = generation
    trialDeaths = 0
    trialBackOff = BackOff()
    do {
      nextMold = try launcher.launch(
        generation: generation, preloads: preloads,
        listeners: settings.isDaemon ? [] : server.listeners.map { $0.number },
        accessLog: settings.isDaemon ? -1 : server.logs.accessNumber, nowMs: nowMs)
    } catch {
      let reason = "its mold cannot be started (\(error))"
      if hasServed { return newVersionFailed(because: reason, nowMs: nowMs) }
      cannotStart(.internalError, because: reason, nowMs: nowMs)
    }
  }

  /// Workers hang after the fork: from now on each imports the application itself.
  func stopPreloading(generation: Int, nowMs: Int64) {
    preloads = false
    hungForks = 0
    firstDeaths = 0
    ErrorLog.write(
      .error,
      "\(prefix)the application cannot be forked: \(Self.mostHungForks) workers were stuck right "
        + "after the fork, the stacks above show where; now each worker imports it itself, as with "
        + "--no-preload, which takes more memory and time. Look for threads and locks that the "
        + "import leaves behind")
    if nextMold?.generation == generation {
      closeNextMold(nowMs: nowMs)
    } else if let mold = servingMold, mold.generation == generation {
      servingMold = nil
      close(mold, nowMs: nowMs)
    }
    startNextMold(nowMs: nowMs)
  }

  /// A graceful restart: HUP, USR1, or a changed file.
  func restart(because reason: String, nowMs: Int64) {
    guard phase == .running else { return }
    startBackOff = BackOff(limitsMs: Self.startPausesMs)
    guard hasServed || nextMold?.state != .loading else {
      // The first generation is loading: what it has not read yet it will read in its new form,
      // what it has read may be old. Starting over is safe, nobody is served yet.
      ErrorLog.write(.notice, "\(prefix)graceful restart: \(reason); starting over")
      closeNextMold(nowMs: nowMs)
      startNextMold(nowMs: nowMs)
      return
    }
    ErrorLog.write(.notice, "\(prefix)graceful restart: \(reason)")
    server.notifier.reloading()
    refork.allow()
    cancelScout(nowMs: nowMs)
    closeNextMold(nowMs: nowMs)
    startNextMold(nowMs: nowMs)
  }

  private func closeNextMold(nowMs: Int64) {
    guard let mold = nextMold else { return }
    nextMold = nil
    close(mold, nowMs: nowMs)
    drainTrial(of: mold, nowMs: nowMs)
  }

  private func drainTrial(of mold: MoldHandle, nowMs: Int64) {
    // Its workers on trial would be taken for old ones that serve.
    for worker in workers where worker.generation == mold.generation && worker.state.isCapacity {
      drain(worker, nowMs: nowMs)
    }
  }

  /// Tells a mold to go. One that loads an application is deaf, so it is ended by a signal.
  func close(_ mold: MoldHandle, nowMs: Int64) {
    if mold.state == .loading { Signal.send(Signal.kill, to: mold.pid) }
    mold.beginClosing(deadlineMs: nowMs + Self.moldClosingMs)
    closingMolds.append(mold)
  }

  // MARK: messages

  func readMolds(nowMs: Int64) {
    for mold in molds {
      while let link = mold.link {
        switch link.receive() {
        case .wouldBlock: break
        case .endOfFile:
          mold.link = nil
          continue
        case .message(let message, _):
          handle(message, from: mold, nowMs: nowMs)
          continue
        }
        break
      }
    }
  }

  private func handle(_ message: ControlMessage, from mold: MoldHandle, nowMs: Int64) {
    switch message {
    case .loading(let python): mold.python = python
    case .ready:
      guard mold.state == .loading else { return }
      mold.state = .ready
      mold.deadlineMs = .max
      moldReadySinceMs = nowMs
      if !hasServed && servingMold == nil && mold === nextMold { promoteNextMold(nowMs: nowMs) }
    case .forked(let slot, let pid):
      if workers.indices.contains(slot) {
        wasForked(workers[slot], pid: pid, mold: mold, nowMs: nowMs)
      }
    case .failed(let code, let message): mold.failure = (code, message)
    case .filesChanged(let path):
      if mold === servingMold { restart(because: "\(path) changed", nowMs: nowMs) }
    case .fork, .drain, .finish, .stop, .reopenLogs, .retiring, .exiting, .giveUp, .outgrown,
      .scouted, .becameMold, .cannotBecomeMold, .lanes, .letterbox, .retire, .laneEnded, .wanted:
      break
    }
  }

  /// The next mold becomes the one that serves.
  func promoteNextMold(nowMs: Int64) {
    guard let mold = nextMold else { return }
    if let old = servingMold { close(old, nowMs: nowMs) }
    servingMold = mold
    nextMold = nil
    noteReforkPromotion(of: mold, nowMs: nowMs)
    forkBackOff = BackOff()
    nextDecisionMs = nowMs
  }

  /// Gives the next mold up; what serves goes on serving.
  func abandonNextMold(because reason: String, nowMs: Int64) {
    let isRefork = nextMold?.isRefork ?? false
    closeNextMold(nowMs: nowMs)
    if isRefork { return reforkFailed(because: reason, nowMs: nowMs) }
    newVersionFailed(because: reason, nowMs: nowMs)
  }

  private func newVersionFailed(because reason: String, nowMs: Int64) {
    ErrorLog.write(
      .error,
      "\(prefix)the new version is given up, the old one keeps serving until a HUP signal tries "
        + "again: \(reason)")
    scoreboard.facts.failedGeneration = generation
    if servingMold == nil { moldBackOff.died(readyForMs: nil, nowMs: nowMs) }
    server.notifier.ready(status: "serving the old version; the new one failed")
  }

  // MARK: deaths

  /// - Returns: whether `pid` was a mold's.
  func moldDied(pid: Int32, status: ExitStatus, nowMs: Int64) -> Bool {
    if let index = closingMolds.firstIndex(where: { $0.pid == pid }) {
      closingMolds.remove(at: index)
      memory.moldsChanged()
      return true
    }
    if let mold = servingMold, mold.pid == pid {
      servingMold = nil
      readUntilEnd(mold, nowMs: nowMs)
      let notice = DeathNotice(
        pid: pid, who: "mold", status: status, state: .ready, outOfMemory: server.ranOutOfMemory())
      scoreboard.facts.died(.mold, of: notice.cause)
      ErrorLog.write(
        .error, "\(prefix)\(notice.message); the workers go on, and a new one is started")
      moldBackOff.died(readyForMs: moldReadySinceMs.map { nowMs - $0 }, nowMs: nowMs)
      if !hasServed {
        cannotStart(.workersDie, because: "its mold ended before a worker served", nowMs: nowMs)
      }
      return true
    }
    guard let mold = nextMold, mold.pid == pid else { return false }
    readUntilEnd(mold, nowMs: nowMs)
    nextMold = nil
    let notice = DeathNotice(
      pid: pid, who: "mold", status: status, state: mold.state == .loading ? .starting : .ready,
      outOfMemory: server.ranOutOfMemory())
    var reason = notice.message
    if mold.timedOut {
      reason =
        "the application was not loaded after \(settings.startupTimeoutMs / 1000) s "
        + "(--startup-timeout)"
    }
    if let failure = mold.failure {
      reason = failure.message
    } else if mold.python.isEmpty {
      // Its own words, if it had any, are in the log already.
      reason =
        "\(settings.python) ended before it could load the application (\(reason)); "
        + "choose a Python with --python"
    }
    if phase == .stopping { return true }
    scoreboard.facts.died(.mold, of: mold.timedOut ? .timeout : notice.cause)
    if mold.isRefork {
      drainTrial(of: mold, nowMs: nowMs)
      reforkFailed(because: reason, nowMs: nowMs)
    } else if hasServed {
      drainTrial(of: mold, nowMs: nowMs)
      newVersionFailed(because: reason, nowMs: nowMs)
    } else {
      cannotStart(exitCode(for: mold, status), because: reason, nowMs: nowMs)
    }
    return true
  }

  private func exitCode(for mold: MoldHandle, _ status: ExitStatus) -> ExitCode {
    if let failure = mold.failure { return ExitCode(rawValue: failure.code) ?? .internalError }
    if mold.timedOut { return .application }
    if mold.python.isEmpty { return .python }
    if case .exited(let code) = status, code != 0, let known = ExitCode(rawValue: code) {
      return known
    }
    return .application
  }

  /// Reads what a dead mold said last.
  private func readUntilEnd(_ mold: MoldHandle, nowMs: Int64) {
    while let link = mold.link {
      guard case .message(let message, _) = link.receive() else { break }
      handle(message, from: mold, nowMs: nowMs)
    }
    mold.link = nil
  }
}
