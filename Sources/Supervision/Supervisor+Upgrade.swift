// Supervisor+Upgrade: another program takes the supervisor's place, in the same process. Assembly.
//
//   old program                                 new program
//   SIGURG ─▶ check in a child ─▶ execve(2) ─▶ plimsoll ─▶ plimsolld ─▶ molds ─▶ workers ─▶ fronts
//   its children serve ──────────────────────────────────────────────────────────▶ finish ─▶ gone
//
// The process stays, and with it its number, its children, the listening sockets and all that waits
// in them: docs/decisions/0008-upgrade-in-place.md.
internal import Configuration
internal import Control
internal import Platform
internal import ProcessPolicy
internal import Scoreboard

extension Supervisor {
  // MARK: the old program

  /// Somebody asks for an upgrade.
  func beginUpgrade(because reason: String, nowMs: Int64) {
    guard phase == .running else { return }
    guard upgrade == nil else {
      return ErrorLog.write(.notice, "upgrade: \(reason); one is under way already")
    }
    ErrorLog.write(.notice, "upgrade: \(reason); the program that is installed now is checked")
    notifier.reloading()
    let generations = groups.map { $0.reserveGeneration() }
    guard let invocation else {
      return upgradeFailed(
        generations, because: "it is not known how the server was called; stop it and start it")
    }
    do {
      upgrade = try Upgrade(
        invocation, handover(), environment: environment, generations: generations, nowMs: nowMs)
    } catch {
      upgradeFailed(generations, because: "the check cannot be started (\(error))")
    }
  }

  /// - Returns: whether `pid` was the process that checks.
  func checkEnded(pid: Int32, status: ExitStatus, nowMs: Int64) -> Bool {
    guard let upgrade, upgrade.pid == pid else { return false }
    if let reason = upgrade.ended(status, nowMs: nowMs) {
      upgradeFailed(upgrade.generations, because: reason)
    }
    return true
  }

  private func upgradeFailed(_ generations: [Int], because reason: String) {
    upgrade = nil
    ErrorLog.write(
      .error, "the upgrade is given up, nothing changed and what runs serves on: \(reason)")
    for (group, generation) in zip(groups, generations) {
      group.scoreboard.facts.failedGeneration = generation
    }
    notifier.ready(status: "serving; the upgrade failed")
  }

  /// Whether the new program was found good, so that nothing new is to begin here.
  var isHandingOver: Bool {
    guard let upgrade, upgrade.pid == 0 else { return false }
    return upgrade.isLate || groups.allSatisfy(\.canBeLeft)
  }

  /// Hands over as soon as that can be.
  func followUpgrade(nowMs: Int64) {
    guard let upgrade, phase == .running else { return }
    if upgrade.deadlineMs <= nowMs { upgrade.expire() }
    guard upgrade.pid == 0 else { return }
    if !upgrade.isLate { for group in groups { group.wakeToBeLeft(nowMs: nowMs) } }
    // Who starts is known to, and gets its lanes from, the program that has asked for it.
    guard isHandingOver,
      !groups.contains(where: { group in
        group.workers.contains {
          $0.state == .forking || (!upgrade.isLate && $0.state == .starting)
        }
      })
    else { return }
    handOver(upgrade)
  }

  /// Becomes the new program. Where that fails nothing has changed.
  private func handOver(_ upgrade: Upgrade) {
    guard let invocation else { return }
    for worker in groups.flatMap(\.workers) where worker.state == .condemned && worker.pid > 0 {
      Signal.send(Signal.kill, to: worker.pid)
    }
    var handover = handover()
    for index in handover.groups.indices
    where handover.groups[index].generation == upgrade.generations[index] {
      handover.groups[index].generation -= 1
    }
    do {
      let file = try SharedMemory.makeSealed(name: Upgrade.fileName, handover.encoded)
      let kept = handover.descriptors + [file.number]
      for number in kept { try FileDescriptor.setKeptByExec(number, true) }
      environment.restore(withNotifySocket: true)
      ErrorLog.write(.notice, "upgrade: \(invocation.program) takes over")
      let failure = Upgrade.execute(invocation, "--handover-fd=\(file.number)")
      environment.remove()
      for number in kept { try? FileDescriptor.setKeptByExec(number, false) }
      upgradeFailed(
        upgrade.generations,
        because: "\(invocation.program) cannot be started: \(failure.reason)")
    } catch {
      upgradeFailed(upgrade.generations, because: "the server cannot be handed over (\(error))")
    }
  }

  /// Everything that stays.
  private func handover() -> Handover {
    var handover = Handover()
    handover.software = "plimsoll/\(Release.version)"
    handover.startedSeconds = groups[0].scoreboard.facts.startedSeconds
    handover.pidFile = settings.pidFile
    handover.sockets = listeners.map { listener in
      var socket = Handover.Socket()
      socket.number = listener.number
      socket.bind = listener.purpose
      if let file = listener.socketFile {
        (socket.path, socket.device, socket.inode) = (file.path, file.device, file.inode)
      }
      return socket
    }
    handover.groups = groups.map { group in
      var part = Handover.Group()
      part.name = group.settings.processGroup
      part.generation = group.generation
      part.serving = group.scoreboard.facts.servingGeneration
      part.expectedBytes = group.memory.expectedBytes
      part.scoreboard = group.launcher.scoreboardNumber
      return part
    }
    handover.children =
      fronts.filter { $0.pid > 0 }.map { Handover.Child($0) }
      + groups.flatMap { group in
        group.workers.filter { $0.pid > 0 && $0.state != .empty }.map {
          Handover.Child($0, group: group.index)
        } + group.molds.map { Handover.Child($0, group: group.index) }
      } + (predecessor?.children ?? []).map { Handover.Child($0) }
    return handover
  }

