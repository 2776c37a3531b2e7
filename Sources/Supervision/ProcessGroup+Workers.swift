// ProcessGroup+Workers: forking, draining and burying workers. Assembly.
internal import Configuration
internal import Control
internal import Platform
internal import ProcessPolicy
internal import Reporting
internal import Scoreboard

extension ProcessGroup {
  // MARK: fork

  /// Asks a mold for a worker in a slot.
  func fork(
    _ worker: WorkerHandle, from mold: MoldHandle, isScout: Bool = false, nowMs: Int64
  ) {
    guard worker.state == .empty, mold.state == .ready, let moldLink = mold.link else { return }
    do {
      let pair = try ControlPair()
      worker.beginFork(
        generation: mold.generation, link: ChildLink(owning: pair.near), isScout: isScout,
        nowMs: nowMs, deadlineMs: nowMs + readyTimeoutMs)
      worker.board.setAllowance(bytes: memory.allowanceBytes)
      worker.board.setThreadsAllowed(threadsAllowed)
      let sent = moldLink.send(
        .fork(slot: worker.slot, isScout: isScout), descriptors: [pair.far])
      pair.closeFar()
      // A full queue: the mold is behind. A closed one: its death is on its way here.
      if sent { scoreboard.facts.workerWasForked() } else { worker.becomeEmpty() }
    } catch {
      ErrorLog.write(.error, "cannot make a control channel: \(error)")
      forkBackOff.died(readyForMs: nil, nowMs: nowMs)
    }
  }

  /// The mold has forked, or says so: it runs what the application likes, so its word is not enough
  /// to send signals to a process.
  func wasForked(_ worker: WorkerHandle, pid: Int32, mold: MoldHandle, nowMs: Int64) {
    guard worker.state != .empty, worker.pid == 0, worker.generation == mold.generation else {
      return
    }
    // Who lives is not dead: its number was used before.
    let isAlive = Process.isChild(pid)
    let death = server.claimDeath(of: pid)
    guard isAlive || death != nil, !server.isKnown(pid) else { return refuse(pid, of: mold) }
    worker.pid = pid
    if worker.state == .forking { worker.state = .starting }
    if let death, !isAlive {
      workerDied(worker, status: death, nowMs: nowMs)
    } else if let reason = worker.killReason {
      kill(worker, because: reason, nowMs: nowMs)
    } else if worker.saidReady {
      workerIsReady(worker, nowMs: nowMs)
    }
  }

  /// Whether `pid` is one of its processes.
  func has(_ pid: Int32) -> Bool {
    molds.contains { $0.pid == pid } || workers.contains { $0.state != .empty && $0.pid == pid }
  }

  /// A mold that lies. The slot it spoke for is freed like that of any mold that died.
  private func refuse(_ pid: Int32, of mold: MoldHandle) {
    ErrorLog.write(
      .error,
      "the mold (pid \(mold.pid)) gives out pid \(pid) for a worker, which it is not; the mold is "
        + "killed: look for code in the application that tampers with the server's descriptors")
    mold.link = nil
    Signal.send(Signal.kill, to: mold.pid)
  }

  // MARK: messages

  func readWorkers(nowMs: Int64) {
    for worker in workers {
      while let link = worker.link {
        switch link.receive() {
        case .wouldBlock: break
        case .endOfFile:
          worker.link = nil
          // A worker that was never made ends here; one that was dies, which is seen apart.
          if worker.state == .forking { worker.deadlineMs = nowMs + Self.lastWordsMs }
          continue
        case .message(let message, _):
          handle(message, from: worker, nowMs: nowMs)
          continue
        }
        break
      }
    }
  }

  private func handle(_ message: ControlMessage, from worker: WorkerHandle, nowMs: Int64) {
    switch message {
    case .ready:
      if worker.state == .forking { worker.saidReady = true }
      guard worker.state == .starting else { return }
      if let reason = worker.killReason { return kill(worker, because: reason, nowMs: nowMs) }
      workerIsReady(worker, nowMs: nowMs)
    case .retiring(let reason, let kibibytes):
      guard worker.state == .ready else { return }
      retires(worker, because: reason, kibibytes: kibibytes, nowMs: nowMs)
    case .exiting: isExiting(worker, nowMs: nowMs)
    case .outgrown(let kibibytes, let source):
      guard worker.state == .ready else { return }
      hasOutgrown(worker, grownBytes: Int64(kibibytes) << 10, source, nowMs: nowMs)
    case .failed(let code, let message):
      guard !hasServed else {
        if let nextMold, nextMold.generation == worker.generation {
          return abandonNextMold(because: message, nowMs: nowMs)
        }
        ErrorLog.write(.error, "\(worker.name) (pid \(worker.pid)) cannot serve: \(message)")
        return
      }
      cannotStart(ExitCode(rawValue: code) ?? .application, because: message, nowMs: nowMs)
    case .scouted: scoutMatures(worker, nowMs: nowMs)
    case .becameMold: scoutBecameMold(worker, nowMs: nowMs)
    case .cannotBecomeMold(let reason): worker.scoutFailure = reason
    case .fork, .drain, .finish, .stop, .reopenLogs, .loading, .forked, .filesChanged, .lanes,
      .letterbox, .retire, .laneEnded, .wanted, .giveUp:
      break
    }
  }

