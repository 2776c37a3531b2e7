// Scoreboard+Status: a whole scoreboard, or all of a server's, as plain values. Edge.
internal import Platform
internal import ProcessPolicy
public import Reporting

extension Scoreboard {
  /// A server as it is now, by the scoreboards of its process groups in their order.
  public static func status(of scoreboards: [Scoreboard]) -> ServerStatus {
    ServerStatus.merged(scoreboards.map { $0.status() })
  }

  /// The process group as it is now, with what it says of the server.
  ///
  /// Reads without a lock: single numbers are right, and may be some microseconds apart. What a
  /// worker did that is just buried is counted once.
  public func status() -> ServerStatus {
    // A supervisor that is killed in the middle leaves the number odd: it is not waited for.
    for _ in 0..<Self.attempts {
      guard let before = facts.movesBefore else { continue }
      let status = statusOnce()
      if facts.movesAfter == before { return status }
    }
    return statusOnce()
  }

  /// How often the status is read while processes are buried.
  private static let attempts = 16

  private func statusOnce() -> ServerStatus {
    let nowMs = Clock.monotonicMs()
    var status = ServerStatus()
    status.software = facts.software
    status.title = facts.title
    status.group = facts.group
    status.python = facts.python
    status.urls = facts.urls
    status.state = facts.state
    status.supervisorPid = facts.supervisorPid
    status.mpm = facts.mpm
    status.policy = facts.policy
    status.nowSeconds = Clock.realSeconds()
    status.startedSeconds = facts.startedSeconds
    status.servingSinceSeconds = facts.servingSinceSeconds
    status.generation = facts.servingGeneration
    status.forks = facts.forks
    status.deaths = facts.deaths
    status.deathCounts = facts.deathCounts
    status.generationsServed = facts.generationsServed
    status.generationsFailed = facts.generationsFailed
    status.forkTimes = facts.forkTimes
    status.serviceTimes = facts.serviceTimes
    (status.queue.waits, status.queue.waitedUs) = facts.waits
    status.threadsPerWorker = min(max(1, facts.threadsPerWorker), threads)
    status.mostThreadsPerWorker = threads
    status.mostWorkers = facts.mostWorkers
    status.load = Self.loadAverage()
    status.memory = facts.memory
    var durationUs = facts.durationUs
    status.totals = ServerStatus.Totals(requests: facts.requests, bytes: facts.bytes)
    status.cpuMs = facts.cpuMs
    status.shedReasons = facts.shed
    status.lockWaits = facts.lockWaits
    status.interrupted = facts.interrupted
    for index in 0..<slots {
      let slot = self[index]
      let worker = slot.worker(number: index, nowMs: nowMs)
      if workerSlots.contains(index) {
        var found = worker?.worker
        found?.group = status.group
        status.slots.append(found)
      } else if let front = worker?.worker {
        status.fronts.append(Self.front(front, number: index - workerSlots.count))
      }
      guard let worker else { continue }
      for index in 0..<ServiceTimes.classes {
        status.serviceTimes.add(slot.serviceCount(index), to: index)
        status.queue.waits.add(slot.waitCount(index), to: index)
      }
      status.queue.waitedUs &+= slot.waitedUs
      status.queue.oldestMs = max(status.queue.oldestMs, slot.oldestWaitMs(nowMs: nowMs))
      status.cpuMs &+= worker.worker.cpuMs
      status.shedReasons += slot.shed
      status.lockWaits.add(worker.worker.lockWaits)
      status.interrupted &+= worker.worker.interrupted
      status.totals.requests &+= worker.worker.totals.requests
      status.totals.bytes &+= worker.worker.totals.bytes
      durationUs &+= worker.durationUs
    }
    status.totals.durationMs = durationUs / 1000
    status.shed = status.shedReasons.total
    return status
  }

  /// The process of a front's slot.
  private static func front(_ found: ServerStatus.Worker, number: Int) -> ServerStatus.Front {
    var front = ServerStatus.Front()
    front.number = number
    front.pid = found.pid
    front.ageMs = found.ageMs
    front.cpuMs = found.cpuMs
    front.connections = found.connections
    front.totals = found.totals
    front.shed = found.shed
    return front
  }

  /// The machine's load averages; proc_loadavg(5).
  private static func loadAverage() -> ServerStatus.LoadAverage? {
    guard let text = SmallFile.text("/proc/loadavg", mostBytes: 128) else { return nil }
    let numbers = text.split(separator: " ").prefix(3).compactMap { Double($0) }
    guard numbers.count == 3 else { return nil }
    return ServerStatus.LoadAverage(one: numbers[0], five: numbers[1], fifteen: numbers[2])
  }
}

extension WorkerSlot {
  /// The worker in this slot, and the time of its requests in microseconds; nil where it is open.
  func worker(
    number: Int, nowMs: Int64
  ) -> (worker: ServerStatus.Worker, durationUs: Int64)? {
    let phase: ServerStatus.Phase
    switch self.phase {
    case .open: return nil
    case .starting: phase = .starting
    case .serving: phase = .serving
    case .draining: phase = .draining
    case .idleCleanup: phase = .idleCleanup
    }
    var worker = ServerStatus.Worker()
    worker.slot = number
    worker.pid = pid
    worker.generation = generation
    worker.phase = phase
    worker.isAccepting = isAccepting
    worker.ageMs = startedMs > 0 ? max(0, nowMs &- startedMs) : 0
    worker.cpuMs = cpuMs
    worker.memoryBytes = memoryBytes
    worker.growthBytes = growthBytes
    worker.shed = shed.total
    worker.lockWaits = ServerStatus.LockWaits(count: lockWaits, us: lockWaitedUs)
    worker.interrupted = interrupted
    worker.connections.total = connections
    worker.connections.keepAlive = keepAliveConnections
    worker.connections.reading = readingConnections
    worker.connections.writing = writingConnections
    worker.connections.closing = closingConnections
    worker.connections.waiting = waiting
    for index in 0..<startedThreads {
      worker.handlers.append(line(index).handler(in: phase, nowMs: nowMs))
    }
    let done = done
    worker.totals = ServerStatus.Totals(
      requests: done.requests, bytes: done.bytes, durationMs: done.durationUs / 1000)
    return (worker, done.durationUs)
  }
}

extension HandlerLine {
  func handler(in phase: ServerStatus.Phase, nowMs: Int64) -> ServerStatus.Handler {
    var handler = ServerStatus.Handler()
    switch phase {
    case .starting: handler.state = .starting
    case .serving: handler.state = state
    case .draining: handler.state = .graceful
    case .idleCleanup: handler.state = state.isBusy ? .graceful : .idleCleanup
    }
    handler.totals = ServerStatus.Totals(
      requests: requests, bytes: bytes, durationMs: durationUs / 1000)
    handler.connectionRequests = connectionRequests
    handler.sinceBeginMs = beganMs > 0 ? max(0, nowMs &- beganMs) : nil
    handler.lastDurationMs = lastDurationUs / 1000
    if let texts {
      handler.client = texts.client
      handler.host = texts.host
      handler.request = texts.request
    }
    return handler
  }
}
