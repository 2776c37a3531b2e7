// ProcessGroup+Refork: a worker that has served becomes the next mold. Assembly.
internal import Configuration
internal import Platform
internal import ProcessPolicy
internal import Scoreboard

// How a refork goes:
//
//   policy: due ─▶ scout forked ─▶ serves ──scouted──▶ drains ──becameMold──▶ nextMold, ready
//                      │             │                   │                       │ (+Molds: trial)
//                      └── dies ─────┴── cannotBecome…, ─┴───── its trial ───────┤
//                                        dies, too slow         fails            ▼
//                                                                           servingMold
//
// 1. A scout is the only one, and belongs to the generation that serves. Whatever else begins (a
//    restart, a stop) lets it go; one that says later that it is a mold is closed.
// 2. Its failure changes nothing for anybody: the mold that serves stays.
extension ProcessGroup {
  /// Least time between two exchanges of a worker for one of a refork: nobody waits for it.
  static let reforkPaceMs: Int64 = 100
  /// Workers of a refork that crash in its first ``reforkProvenMs``, after which the application is
  /// loaded anew.
  static let mostReforkDeaths = 3
  /// A refork that has served for so long is as good as any mold, ms.
  static let reforkProvenMs: Int64 = 60_000

  /// Forks a scout where one is due, and lets one go that gets too little to do.
  func followRefork(nowMs: Int64) {
    guard let mold = servingMold, preloads, nowMs >= nextDecisionMs else { return }
    if let scout, scout.state == .ready,
      nowMs - (scout.readySinceMs ?? nowMs) > ReforkPolicy.mostScoutMs
    {
      scout.scoutFailure =
        "\(scout.name) has answered \(scout.board.requestsServed) requests in "
        + "\(ReforkPolicy.mostScoutMs / 60_000) minutes, fewer than it needs: clients keep their "
        + "connections to the other workers"
      return drain(scout, nowMs: nowMs)
    }
    guard refork.nextAfterRequests != nil, mold.state == .ready,
      nowMs >= forkBackOff.notBeforeMs,
      let slot = workers.first(where: { $0.state == .empty })
    else { return }
    let tick = ReforkPolicy.Tick(
      nowMs: nowMs, requests: scoreboard.requestsAnswered, hasScout: scout != nil,
      isChanging: nextMold != nil
        || workers.contains {
          $0.state != .empty && ($0.generation != mold.generation || !$0.state.isCapacity)
        },
      memory: memory.view)
    guard refork.isDue(tick) else { return }
    ErrorLog.write(
      .info,
      "\(prefix)refork: \(slot.name) serves \(settings.scoutRequests) requests with one thread, "
        + "and becomes the next mold then")
    fork(slot, from: mold, isScout: true, nowMs: nowMs)
  }

  /// The worker that is to become a mold, while there is one.
  var scout: WorkerHandle? { workers.first { $0.isScout && $0.state != .empty } }

  /// Lets a scout go, as something else begins.
  func cancelScout(nowMs: Int64) {
    if let scout { drain(scout, nowMs: nowMs) }
  }

  // MARK: what a scout says

  /// It has served enough, and finishes what it has in hand.
  func scoutMatures(_ worker: WorkerHandle, nowMs: Int64) {
    guard worker.isScout, worker.state == .ready else { return }
    worker.isMaturing = true
    beginDraining(worker, nowMs: nowMs)
    guard mayRefork(worker) else { return drain(worker, nowMs: nowMs) }
    // There may have been room when it was forked. What it takes now, it has already.
    guard ReforkPolicy.hasRoom(memory.view) else {
      worker.scoutFailure = "there is no room for another mold within the memory budget"
      return drain(worker, nowMs: nowMs)
    }
  }

  private func mayRefork(_ worker: WorkerHandle) -> Bool {
    phase == .running && preloads && nextMold == nil && !worker.scoutIsCancelled
      && worker.generation == servingMold?.generation
  }

