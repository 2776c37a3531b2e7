// ProcessGroup+Policy: what the policy is told, and how its decisions come true. Assembly.
internal import Configuration
internal import Platform
internal import ProcessPolicy
internal import Reporting
internal import Scoreboard

extension ProcessGroup {
  /// Whether it serves, as the status says.
  private var state: GroupState {
    if workers.contains(where: { $0.state == .ready }) || server.predecessor?.serves ?? false {
      return .serving
    }
    guard servingMold != nil else { return nextMold == nil ? .failed : .loading }
    let isAsleep = hasServed && workers.allSatisfy { $0.state == .empty }
    return isAsleep && settings.inactivityTimeoutMs > 0 ? .asleep : .loading
  }

  /// Forks what is to be tried out, and does what the policy asks for.
  func followPolicy(nowMs: Int64) {
    guard phase == .running else { return }
    decide(nowMs: nowMs)
    scoreboard.facts.state = state
  }

  private func decide(nowMs: Int64) {
    if servingMold == nil && nextMold == nil
      && nowMs >= max(moldBackOff.notBeforeMs, startBackOff.notBeforeMs)
    {
      startNextMold(nowMs: nowMs)
    }
    followScripts(nowMs: nowMs)
    followTrial(nowMs: nowMs)
    followRefork(nowMs: nowMs)
    guard let mold = servingMold else { return }
    let isDue = nowMs >= nextDecisionMs
    if isDue {
      memory.look(at: workers, molds: molds, fronts: server.fronts, nowMs: nowMs)
      if let sentence = memory.misfit() { ErrorLog.write(.warn, prefix + sentence) }
    }
    memory.lookAtGroup(workers, nowMs: nowMs)
    var tick = PolicyTick(
      nowMs: nowMs, generation: mold.generation, reaped: reaped,
      processes: workers.filter { $0.state != .empty }.map {
        $0.snapshot(settings, memoryBytes: memory.bytes(of: $0))
      },
      usableCores: server.usableCores)
    // What the kernel holds is for whoever accepts: fronts, or the one group without them.
    tick.waitingConnections =
      (index == 0 ? server.backlog : 0)
      + workers.reduce(0) { $0 + ($1.state == .empty ? 0 : $1.board.waiting) }
      + server.fronts.reduce(0) { $0 + $1.boards[index].waiting }
    tick.isCPUSaturated = server.cpuMeter.isSaturated(cores: server.usableCores)
    // Apache knows nothing of memory.
    tick.memory = settings.usesApachePolicy ? nil : memory.view
    tick.handoverPaceMs = mold.isRefork ? Self.reforkPaceMs : 0
    reaped = []
    for action in policy.decide(tick) { obey(action, mold, nowMs: nowMs) }
    guard isDue else { return }
    shedNotice.look(at: workers, server.fronts, group: index, nowMs: nowMs)
    for line in shedNotice.due(settings, nowMs: nowMs) { ErrorLog.write(.warn, prefix + line) }
    nextDecisionMs = policy.nextDecisionMs(nowMs: nowMs)
    scoreboard.facts.memory = memory.status(binding: policy.binding)
  }

  private func obey(_ action: ProcessAction, _ mold: MoldHandle, nowMs: Int64) {
    switch action {
    case .spawn(let slots):
      guard nowMs >= forkBackOff.notBeforeMs else { return }
      for slot in slots where workers.indices.contains(slot) {
        fork(workers[slot], from: mold, nowMs: nowMs)
      }
    case .endGracefully(let slot):
      guard workers.indices.contains(slot) else { return }
      let worker = workers[slot]
      worker.endsBecauseIdle = worker.generation == mold.generation
      drain(worker, nowMs: nowMs)
    case .allowThreads(let count):
      threadsAllowed = count
      for worker in workers where worker.state.isCapacity {
        worker.board.setThreadsAllowed(count)
      }
    case .log(let message): ErrorLog.write(message.severity.level, prefix + message.text)
    case .stopServer(let message):
      ErrorLog.write(.crit, message.text)
      server.stop(.workersDie, nowMs: nowMs)
    }
  }

  /// A new version gets one worker. Only when that is ready does the version come into service, so
  /// one that loads but cannot serve costs nothing.
  private func followTrial(nowMs: Int64) {
    guard let mold = nextMold, mold.state == .ready, nowMs >= trialBackOff.notBeforeMs,
      !workers.contains(where: { $0.generation == mold.generation && $0.state.isCapacity }),
      // Without a free slot the next turn tries again: some worker is on its way out.
      let worker = workers.first(where: { $0.state == .empty })
    else { return }
    fork(worker, from: mold, nowMs: nowMs)
  }

  /// Remembers for the policy that a worker ended.
  func noteDeath(of worker: WorkerHandle, _ notice: DeathNotice, readyForMs: Int64?) {
    let exit: ReapedProcess.Exit
    var readyForMs = readyForMs
    switch (notice.status, notice.killReason) {
    case (_, .notNeeded), (_, .stoppedAtOnce):
      // Told to go before it served: nothing is wrong with it.
      exit = .finished
      readyForMs = readyForMs ?? 0
    case (.exited(code: 0), _):
      exit = .finished
      // Told to go in the moment in which it began to serve.
      if notice.state == .draining { readyForMs = readyForMs ?? 0 }
    case (.exited(code: ExitCode.resources.rawValue), _): exit = .resourceShortage
    case (.exited, _): exit = .failed
    case (.signalled, _): exit = notice.outOfMemory == true ? .resourceShortage : .signaled
    }
    reaped.append(ReapedProcess(slot: worker.slot, exit: exit, readyForMs: readyForMs))
  }
}

extension WorkerHandle {
  /// The worker as the policy sees it.
  func snapshot(_ settings: ServerSettings, memoryBytes: Int64?) -> ProcessSnapshot {
    let isReady = state == .ready
    let busy = isReady ? board.busyThreads : 0
    let processState: ProcessState
    switch state {
    case .empty: processState = .open
    case .forking, .starting: processState = .starting
    case .ready: processState = settings.threadsMax == 1 ? board.line(0).state : .ready
    case .draining, .condemned: processState = endsBecauseIdle ? .idleCleanup : .graceful
    }
    var snapshot = ProcessSnapshot(
      slot: slot, state: processState, generation: generation, isLoaded: isReady,
      busyThreads: busy, idleThreads: isReady ? max(0, board.startedThreads - busy) : 0,
      isAccepting: isReady && board.isAccepting, lastUsedMs: board.lastUsedMs,
      startedMs: startedMs, memoryBytes: memoryBytes)
    snapshot.isScout = isScout
    return snapshot
  }
}

extension PolicyMessage.Severity {
  /// The level of the error log.
  var level: LogLevel {
    switch self {
    case .info: .info
    case .warning: .warn
    case .error: .error
    }
  }
}
