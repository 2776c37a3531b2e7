// ApachePolicy+Maintenance: what happens in a quiet second. Pure.

extension ApachePolicy {
  // MARK: prefork

  mutating func maintainProcesses(_ tick: PolicyTick) -> [ProcessAction] {
    let processes = tick.occupied.filter { $0.slot < settings.slotLimit }
    // A restart marks the processes of the old generation as leaving.
    let spare = processes.filter { $0.state.isSpare && $0.generation == tick.generation }
    if spare.count > settings.maxSpareServers {
      state.spawnRate = 1
      return endOne(among: spare, by: \.lastUsedMs)
    }
    guard spare.count < settings.minSpareServers else {
      state.spawnRate = 1
      return []
    }
    let free = lowestFree(state.spawnRate, besides: Set(processes.map(\.slot)))
    guard !free.isEmpty else {
      state.spawnRate = 1
      return reportMaximum()
    }
    var actions: [ProcessAction] = []
    if state.spawnRate >= Self.busySpawnRate {
      let text =
        "server seems busy, (you may need to increase StartServers, or "
        + "Min/MaxSpareServers), spawning \(free.count) children, there are \(spare.count) idle, "
        + "and \(processes.count) total children"
      actions.append(.log(PolicyMessage(.info, text)))
    }
    actions += spawn(free)
    raiseRate()
    return actions
  }

  // MARK: worker and event

  /// The scoreboard, counted in threads.
  struct ThreadCensus {
    /// Threads that wait, and threads that a process has yet to start.
    var spare = 0
    /// Threads that exist and are not ending.
    var active = 0
    /// Processes in all slots.
    var processes = 0
    /// Processes that take part: of this generation and not leaving.
    var staying: [ProcessSnapshot] = []
  }

  mutating func maintainThreads(_ tick: PolicyTick) -> [ProcessAction] {
    let census = countThreads(tick)
    if state.isSick {
      guard state.wasHealthy else {
        let text =
          "A resource shortage or other unrecoverable failure was encountered before any "
          + "child process initialized successfully, so the server stops; the lines above say what"
        return [.stopServer(PolicyMessage(.error, text))]
      }
      state.isSick = false
    }
    if census.spare > settings.maxSpareThreads {
      state.spawnRate = 1
      return mayEnd(census) ? endOne(among: census.staying, by: \.startedMs) : []
    }
    guard census.spare < settings.minSpareThreads else {
      state.spawnRate = 1
      return []
    }
    let free = freeSlots(tick)
    let isAtMaximum = census.active >= settings.maxRequestWorkers
    // Worker looks for a slot first, event for the maximum.
    if settings.mpm == .event ? isAtMaximum : (free.isEmpty && isAtMaximum) {
      state.spawnRate = 1
      return census.spare == 0 ? reportMaximum() : reportNearMaximum()
    }
    guard !free.isEmpty else {
      state.spawnRate = 1
      let text =
        "scoreboard is full, not at MaxRequestWorkers"
        + (settings.mpm == .event ? "; increase ServerLimit" : "")
      return [.log(PolicyMessage(.error, text))]
    }
    return startThreaded(free, census)
  }

  private mutating func countThreads(_ tick: PolicyTick) -> ThreadCensus {
    var census = ThreadCensus()
    for process in tick.occupied where process.slot < settings.slotLimit {
      census.processes += 1
      let threads = process.busyThreads + process.idleThreads
      census.active += threads
      if threads >= settings.threadsPerChild { state.wasHealthy = true }
      guard !process.state.isLeaving, process.generation == tick.generation else { continue }
      census.staying.append(process)
      // Only event knows processes that stopped accepting.
      guard process.isAccepting || settings.mpm == .worker else { continue }
      census.spare += max(0, settings.threadsPerChild - process.busyThreads)
    }
    return census
  }

  private mutating func startThreaded(_ free: [Int], _ census: ThreadCensus) -> [ProcessAction] {
    var slots = free
    if settings.mpm == .event {
      let room = settings.processLimit - census.staying.count
      // Slots are left for those that are ending, but the active ones are at their limit.
      if room <= 0 { state.spawnRate = 1 }
      slots = Array(free.prefix(max(0, room)))
    }
    var actions: [ProcessAction] = []
    if state.spawnRate >= Self.busySpawnRate {
      let text =
        "server seems busy, (you may need to increase StartServers, ThreadsPerChild or "
        + "Min/MaxSpareThreads), spawning \(slots.count) children, there are around "
        + "\(census.spare) idle threads, and \(census.processes) total children"
      actions.append(.log(PolicyMessage(.info, text)))
    }
    actions += spawn(slots)
    if state.holdOff > 0 || !slots.isEmpty { raiseRate() }
    return actions
  }

  /// Slots for at most `spawnRate` processes: empty ones first; worker also takes those of leaving
  /// processes in which threads have ended.
  private func freeSlots(_ tick: PolicyTick) -> [Int] {
    let occupied = tick.occupied
    let empty = lowestFree(state.spawnRate, besides: Set(occupied.map(\.slot)))
    guard settings.mpm == .worker else { return empty }
    let shared = occupied.filter {
      $0.state.isLeaving && $0.endedThreads > 0 && $0.slot < settings.slotLimit
    }
    // A slot without any living thread is as good as an empty one.
    let unused = shared.filter { $0.endedThreads >= settings.threadsPerChild }.map(\.slot)
    let partly = shared.filter { $0.endedThreads < settings.threadsPerChild }.map(\.slot)
    return Array(((empty + unused).sorted() + partly).prefix(state.spawnRate))
  }

  /// Event waits while processes are ending, unless there is room for a restart.
  private func mayEnd(_ census: ThreadCensus) -> Bool {
    settings.mpm == .worker || census.staying.count == census.processes
      || settings.serverLimit - census.processes > settings.processLimit
  }

  private mutating func reportNearMaximum() -> [ProcessAction] {
    guard !state.isNearMaxReported else { return [] }
    state.isNearMaxReported = true
    let text =
      "server is within MinSpareThreads of MaxRequestWorkers, consider raising the "
      + "MaxRequestWorkers setting"
    return [.log(PolicyMessage(.error, text))]
  }

  // MARK: who ends

  /// Ends one process.
  ///
  /// httpd names none: it writes one byte into the pipe of death, and whoever reads it ends. Linux
  /// wakes the one that has waited longest. In prefork that is a child in accept(2), so the idle
  /// one that was used least recently; in worker and event it is the oldest process, busy or not.
  /// A process that still starts reads nothing yet, so it comes last.
  private func endOne(
    among processes: [ProcessSnapshot], by waitingSince: KeyPath<ProcessSnapshot, Int64>
  ) -> [ProcessAction] {
    let first = processes.min { left, right in
      if (left.state == .starting) != (right.state == .starting) {
        return right.state == .starting
      }
      let (since, other) = (left[keyPath: waitingSince], right[keyPath: waitingSince])
      return since == other ? left.slot < right.slot : since < other
    }
    return first.map { [.endGracefully(slot: $0.slot)] } ?? []
  }
}