  private func hasOutgrown(
    _ worker: WorkerHandle, grownBytes: Int64, _ source: ControlMessage.GrowthSource?, nowMs: Int64
  ) {
    worker.scoutIsCancelled = true
    memory.outgrew(worker, grownBytes: grownBytes, nowMs: nowMs)
    // A leak replaces many workers: one line in a while says it, the rest is for those who look.
    let isNews = nowMs - lastGrowthNoticeMs >= Self.growthNoticeMs
    if isNews { lastGrowthNoticeMs = nowMs }
    ErrorLog.write(
      isNews ? .warn : .info,
      "\(worker.name) (pid \(worker.pid)) took \(grownBytes.asSize) more memory since it began to "
        + "serve\(source.map { ", \($0.sentence)" } ?? ""), of "
        + "\(worker.board.allowanceBytes.asSize) that it may; it is replaced after the "
        + "\(worker.board.requestsServed) requests it has answered and those in hand: look for a "
        + "leak if this goes on")
    beginDraining(worker, nowMs: nowMs)
  }

  private func workerIsReady(_ worker: WorkerHandle, nowMs: Int64) {
    worker.state = .ready
    worker.readySinceMs = nowMs
    let times = worker.startTimes(nowUs: Clock.monotonicMicroseconds())
    scoreboard.facts.workerBecameReady(forkUs: times.forkUs, askedUs: times.askedUs)
    memory.watch(worker)
    worker.deadlineMs = .max
    if let nextMold, nextMold.generation == worker.generation {
      promoteNextMold(nowMs: nowMs)
      announce(
        "serving generation \(worker.generation) of \(title)"
          + (nextMold.isRefork ? ": the refork, in which requests have loaded what they need" : ""))
    } else if !hasServed {
      announce(
        "serving \(title) at \(server.listeners.map(\.name).joined(separator: ", ")) with "
          + "\(capacity), Python "
          + "\(servingMold?.python ?? "")")
    }
    // A front that starts is given to every worker that serves, this one among them.
    if server.fronts.isEmpty && !server.isTakingOver {
      server.startFronts(nowMs: nowMs)
    } else {
      server.connect(worker, of: self)
    }
    hasServed = true
    hungForks = 0
    if !server.isTakingOver { noteServing() }
    forkBackOff.becameReady()
    moldBackOff.becameReady()
    startBackOff = BackOff(limitsMs: Self.startPausesMs)
  }

  /// Tells who looks at the scoreboard which generation serves.
  func noteServing() {
    guard let servingMold, scoreboard.facts.servingGeneration != servingMold.generation else {
      return
    }
    scoreboard.facts.servingSinceSeconds = Clock.realSeconds()
    scoreboard.facts.servingGeneration = servingMold.generation
  }

  /// How many requests it can have in hand, in a few words.
  private var capacity: String {
    let (few, many) = (settings.threadsMin, settings.threadsMax)
    let threads =
      few < many ? "\(few) to \(many) threads" : few == 1 ? "1 thread" : "\(few) threads"
    guard !settings.usesApachePolicy else {
      return "1 to \(settings.mostWorkers) × \(threads) (Apache's \(settings.mpm))"
    }
    let (least, most) = (settings.workersMin, settings.workersMax)
    return (least == most ? "\(most)" : "\(least) to \(most)") + " × \(threads)"
      + (few < many ? " (together at most \(settings.mostHandlers))" : "")
  }

  private func announce(_ text: String) {
    ErrorLog.write(.notice, prefix + text)
    if !server.isTakingOver { server.notifier.ready(status: text) }
  }

  // MARK: the end

  /// A worker finishes from now on; `--graceful-timeout 0` sets it no limit.
  ///
  /// - Parameter isEvicted: it was told so by a signal: `--eviction-timeout`, if there is one.
  func beginDraining(_ worker: WorkerHandle, isEvicted: Bool = false, nowMs: Int64) {
    worker.state = .draining
    // The fronts close the worker's lanes as they become idle. When the server ends they go first.
    if phase == .running { server.tellFronts(.retire(pid: worker.pid)) }
    let usesEviction = isEvicted && settings.evictionTimeoutMs > 0
    let limitMs = usesEviction ? settings.evictionTimeoutMs : settings.gracefulTimeoutMs
    worker.deadlineMs = limitMs > 0 ? nowMs + limitMs : .max
    worker.lateReason =
      usesEviction
      ? .evictionTimeout(seconds: limitMs / 1000) : .gracefulTimeout(seconds: limitMs / 1000)
  }

