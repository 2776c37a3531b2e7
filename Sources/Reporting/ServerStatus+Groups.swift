// ServerStatus+Groups: a server of several process groups as one. Pure.
internal import ProcessPolicy

extension ServerStatus {
  /// The server that these process groups are of, in their order: sums over all of them, and each
  /// by itself in ``groups``. What there is one of, such as the machine's load, is the first's.
  ///
  /// Sums wrap round: the numbers come from shared memory.
  public static func merged(_ parts: [ServerStatus]) -> ServerStatus {
    guard var all = parts.first else { return ServerStatus() }
    for part in parts.dropFirst() { all.add(part) }
    if parts.count > 1 {
      all.title = titles(parts)
      all.group = ""
      all.python = ""
      all.state =
        GroupState.best.first { state in parts.contains { $0.state == state } } ?? .loading
      all.memory = memory(parts)
    }
    all.groups = parts
    return all
  }

  /// The groups, of which there is always one.
  var parts: [ServerStatus] { groups.isEmpty ? [self] : groups }

  /// Whether there are several groups to tell apart.
  var hasGroups: Bool { groups.count > 1 }

  /// Titles that are listed at most.
  private static let mostTitles = 4

  private static func titles(_ parts: [ServerStatus]) -> String {
    let listed = parts.prefix(mostTitles).map(\.title).joined(separator: ", ")
    let rest = parts.count - mostTitles
    return rest > 0 ? "\(listed) and \(rest) more" : listed
  }

  private mutating func add(_ other: ServerStatus) {
    nowSeconds = max(nowSeconds, other.nowSeconds)
    servingSinceSeconds = max(servingSinceSeconds, other.servingSinceSeconds)
    generation = max(generation, other.generation)
    cpuMs &+= other.cpuMs
    totals.requests &+= other.totals.requests
    totals.bytes &+= other.totals.bytes
    totals.durationMs &+= other.totals.durationMs
    shed &+= other.shed
    shedReasons += other.shedReasons
    lockWaits.add(other.lockWaits)
    interrupted &+= other.interrupted
    forks &+= other.forks
    deaths &+= other.deaths
    deathCounts.add(other.deathCounts)
    generationsServed &+= other.generationsServed
    generationsFailed &+= other.generationsFailed
    forkTimes.fork.add(other.forkTimes.fork)
    forkTimes.asked.add(other.forkTimes.asked)
    serviceTimes.add(other.serviceTimes)
    queue.oldestMs = max(queue.oldestMs, other.queue.oldestMs)
    queue.waits.add(other.queue.waits)
    queue.waitedUs &+= other.queue.waitedUs
    threadsPerWorker = max(threadsPerWorker, other.threadsPerWorker)
    mostThreadsPerWorker = max(mostThreadsPerWorker, other.mostThreadsPerWorker)
    mostWorkers &+= other.mostWorkers
    slots += other.slots
    urls += urls.isEmpty || other.urls.isEmpty ? other.urls : ", \(other.urls)"
    add(other.fronts)
  }

  /// A front has a slot in each group's scoreboard: in the first it tells of itself, in each of the
  /// group's queue.
  private mutating func add(_ others: [Front]) {
    for other in others {
      guard let index = fronts.firstIndex(where: { $0.number == other.number }) else { continue }
      fronts[index].connections.waiting &+= other.connections.waiting
      fronts[index].shed &+= other.shed
    }
  }

  /// Everything that is a sum over the server is in each group's figures already, as it was when
  /// that group was looked at: the ones are taken that are kept up to date.
  private static func memory(_ parts: [ServerStatus]) -> Memory? {
    let measured = parts.filter { $0.memory != nil }
    let lively = measured.first { $0.state == .serving } ?? measured.first
    guard var memory = lively?.memory else { return nil }
    let all = measured.compactMap(\.memory)
    memory.moldBytes = all.reduce(0) { $0 &+ $1.moldBytes }
    memory.mergedBytes = all.reduce(0) { $0 &+ $1.mergedBytes }
    memory.workerBytes = all.reduce(0) { max($0, $1.workerBytes) }
    memory.freshWorkerBytes = all.reduce(0) { max($0, $1.freshWorkerBytes) }
    // Each group's capacity has the whole room that is left: together they have it once.
    let room = measured.reduce(Int.max) { min($0, $1.room) }
    memory.capacity = parts.reduce(0) { $0 + $1.workers.count } &+ min(room, 1 << 30)
    let bindings = all.map(\.binding)
    memory.binding =
      [BindingLimit.memory, .cpu, .failures, .processes].first(where: bindings.contains) ?? .demand
    return memory
  }

  /// Workers that the group could have more than it has.
  private var room: Int { max(0, (memory?.capacity ?? 0) &- workers.count) }
}

extension DeathCounts {
  fileprivate mutating func add(_ other: DeathCounts) {
    for process in ServerProcess.allCases {
      for cause in DeathCause.allCases { self[process, cause] &+= other[process, cause] }
    }
  }
}

extension ServiceTimes {
  fileprivate mutating func add(_ other: ServiceTimes) {
    for index in 0..<Self.classes { add(other.counts[index], to: index) }
  }

  /// Durations that were counted.
  var total: Int64 { counts.reduce(0, &+) }
}