  /// It is a mold, and has left its slot.
  func scoutBecameMold(_ worker: WorkerHandle, nowMs: Int64) {
    guard worker.isScout, worker.isMaturing, worker.state == .draining, worker.pid > 0,
      let link = worker.link
    else { return }
    let isWanted = mayRefork(worker)
    let requests = worker.board.requestsServed
    let name = worker.name
    generation += 1
    scoreboard.facts.newestGeneration = generation
    let mold = MoldHandle(
      generation: generation, pid: worker.pid, link: link, deadlineMs: .max, isRefork: true)
    mold.python = servingMold?.python ?? ""
    scoreboard.facts.inherit(from: worker.board)
    memory.forget(worker)
    memory.moldsChanged()
    worker.becomeEmpty()
    guard isWanted else {
      close(mold, nowMs: nowMs)
      if let reason = worker.scoutFailure { return reforkFailed(because: reason, nowMs: nowMs) }
      return refork.cancelled(requests: scoreboard.requestsAnswered, nowMs: nowMs)
    }
    ErrorLog.write(
      .notice,
      "\(prefix)refork: \(name) (pid \(mold.pid)) has answered \(requests) requests and becomes "
        + "the next mold; one worker of it is tried out")
    trialDeaths = 0
    trialBackOff = BackOff()
    nextMold = mold
    moldReadySinceMs = nowMs
  }

  // MARK: what becomes of it

  /// A scout that became no mold is gone.
  func scoutDied(_ worker: WorkerHandle, _ notice: DeathNotice, nowMs: Int64) {
    guard phase == .running else { return }
    if let reason = worker.scoutFailure {
      reforkFailed(because: reason, nowMs: nowMs)
    } else if worker.scoutIsCancelled || worker.killReason == .notNeeded {
      refork.cancelled(requests: scoreboard.requestsAnswered, nowMs: nowMs)
    } else {
      reforkFailed(because: notice.message, nowMs: nowMs)
    }
  }

  /// A scout became no mold, or the mold it became does not work.
  func reforkFailed(because reason: String, nowMs: Int64) {
    refork.failed(requests: scoreboard.requestsAnswered, nowMs: nowMs)
    memory.moldsChanged()
    let next =
      refork.nextAfterRequests.map { "the next attempt comes after \($0) more requests" }
      ?? "there is no other attempt before the next restart"
    ErrorLog.write(
      .warn, "\(prefix)the refork is given up, the old mold stays: \(reason); \(next)")
    if servingMold == nil { moldBackOff.died(readyForMs: nil, nowMs: nowMs) }
  }

  /// A mold came into service.
  func noteReforkPromotion(of mold: MoldHandle, nowMs: Int64) {
    reforkDeaths = 0
    servingMoldSinceMs = nowMs
    memory.moldsChanged()
    cancelScout(nowMs: nowMs)
    let requests = scoreboard.requestsAnswered
    if mold.isRefork {
      refork.succeeded(requests: requests, nowMs: nowMs)
    } else {
      refork.loaded(requests: requests, nowMs: nowMs)
    }
  }

  /// A worker ended as it should not. Where its mold was a worker, that may be the reason: after
  /// some such deaths, or one worker that hangs right after the fork, the application is loaded
  /// anew, and not forked from a worker again until the next restart.
  ///
  /// - Returns: whether the mold was given up.
  func reforkMayBeBroken(_ notice: DeathNotice, generation: Int, nowMs: Int64) -> Bool {
    guard phase == .running, notice.level == .error else { return false }
    var hangs = false
    if case .hungFork = notice.killReason { hangs = true }
    if let mold = nextMold, mold.isRefork, mold.generation == generation, hangs {
      abandonNextMold(because: "its worker was stuck after the fork", nowMs: nowMs)
      return true
    }
    guard let mold = servingMold, mold.isRefork, mold.generation == generation, nextMold == nil
    else { return false }
    let isYoung = nowMs - servingMoldSinceMs < Self.reforkProvenMs
    guard hangs || (isYoung && notice.killReason == nil && notice.outOfMemory != true) else {
      return false
    }
    reforkDeaths += 1
    guard hangs || reforkDeaths >= Self.mostReforkDeaths else { return false }
    ErrorLog.write(
      .error,
      "\(reforkDeaths == 1 ? "a worker" : "\(reforkDeaths) workers") of the refork died early, "
        + "which may be its fault: the application is loaded anew. If that helps, turn reforking "
        + "off with --refork-after 0")
    refork.giveUp()
    startNextMold(nowMs: nowMs)
    return true
  }
}