  /// Lets a worker finish what it has in hand; one that does not serve yet is killed.
  func drain(_ worker: WorkerHandle, nowMs: Int64, with message: ControlMessage = .drain) {
    worker.scoutIsCancelled = true
    switch worker.state {
    case .empty, .condemned: return
    case .draining: _ = worker.link?.send(message)
    case .starting where !mayServe(worker): fallthrough
    case .forking:
      kill(worker, because: phase == .stopping ? .stoppedAtOnce : .notNeeded, nowMs: nowMs)
    case .starting, .ready:
      beginDraining(worker, nowMs: nowMs)
      _ = worker.link?.send(message)
    }
  }

  /// Whether a worker that is starting may have a client's request in hand already: it serves
  /// before its word of that is read here. One that imports the application itself takes long, so
  /// there the scoreboard is asked, and it is not waited for.
  private func mayServe(_ worker: WorkerHandle) -> Bool {
    preloads || settings.loadsInsideRequests || worker.board.isAccepting
  }

  /// Kills a worker, with a moment to write its stacks if that explains something.
  func kill(_ worker: WorkerHandle, because reason: KillReason, nowMs: Int64) {
    worker.killReason = worker.killReason ?? reason
    guard worker.pid > 0 else {
      // Not made yet, or not known yet: it is killed when the mold tells its pid.
      worker.deadlineMs = nowMs + Self.moldClosingMs
      return
    }
    worker.state = .condemned
    switch reason {
    case .gracefulTimeout, .evictionTimeout: giveUpRequests(of: worker, nowMs: nowMs)
    case .stuckRequest, .deadlock, .startupTimeout, .hungFork, .shutdownTimeout:
      Signal.send(Signal.dumpStacks, to: worker.pid)
      worker.deadlineMs = nowMs + Self.lastWordsMs
    case .notNeeded, .stoppedAtOnce:
      Signal.send(Signal.kill, to: worker.pid)
      worker.deadlineMs = nowMs + Self.moldClosingMs
    }
  }

  func workerDied(_ worker: WorkerHandle, status: ExitStatus, nowMs: Int64) {
    // What it said last, such as why it could not start.
    while let link = worker.link, case .message(let message, _) = link.receive() {
      handle(message, from: worker, nowMs: nowMs)
    }
    var notice = DeathNotice(
      pid: worker.pid, who: worker.name, status: status, state: worker.state,
      killReason: worker.killReason, requestsLost: worker.board.requestsInHand)
    notice.lost = worker.board.textsInHand.map {
      LostRequest(id: $0.texts.id, request: $0.texts.request, ranMs: nowMs - $0.beganMs)
    }
    if status == .signalled(signal: Signal.kill, dumpedCore: false), worker.killReason == nil {
      notice.outOfMemory = server.ranOutOfMemory()
    }
    ErrorLog.write(notice.level, notice.message)
    let wasCapacity = worker.state.isCapacity
    let readyForMs = worker.readySinceMs.map { nowMs - $0 }
    let generation = worker.generation
    if worker.isScout { scoutDied(worker, notice, nowMs: nowMs) }
    if notice.level == .error { scoreboard.facts.died(.worker, of: notice.cause) }
    scoreboard.facts.inherit(from: worker.board)
    memory.forget(worker)
    if nextMold?.generation != generation {
      noteDeath(of: worker, notice, readyForMs: readyForMs)
    }
    worker.becomeEmpty()
    if reforkMayBeBroken(notice, generation: generation, nowMs: nowMs) { return }
    if case .hungFork = notice.killReason, phase == .running {
      hungForks += 1
      if hungForks >= Self.mostHungForks {
        return stopPreloading(generation: generation, nowMs: nowMs)
      }
    }
    guard phase == .running, notice.state != .draining || worker.killReason != nil,
      worker.killReason != .notNeeded
    else { return }
    if let nextMold, nextMold.generation == generation {
      trialWorkerDied(nowMs: nowMs)
    } else if wasCapacity || worker.killReason != nil {
      servingWorkerDied(nowMs: nowMs)
    }
  }

  private func trialWorkerDied(nowMs: Int64) {
    trialDeaths += 1
    trialBackOff.died(readyForMs: nil, nowMs: nowMs)
    if trialDeaths >= Self.mostTrialDeaths {
      abandonNextMold(
        because: "\(trialDeaths) of its workers ended before they were ready", nowMs: nowMs)
    }
  }

  private func servingWorkerDied(nowMs: Int64) {
    guard !hasServed else { return }
    firstDeaths += 1
    if firstDeaths >= Self.mostFirstDeaths {
      cannotStart(
        .workersDie,
        because: "\(firstDeaths) workers ended before one was ready; the reasons are above",
        nowMs: nowMs)
    }
  }
}

extension ControlMessage.GrowthSource {
  /// `mostly in /leak/: 4 MB in 4 requests`.
  var sentence: String {
    let size = (Int64(kibibytes) << 10).asSize
    let count = requests == 1 ? " in 1 request" : " in \(requests) requests"
    return "mostly in \(path): \(size)\(requests > 0 ? count : "")"
  }
}
