// MemoryWatch: what the server takes, measured little by little. Assembly.
internal import Configuration
internal import Platform
internal import ProcessPolicy
internal import Reporting
internal import Scoreboard

/// Measures the processes of the server, never more than a small share of a core, and knows the
/// budget.
///
/// What a worker takes is its own pages and what the kernel holds for it; what it shares is counted
/// once, in its mold. A cheap look once a second says whose figures are out of date.
struct MemoryWatch {
  /// Time between two cheap looks at all workers, ms.
  static let glanceMs: Int64 = 1_000
  /// Time between two readings of supervisor and mold, ms.
  static let baseMs: Int64 = 10_000
  /// Least time between two readings of the control group, ms.
  static let groupMs: Int64 = 10

  /// What the other process groups of the server take, as one group sees it.
  struct Others {
    /// All that they take and will still take, bytes.
    var bytes: Int64 = 0
    /// What the workers of the largest take, bytes.
    var heaviestBytes: Int64 = 0
    /// How many there are.
    var groups = 0

    static let none = Others()
  }

  let budget: MemoryBudget
  /// The groups that share the budget with this one.
  var others = Others.none
  private let group = MemoryGroup.find()
  private let threadsMin: Int
  private var sampler = MemorySampler()
  private var cost: MarginalCost?
  /// What a worker is known to take before any was measured; 0: not known.
  private let priorBytes: Int64
  /// What workers took at their first reading.
  private var fresh: MarginalCost?
  private var server = ServerMemory()
  private var groupNow: MemoryBudget.Group?
  /// Share of the last 10 s in which everybody waited for memory, percent; 0 where it is not known.
  private var stallPercent = 0
  /// What all workers had merged with equal pages when they were last read, bytes.
  private var mergedBytes: Int64 = 0
  private var measuredMs: Int64 = 0
  private var lastGlanceMs: Int64 = 0
  private var lastBaseMs = -baseMs
  private var lastGroupMs = -groupMs
  private var moldPid: Int32 = 0
  private var hasWarnedOfMisfit = false
  /// How much more each worker may take than when it began to serve, by the latest figures.
  private(set) var allowanceBytes = GrowthAllowance.leastBytes
  private var growth = GrowthAllowance()

  /// Knows the budget that was decided, and has measured nothing.
  ///
  /// - Parameter sharedBytes: shared memory that the server made.
  /// - Parameter before: what is known from before an upgrade.
  init(_ settings: ServerSettings, sharedBytes: Int, _ before: MemoryBefore) {
    priorBytes = before.expectedBytes
    budget = MemoryWatch.decide(
      settings.memoryBudgetBytes, group: group, takenBytes: before.takenBytes)
    threadsMin = settings.threadsMin
    server.sharedMemoryBytes = Int64(sharedBytes)
  }

  private static func decide(
    _ settingBytes: Int64, group: MemoryGroup?, takenBytes: Int64
  ) -> MemoryBudget {
    let machine = MachineMemory.read().map {
      MemoryBudget.Machine(
        totalBytes: $0.totalBytes,
        availableBytes: min($0.totalBytes, $0.availableBytes + takenBytes))
    }
    return MemoryBudget.decide(
      setting: settingBytes > 0 ? settingBytes : nil,
      group: group?.read()?.smallest.flatMap { MemoryBudget.Group($0) }, machine: machine)
  }

  // MARK: measuring

  /// A worker serves from now on, and can be read.
  mutating func watch(_ worker: WorkerHandle) { sampler.watch(slot: worker.slot) }

  /// Molds came or went: they are read again at the next look.
  mutating func moldsChanged() { lastBaseMs = -Self.baseMs }

  /// A worker is gone.
  mutating func forget(_ worker: WorkerHandle) {
    sampler.forget(slot: worker.slot)
    measuredMs = Clock.monotonicMs()
  }

  /// Measures what is due; ``lookAtGroup(_:nowMs:)`` follows, and sums it up.
  mutating func look(
    at workers: [WorkerHandle], molds: [MoldHandle], fronts: [FrontHandle], nowMs: Int64
  ) {
    readBase(molds, fronts, nowMs: nowMs)
    if nowMs - lastGlanceMs >= Self.glanceMs {
      lastGlanceMs = nowMs
      // The kernel works the average out every 2 s.
      stallPercent = (group?.pressure() ?? MemoryPressure.readMachine())?.full.last10sPercent ?? 0
      for worker in workers where worker.state == .ready { glance(at: worker) }
    }
    while let slot = sampler.next(nowMs: nowMs), workers.indices.contains(slot) {
      measure(workers[slot], nowMs: nowMs)
    }
  }