  // MARK: the new program

  /// Begins as the successor of the program that left `predecessor`.
  func takeOver(nowMs: Int64) {
    guard let predecessor else { return }
    let count = predecessor.children.count { $0.role != .mold }
    ErrorLog.write(
      .notice,
      "upgrade: plimsoll/\(Release.version) runs now; \(count) processes from before serve until "
        + "its own do")
    predecessor.closeMolds(nowMs: nowMs)
    predecessor.look(nowMs: nowMs)
  }

  /// Starts fronts once there are workers for each of them, lets what was there before finish once
  /// everything serves, and forgets it once it is gone.
  func followPredecessor(nowMs: Int64) {
    guard let predecessor else { return }
    predecessor.look(nowMs: nowMs)
    if isTakingOver && phase == .running { goOver(predecessor, nowMs: nowMs) }
    if predecessor.children.isEmpty && !isTakingOver {
      self.predecessor = nil
      ErrorLog.write(.info, "upgrade: the processes from before are gone")
    }
  }

  private func goOver(_ predecessor: Predecessor, nowMs: Int64) {
    let allServe = groups.allSatisfy(\.hasServed)
    if settings.isDaemon && fronts.isEmpty && (allServe || hasServed && !predecessor.hasFronts) {
      startFronts(nowMs: nowMs)
    }
    guard allServe, fronts.allSatisfy({ $0.readySinceMs != nil }) else { return }
    let sinceMs = predecessor.servedSinceMs ?? nowMs
    predecessor.servedSinceMs = sinceMs
    let mayWait = nowMs - sinceMs < Predecessor.mostSettlingMs && predecessor.serves
    guard groups.allSatisfy(\.isAtStrength) || !mayWait else { return }
    isTakingOver = false
    for group in groups { group.noteServing() }
    ErrorLog.write(
      .notice, "upgraded: plimsoll/\(Release.version) serves; the processes from before finish")
    notifier.ready(status: "serving after an upgrade")
    predecessor.finish(with: .drain, nowMs: nowMs)
  }

  /// - Returns: whether `pid` was one of the predecessor's.
  func inheritedDied(pid: Int32, status: ExitStatus) -> Bool {
    guard let predecessor, var notice = predecessor.died(pid: pid, status: status) else {
      return false
    }
    if status == .signalled(signal: Signal.kill, dumpedCore: false), notice.killReason == nil {
      notice.outOfMemory = ranOutOfMemory()
    }
    ErrorLog.write(notice.level, notice.message)
    return true
  }
}

extension ProcessGroup {
  /// The number that the next version has, also where that is loaded by another program.
  func reserveGeneration() -> Int {
    generation += 1
    scoreboard.facts.newestGeneration = generation
    return generation
  }

  /// Whether it can do without this program for a while: where it serves at all, some worker is
  /// there that was not told to go.
  fileprivate var canBeLeft: Bool {
    servingMold == nil || !hasServed || workers.contains { $0.state == .ready }
  }

  /// A group that sleeps could not be woken by the next program, before that has loaded it.
  fileprivate func wakeToBeLeft(nowMs: Int64) {
    guard let mold = servingMold, hasServed, nowMs >= forkBackOff.notBeforeMs,
      !workers.contains(where: \.state.isCapacity),
      let worker = workers.first(where: { $0.state == .empty })
    else { return }
    fork(worker, from: mold, nowMs: nowMs)
  }

  /// Whether so many workers serve as there are at least, or as the memory allows.
  var isAtStrength: Bool {
    let ready = workers.count { $0.state == .ready }
    let least = settings.usesApachePolicy ? 1 : settings.workersMin
    return ready >= max(1, least) || (ready > 0 && policy.binding == .memory)
  }
}

extension Handover.Child {
  fileprivate init(_ front: FrontHandle) {
    self.init()
    (pid, role, name, control) = (front.pid, .front, front.name, front.link?.number ?? -1)
  }

  fileprivate init(_ worker: WorkerHandle, group: Int) {
    self.init()
    (pid, role, name, control) = (worker.pid, .worker, worker.name, worker.link?.number ?? -1)
    self.group = group
    isFinishing = !worker.state.isCapacity
  }

  fileprivate init(_ mold: MoldHandle, group: Int) {
    self.init()
    (pid, role, name, control) = (mold.pid, .mold, "mold", mold.link?.number ?? -1)
    self.group = group
  }

  fileprivate init(_ child: InheritedChild) {
    self.init()
    (pid, role, name, control) = (child.pid, child.role, child.name, child.link?.number ?? -1)
    group = child.group
    isFinishing = child.isFinishing
  }
}
