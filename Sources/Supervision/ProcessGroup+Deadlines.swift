// ProcessGroup+Deadlines: what has lasted too long, and requests that are stuck. Assembly.
internal import Configuration
internal import Platform
internal import ProcessPolicy
internal import Scoreboard

extension ProcessGroup {
  /// How often stuck requests are looked for.
  static let watchMs: Int64 = 500

  /// When something must be looked at next; .max where nothing waits for time to pass.
  var nextDueMs: Int64 {
    var next = Int64.max
    for mold in molds { next = min(next, mold.deadlineMs) }
    var isServing = false
    for worker in workers where worker.state != .empty {
      next = min(next, worker.deadlineMs)
      isServing = true
    }
    if isServing && limits.areSet { next = min(next, nextLimitsMs) }
    if isServing && watchStepMs != .max { next = min(next, nextWatchMs) }
    guard phase == .running else { return next }
    let nowMs = Clock.monotonicMs()
    for notBefore in [
      forkBackOff.notBeforeMs, trialBackOff.notBeforeMs, moldBackOff.notBeforeMs,
      startBackOff.notBeforeMs,
    ] where notBefore > nowMs {
      next = min(next, notBefore)
    }
    if servingMold != nil { next = min(next, nextDecisionMs) }
    return next
  }

  /// Acts on every deadline that has passed.
  func checkDeadlines(nowMs: Int64) {
    for mold in molds where mold.deadlineMs <= nowMs { moldIsLate(mold, nowMs: nowMs) }
    for worker in workers where worker.state != .empty && worker.deadlineMs <= nowMs {
      workerIsLate(worker, nowMs: nowMs)
    }
    checkLimits(nowMs: nowMs)
    if watchStepMs != .max && nowMs >= nextWatchMs {
      nextWatchMs = nowMs + watchStepMs
      if settings.deadlockTimeoutMs > 0 { findDeadlocks(nowMs: nowMs) }
      if settings.timeoutMs > 0 { findStuckRequests(nowMs: nowMs) }
    }
  }

  /// Time between two looks at what workers are stuck in, ms; .max: nobody looks.
  private var watchStepMs: Int64 {
    let limits = [settings.timeoutMs, settings.deadlockTimeoutMs].filter { $0 > 0 }
    return limits.min().map { min(Self.watchMs, max(50, $0 / 4)) } ?? .max
  }

  /// How long a worker may take until it serves.
  var readyTimeoutMs: Int64 {
    preloads ? min(Self.forkReadyMs, settings.startupTimeoutMs) : settings.startupTimeoutMs
  }

  private func moldIsLate(_ mold: MoldHandle, nowMs: Int64) {
    if mold.state == .loading && !mold.timedOut {
      // Its stacks show what the import waits for.
      mold.timedOut = true
      mold.deadlineMs = nowMs + Self.lastWordsMs
      Signal.send(Signal.dumpStacks, to: mold.pid)
    } else {
      mold.deadlineMs = nowMs + Self.moldClosingMs
      Signal.send(Signal.kill, to: mold.pid)
    }
  }

  private func workerIsLate(_ worker: WorkerHandle, nowMs: Int64) {
    switch worker.state {
    case .empty, .ready: worker.deadlineMs = .max
    case .forking: wasNotForked(worker, nowMs: nowMs)
    case .starting:
      kill(
        worker,
        because: preloads
          ? .hungFork(seconds: readyTimeoutMs / 1000)
          : .startupTimeout(seconds: settings.startupTimeoutMs / 1000),
        nowMs: nowMs)
    case .draining: kill(worker, because: worker.lateReason, nowMs: nowMs)
    case .condemned:
      Signal.send(Signal.kill, to: worker.pid)
      worker.deadlineMs = nowMs + Self.moldClosingMs
    }
  }

  private func wasNotForked(_ worker: WorkerHandle, nowMs: Int64) {
    if worker.link != nil, let mold = molds.first(where: { $0.generation == worker.generation }) {
      // The mold holds the other end and does not fork: it is broken.
      ErrorLog.write(.error, "the mold (pid \(mold.pid)) does not answer; it is killed")
      Signal.send(Signal.kill, to: mold.pid)
    }
    if worker.killReason == nil {
      ErrorLog.write(.error, "\(worker.name) was not forked")
      if phase == .running { forkBackOff.died(readyForMs: nil, nowMs: nowMs) }
    }
    worker.becomeEmpty()
  }

  private func findDeadlocks(nowMs: Int64) {
    for worker in workers where worker.state == .ready || worker.state == .draining {
      let sinceMs = worker.board.lockWantedSinceMs
      guard sinceMs > 0, nowMs &- sinceMs > settings.deadlockTimeoutMs else { continue }
      let seconds = (nowMs &- sinceMs) / 1000
      ErrorLog.write(
        .error,
        "\(worker.name) (pid \(worker.pid)): for \(seconds) s none of its threads could get "
          + "Python's lock; its Python stacks follow, then the worker is replaced")
      kill(worker, because: .deadlock(seconds: seconds), nowMs: nowMs)
    }
  }

  private func findStuckRequests(nowMs: Int64) {
    for worker in workers where worker.state == .ready || worker.state == .draining {
      // A worker interrupts its requests itself; not a scout, which has no thread for that.
      let graceMs = worker.isScout ? 0 : settings.interruptTimeoutMs
      guard let oldest = worker.board.oldestRequest,
        nowMs - oldest.sinceMs > settings.timeoutMs + graceMs
      else { continue }
      let seconds = (nowMs - oldest.sinceMs) / 1000
      ErrorLog.write(
        .error,
        "\(worker.name) (pid \(worker.pid)): the request of its thread \(oldest.thread) "
          + "has been running for \(seconds) s, longer than --timeout "
          + "\(settings.timeoutMs / 1000); its Python stacks follow, then the worker is replaced")
      kill(
        worker,
        because: .stuckRequest(
          thread: oldest.thread, seconds: seconds, wasInterrupted: graceMs > 0), nowMs: nowMs)
    }
  }
}