  /// What the control group counts is exact and costs 50 µs, so it is read before every decision,
  /// but not more often than each 10 ms.
  mutating func lookAtGroup(_ workers: [WorkerHandle], nowMs: Int64) {
    guard nowMs - lastGroupMs >= Self.groupMs else { return }
    lastGroupMs = nowMs
    groupNow = group?.read()?.tightest.flatMap { MemoryBudget.Group($0) }
    if groupNow != nil { measuredMs = nowMs }
    server.workersBytes = workers.reduce(0) {
      $0 + ($1.state == .empty ? 0 : bytes(of: $1) ?? 0)
    }
    mergedBytes = workers.reduce(0) { $0 + ($1.state == .empty ? 0 : $1.mergedBytes) }
    setAllowances(workers)
  }

  /// What a worker takes: as measured, with the threads that it has started since; or, before its
  /// turn to be measured has come, what the others took at first.
  func bytes(of worker: WorkerHandle) -> Int64? {
    if let measured = worker.memoryBytes {
      let younger = max(0, worker.board.startedThreads - worker.measuredThreads)
      return measured + Int64(younger) * LoadlinePolicy.threadBytes
    }
    return worker.state == .ready && freshBytes > 0 ? freshBytes : nil
  }

  private mutating func setAllowances(_ workers: [WorkerHandle]) {
    let staying = workers.filter(\.state.isCapacity)
    // Not what is expected of a worker: where all of them leak, much is expected. Each group has
    // its part of the room.
    allowanceBytes = growth.bytes(
      roomBytes: budget.room(view.figures).bytes / Int64(others.groups + 1),
      grownBytes: staying.reduce(0) { $0 + max(0, (bytes(of: $1) ?? 0) - freshBytes) },
      workers: staying.count)
    for worker in staying { worker.board.setAllowance(bytes: allowanceBytes) }
  }

  /// A worker has outgrown its allowance: what it took counts at once, and the next ones are
  /// reckoned with as much.
  mutating func outgrew(_ worker: WorkerHandle, grownBytes: Int64, nowMs: Int64) {
    growth.outgrew(grownBytes: grownBytes, afterRequests: worker.board.requestsServed)
    let now = max(grownBytes, Self.read(worker)?.ownBytes ?? 0)
    note(
      now, of: worker, threads: worker.board.startedThreads, nowMs: nowMs,
      expectedBytes: GrowthAllowance.expectedBytes(takenBytes: now, grownBytes: grownBytes))
  }

  /// A worker with so many threads takes so much, and others are to be reckoned with what is
  /// expected of it.
  private mutating func note(
    _ bytes: Int64, of worker: WorkerHandle, threads: Int, nowMs: Int64, expectedBytes: Int64
  ) {
    worker.memoryBytes = bytes
    worker.measuredThreads = threads
    worker.board.setMemory(bytes: bytes)
    cost?.record(bytes: expectedBytes)
    measuredMs = nowMs
  }

  private mutating func glance(at worker: WorkerHandle) {
    guard let before = worker.glance, let now = ProcessGlance.read(worker.pid) else { return }
    sampler.note(slot: worker.slot, growthBytes: now.growthBytes(since: before))
  }

  private mutating func measure(_ worker: WorkerHandle, nowMs: Int64) {
    let began = Clock.monotonicMicroseconds()
    worker.glance = ProcessGlance.read(worker.pid)
    let threads = worker.board.startedThreads
    if let now = Self.read(worker) {
      if worker.memoryBytes == nil { fresh?.record(bytes: now.ownBytes) }
      worker.mergedBytes = now.mergedBytes
      // Without the threads that stand in for other workers.
      let added = Int64(max(0, threads - threadsMin)) * LoadlinePolicy.leastThreadBytes
      note(
        now.ownBytes, of: worker, threads: threads, nowMs: nowMs,
        expectedBytes: max(0, now.ownBytes - added))
    }
    sampler.finished(
      slot: worker.slot, costMicroseconds: Clock.monotonicMicroseconds() - began, nowMs: nowMs)
  }

  /// The worker's own pages with what the kernel holds for it, and its merged pages, read now.
  ///
  /// Merged pages are nobody's own: most of them equal one of the mold, and are counted there.
  private static func read(_ worker: WorkerHandle) -> (ownBytes: Int64, mergedBytes: Int64)? {
    guard let own = ProcessMemory.read(worker.pid) else { return nil }
    let kernel = ProcessKernelMemory.read(worker.pid)?.bytes ?? 0
    return (own.privateBytes + own.swapBytes + kernel, own.mergedBytes)
  }

