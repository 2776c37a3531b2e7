// Supervisor+Fronts: the processes that have the clients' connections in daemon mode. Assembly.
internal import Configuration
internal import Control
internal import Platform
internal import ProcessPolicy
internal import Reporting
internal import Scoreboard
internal import Server

extension Supervisor {
  /// Descriptors in one control message.
  private static let lanesPerMessage = 16

  // MARK: life

  /// Starts the fronts; before the first worker serves there is nothing to hand on.
  func startFronts(nowMs: Int64) {
    guard settings.isDaemon else { return }
    for index in 0..<settings.fronts {
      fronts.append(FrontHandle(index: index, of: groups.map(\.scoreboard)))
    }
    for front in fronts { start(front, nowMs: nowMs) }
  }

  private func start(_ front: FrontHandle, nowMs: Int64) {
    front.deadlineMs = .max
    front.readySinceMs = nil
    do {
      let pair = try ControlPair()
      for board in front.boards { board.clear(generation: 0, phase: .serving) }
      front.startedMs = nowMs
      front.cpuMs = 0
      let pid = try Process.fork()
      if pid == 0 { becomeFront(front, control: pair.far) }
      pair.closeFar()
      front.pid = pid
      front.link = ChildLink(owning: pair.near)
      for group in groups {
        for worker in group.workers where worker.state == .ready {
          connect(worker, of: group, to: front)
        }
      }
    } catch {
      ErrorLog.write(.error, "\(front.name) cannot be started: \(error)")
      front.backOff.died(readyForMs: nil, nowMs: nowMs)
      front.deadlineMs = front.backOff.notBeforeMs
    }
  }

  /// The child, which has one thread like its parent.
  private func becomeFront(_ front: FrontHandle, control: Int32) -> Never {
    FrontProcess(
      settings: settings,
      groups: zip(groups, front.slots).map { group, slot in
        FrontGroup(settings: group.settings, scoreboard: group.scoreboard, slot: slot)
      },
      name: front.name, title: title, listeners: listeners.map { $0.number }, control: control,
      accessLog: logs.accessNumber, account: frontAccount
    ).run()
  }

  /// Messages of the fronts.
  func readFronts(nowMs: Int64) {
    for front in fronts {
      while let link = front.link {
        switch link.receive() {
        case .wouldBlock: break
        case .endOfFile:
          front.link = nil
          continue
        case .message(.ready, _):
          front.readySinceMs = nowMs
          front.backOff.becameReady()
          continue
        case .message(.failed(_, let reason), _):
          ErrorLog.write(.error, "\(front.name) (pid \(front.pid)) cannot serve: \(reason)")
          continue
        case .message(.laneEnded(let slot, let pid, let word), _):
          replaceLane(word, ofSlot: slot, pid: pid, front)
          continue
        case .message(.wanted(let index), _):
          if groups.indices.contains(index) { groups[index].isWanted(nowMs: nowMs) }
          continue
        case .message: continue
        }
        break
      }
    }
  }

  /// A lane of a worker ended; one that lives on gets another.
  private func replaceLane(_ word: Int, ofSlot slot: Int, pid: Int32, _ front: FrontHandle) {
    for group in groups {
      guard let worker = group.workers.first(where: { $0.slot == slot && $0.pid == pid }),
        worker.state == .ready, Process.isChild(pid)
      else { continue }
      makeLanes(1, worker, of: group, front, first: word)
    }
  }

  /// - Returns: whether `pid` was a front's.
  func frontDied(pid: Int32, status: ExitStatus, nowMs: Int64) -> Bool {
    guard let front = fronts.first(where: { $0.pid == pid }) else { return false }
    front.pid = 0
    front.link = nil
    front.deadlineMs = .max
    var notice = DeathNotice(
      pid: pid, who: front.name, status: status, state: phase == .running ? .ready : .draining)
    if status == .signalled(signal: Signal.kill, dumpedCore: false) {
      notice.outOfMemory = ranOutOfMemory()
    }
    for (group, board) in zip(groups, front.boards) {
      group.scoreboard.facts.inherit(from: board)
      board.clear(generation: 0, phase: .open)
    }
    guard phase == .running else {
      ErrorLog.write(notice.level, notice.message)
      return true
    }
    groups[0].scoreboard.facts.died(.front, of: notice.cause)
    ErrorLog.write(
      .error, "\(notice.message); its clients' connections are gone, and it is started again")
    front.backOff.died(readyForMs: front.readySinceMs.map { nowMs - $0 }, nowMs: nowMs)
    if front.backOff.notBeforeMs <= nowMs {
      start(front, nowMs: nowMs)
    } else {
      front.deadlineMs = front.backOff.notBeforeMs
    }
    return true
  }