  private mutating func readBase(
    _ molds: [MoldHandle], _ fronts: [FrontHandle], nowMs: Int64
  ) {
    let pid = molds.first { $0.state == .ready }?.pid ?? 0
    guard nowMs - lastBaseMs >= Self.baseMs || pid != moldPid else { return }
    lastBaseMs = nowMs
    if pid != moldPid { growth = GrowthAllowance() }
    moldPid = pid
    server.supervisorBytes = ProcessMemory.read(Process.id)?.privateBytes ?? 0
    server.frontsBytes = fronts.lazy.filter { $0.pid > 0 }.reduce(0) {
      $0 + (ProcessMemory.read($1.pid)?.privateBytes ?? 0)
    }
    server.moldsBytes = molds.reduce(0) { sum, mold in
      // What a mold shares with its workers is in memory once: it is counted here.
      sum + (ProcessMemory.read(mold.pid)?.residentBytes ?? 0)
    }
    server.kernelBytes = molds.reduce(0) { $0 + (ProcessKernelMemory.read($1.pid)?.bytes ?? 0) }
    if cost == nil {
      let prior = max(priorBytes, MarginalCost.prior(moldBytes: server.moldsBytes))
      cost = MarginalCost(priorBytes: prior)
      fresh = MarginalCost(priorBytes: 0)
    }
  }

  // MARK: what came of it

  /// What the next worker takes.
  var expectedBytes: Int64 { cost?.expectedBytes ?? MarginalCost.prior(moldBytes: nil) }

  private var freshBytes: Int64 {
    guard let fresh, fresh.measured >= MarginalCost.priorSamples else { return 0 }
    return fresh.percentileBytes(50)
  }

  /// What the workers of the group take for themselves.
  var workersBytes: Int64 { server.workersBytes }

  /// What the group takes, without what it shares with the others.
  var ownBytes: Int64 {
    server.moldsBytes + server.kernelBytes + server.workersBytes + server.sharedMemoryBytes
  }

  /// What workers that are there will still take.
  func pendingBytes(_ workers: [WorkerHandle]) -> Int64 {
    workers.lazy.filter(\.state.isCapacity).reduce(0) {
      $0
        + MemoryBudget.stillToTake(
          expectedBytes: expectedBytes, measuredBytes: bytes(of: $1) ?? 0)
    }
  }

  /// For the policy.
  var view: MemoryView {
    var all = server
    all.othersBytes = others.bytes
    var view = MemoryView(
      budget: budget, figures: MemoryFigures(server: all, group: groupNow),
      expectedBytes: expectedBytes, freshWorkerBytes: freshBytes, stallPercent: stallPercent,
      measuredMs: measuredMs)
    view.isHeaviest = server.workersBytes >= others.heaviestBytes
    return view
  }

  /// For the status.
  func status(binding: BindingLimit) -> ServerStatus.Memory {
    var memory = ServerStatus.Memory()
    memory.budgetBytes = budget.bytes
    memory.usedBytes = view.figures.server.totalBytes
    memory.supervisorBytes = server.supervisorBytes
    memory.moldBytes = server.moldsBytes
    memory.workerBytes = expectedBytes
    memory.freshWorkerBytes = freshBytes
    memory.capacity = budget.capacity(expectedBytes: expectedBytes, view.figures.server)
    memory.binding = binding
    memory.stallPercent = stallPercent
    memory.mergedBytes = mergedBytes
    return memory
  }

  /// Why the application cannot be served within the budget; said once.
  mutating func misfit() -> String? {
    guard !hasWarnedOfMisfit, cost != nil,
      let sentence = budget.misfit(expectedBytes: expectedBytes, view.figures.server)
    else { return nil }
    hasWarnedOfMisfit = true
    return sentence
  }
}

/// What is known of the memory from before an upgrade; all 0 at a start.
struct MemoryBefore {
  /// What processes take that are there already, bytes.
  var takenBytes: Int64 = 0
  /// What a worker is expected to take, bytes; 0: not known.
  var expectedBytes: Int64 = 0
}

extension MemoryBudget.Group {
  /// A level that has a limit; nil for others.
  fileprivate init?(_ level: MemoryGroup.Level) {
    guard let limit = level.limitBytes else { return nil }
    self.init(path: level.path, limitBytes: limit, usedBytes: level.heldBytes)
  }
}