  /// It is time to start a front again, or one has not finished in time.
  func frontIsLate(_ front: FrontHandle, nowMs: Int64) {
    if phase == .running {
      start(front, nowMs: nowMs)
    } else if front.pid > 0 {
      ErrorLog.write(
        .error,
        "\(front.name) (pid \(front.pid)) had not finished after "
          + "\(settings.gracefulTimeoutMs / 1000) s (--graceful-timeout); it is killed")
      Signal.send(Signal.kill, to: front.pid)
      front.deadlineMs = nowMs + ProcessGroup.moldClosingMs
    } else {
      front.deadlineMs = .max
    }
  }

  /// The server ends: the fronts finish what they have, and their workers are there until then.
  func stopFronts(with message: ControlMessage, nowMs: Int64) {
    for front in fronts {
      _ = front.link?.send(message)
      let limit = settings.gracefulTimeoutMs
      front.deadlineMs = front.pid > 0 && limit > 0 ? nowMs + limit : .max
    }
  }

  // MARK: lanes

  /// Gives a worker that serves to every front.
  func connect(_ worker: WorkerHandle, of group: ProcessGroup) {
    for front in fronts where front.pid > 0 { connect(worker, of: group, to: front) }
  }

  private func connect(_ worker: WorkerHandle, of group: ProcessGroup, to front: FrontHandle) {
    // A scout has one thread.
    let most = group.settings.lanesPerFront
    let wanted = worker.isScout ? 1 : most
    shareLetterbox(worker, of: group, front, first: front.index * most, lanes: wanted)
    var made = 0
    while made < wanted {
      let count = min(Self.lanesPerMessage, wanted - made)
      let first = front.index * most + made
      guard makeLanes(count, worker, of: group, front, first: first) else { return }
      made += count
    }
  }

  /// Makes memory for short requests; without it they go over the sockets, like long ones.
  private func shareLetterbox(
    _ worker: WorkerHandle, of group: ProcessGroup, _ front: FrontHandle, first: Int, lanes: Int
  ) {
    guard let far = worker.link, let near = front.link else { return }
    do throws(SystemCallError) {
      let memory = try Letterbox.makeDescriptor(lanes: min(lanes, Letterbox.mostLanes))
      let workerBell = try EventFD()
      let frontBell = try EventFD()
      let message = ControlMessage.letterbox(
        group: group.index, slot: worker.slot, pid: worker.pid, first: first)
      let parts = [memory.number, workerBell.number, frontBell.number]
      // Who does not take it is on its way out, and that is seen apart.
      if far.send(message, descriptors: parts) { _ = near.send(message, descriptors: parts) }
    } catch {
      ErrorLog.write(
        .warn,
        "\(front.name) shares no memory with \(worker.name), so that each request costs more "
          + "system calls: \(error)")
    }
  }

  /// Makes lanes with the words from `first` on; false where that was not possible.
  @discardableResult
  private func makeLanes(
    _ count: Int, _ worker: WorkerHandle, of group: ProcessGroup, _ front: FrontHandle, first: Int
  ) -> Bool {
    guard let far = worker.link, let near = front.link else { return false }
    let pairs = LanePairs(count)
    let message = ControlMessage.lanes(
      group: group.index, slot: worker.slot, pid: worker.pid, first: first)
    // Where only the worker gets its ends, the kernel closes them with ours.
    let isWhole =
      pairs.near.count == count && far.send(message, descriptors: pairs.far)
      && near.send(message, descriptors: pairs.near)
    pairs.close()
    // Who does not take them is on its way out, and that is seen apart.
    if pairs.near.count < count {
      ErrorLog.write(
        .error,
        "\(front.name) cannot be connected with \(worker.name): out of descriptors (ulimit -n)")
    }
    return isWhole
  }

  /// Says something to every front.
  func tellFronts(_ message: ControlMessage, descriptors: [Int32] = []) {
    for front in fronts { _ = front.link?.send(message, descriptors: descriptors) }
  }
}

/// Unix socket pairs on their way to a front and a worker.
private struct LanePairs {
  private(set) var near: [Int32] = []
  private(set) var far: [Int32] = []

  /// Makes `count` pairs, or as many as there are descriptors for.
  init(_ count: Int) {
    for _ in 0..<count {
      guard let pair = try? SocketIO.makePair() else { return }
      near.append(pair.0)
      far.append(pair.1)
    }
  }

  /// Both processes have theirs.
  func close() {
    for number in near + far { SocketIO.close(number) }
  }
}
