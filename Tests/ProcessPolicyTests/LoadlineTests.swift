import Testing

@testable import ProcessPolicy

@Suite struct LoadlineTests {
  static let windowMs = LoadlinePolicy.hysteresisMs

  /// So many loaded processes; the first `busy` of them hold a request.
  func processes(_ count: Int, busy: Int = 0) -> [ProcessSnapshot] {
    (0..<count).map {
      ProcessSnapshot(
        slot: $0, state: $0 < busy ? .writing : .ready, busyThreads: $0 < busy ? 1 : 0,
        idleThreads: $0 < busy ? 0 : 1, lastUsedMs: Int64(1000 - $0))
    }
  }

  func policy(min: Int = 1, max: Int = 10, threads: Int = 1) -> LoadlinePolicy {
    LoadlinePolicy(
      settings: LoadlineSettings(
        minProcesses: min, maxProcesses: max, threadsPerProcess: threads))
  }

  @Test(arguments: [(1, 0, 1), (1, 1, 2), (4, 0, 1), (4, 3, 1), (4, 4, 2), (4, 7, 2), (4, 8, 3)])
  func demandNeedsProcesses(threads: Int, demand: Int, wanted: Int) {
    #expect(policy(threads: threads).wanted(demand: demand) == wanted)
  }

  @Test func theMinimumStartsAsCoresAllow() {
    var policy = policy(min: 5)
    #expect(
      policy.decide(PolicyTick(nowMs: 0, processes: [], usableCores: 2)) == [.spawn(slots: [0, 1])])
    let loading = (0..<2).map { ProcessSnapshot(slot: $0, state: .starting, isLoaded: false) }
    #expect(policy.decide(PolicyTick(nowMs: 1, processes: loading, usableCores: 2)).isEmpty)
    let mixed = [loading[0]] + processes(2).dropFirst()
    #expect(
      policy.decide(PolicyTick(nowMs: 2, processes: Array(mixed), usableCores: 2))
        == [.spawn(slots: [2])])
  }

  /// The case that makes Apache's snowball: all new processes import inside a request.
  @Test func thereIsNoSnowball() {
    var policy = policy(max: 150)
    var processes = processes(5, busy: 5)
    for slot in 5..<7 {
      processes.append(
        ProcessSnapshot(slot: slot, state: .writing, isLoaded: false, busyThreads: 1))
    }
    for second in 0..<60 {
      let tick = PolicyTick(
        nowMs: Int64(second) * 1000, processes: processes, waitingConnections: 100,
        usableCores: 2)
      #expect(policy.decide(tick).allSatisfy { $0.spawnCount == 0 })
    }
  }

  @Test(arguments: [(9, 1), (10, 0), (11, 0)])
  func neverOverTheMaximum(staying: Int, spawned: Int) {
    var policy = policy()
    let tick = PolicyTick(
      nowMs: 0, processes: processes(staying, busy: staying), waitingConnections: 50)
    #expect(policy.decide(tick).map(\.spawnCount).reduce(0, +) == spawned)
  }

  /// What ends occupies memory too: a quarter of the maximum may do so beside it.
  @Test(arguments: [(2, 1), (3, 1), (4, 0), (5, 0)])
  func theLeavingAreBounded(leaving: Int, spawned: Int) {
    var policy = policy()
    var all = processes(9 + leaving, busy: 9 + leaving)
    for index in 0..<leaving { all[index].state = .graceful }
    let tick = PolicyTick(nowMs: 0, processes: all, waitingConnections: 50)
    #expect(policy.decide(tick).map(\.spawnCount).reduce(0, +) == spawned)
  }

  /// More processes would share the same cores.
  @Test(arguments: [(1, true, 1), (2, true, 0), (3, true, 0), (3, false, 2)])
  func noCPUTimeIsNoReasonToGrow(alive: Int, isCPUSaturated: Bool, spawned: Int) {
    var policy = policy()
    let tick = PolicyTick(
      nowMs: 0, processes: processes(alive, busy: alive), waitingConnections: 50, usableCores: 2,
      isCPUSaturated: isCPUSaturated)
    #expect(policy.decide(tick).map(\.spawnCount).reduce(0, +) == spawned)
  }

  @Test func theDemandIsLookedAtAsOftenAsItCanChangeSomething() {
    var policy = policy()
    _ = policy.decide(PolicyTick(nowMs: 0, processes: processes(1)))
    #expect(policy.nextDecisionMs(nowMs: 0) == LoadlinePolicy.quietSampleMs)
    _ = policy.decide(PolicyTick(nowMs: 0, processes: processes(1, busy: 1)))
    #expect(policy.nextDecisionMs(nowMs: 0) == LoadlinePolicy.sampleMs)
    var fixed = self.policy(min: 3, max: 3)
    _ = fixed.decide(PolicyTick(nowMs: 0, processes: processes(3)))
    #expect(fixed.nextDecisionMs(nowMs: 0) == LoadlinePolicy.fixedSampleMs)
    let reaped = [ReapedProcess(slot: 0, exit: .failed)]
    for _ in 0..<4 { _ = fixed.decide(PolicyTick(nowMs: 0, reaped: reaped, processes: [])) }
    #expect(fixed.nextDecisionMs(nowMs: 0) == 800)
  }

  @Test(arguments: [(windowMs - 1, 0), (windowMs, 4), (windowMs + 1, 4)])
  func surplusIsKeptForAWhile(afterMs: Int64, ended: Int) {
    var policy = policy()
    let all = processes(8)
    #expect(policy.decide(PolicyTick(nowMs: 0, processes: all)).isEmpty)
    let actions = policy.decide(PolicyTick(nowMs: afterMs, processes: all))
    // Half of 7, rounded up; the least recently used first.
    #expect(actions.compactMap(\.ended) == Array([7, 6, 5, 4].prefix(ended)))
  }

  @Test func aPeakInTheWindowCounts() {
    var policy = policy()
    let idle = processes(8)
    _ = policy.decide(PolicyTick(nowMs: 0, processes: idle))
    _ = policy.decide(PolicyTick(nowMs: 10_000, processes: processes(8, busy: 5)))
    let actions = policy.decide(PolicyTick(nowMs: Self.windowMs, processes: idle))
    // 8 were there, 6 were needed at the peak.
    #expect(actions.compactMap(\.ended) == [7])
  }

  @Test func nothingEndsWhereSomeDiedSinceThePeak() {
    var policy = policy()
    _ = policy.decide(PolicyTick(nowMs: 0, processes: processes(8)))
    _ = policy.decide(PolicyTick(nowMs: 1000, processes: processes(8, busy: 6)))
    let left = processes(4)
    #expect(policy.decide(PolicyTick(nowMs: Self.windowMs, processes: left)).isEmpty)
  }

  @Test func theMostRecentlyUsedAndTheBusyStay() {
    var policy = policy()
    var all = processes(4)
    for slot in 0..<4 { all[slot].lastUsedMs = Int64(slot) }
    all[1].busyThreads = 1
    _ = policy.decide(PolicyTick(nowMs: 0, processes: all))
    let actions = policy.decide(PolicyTick(nowMs: Self.windowMs, processes: all))
    #expect(actions.compactMap(\.ended) == [0])
    all.remove(at: 0)
    all[0].busyThreads = 0
    var last = [ProcessSnapshot](all.suffix(1))
    last.append(all[0])
    policy = self.policy()
    _ = policy.decide(PolicyTick(nowMs: 0, processes: last))
    #expect(
      policy.decide(PolicyTick(nowMs: Self.windowMs, processes: last)).compactMap(\.ended) == [1])
  }

  /// The only idle process is the warmest: it stays, though one would be enough.
  @Test(arguments: [(8, []), (9, []), (10, [1])] as [(Int64, [Int])])
  func theWarmestStaysEvenWhereItIsTheOnlyIdleOne(busyUsedMs: Int64, ended: [Int]) {
    var policy = policy(threads: 8)
    var all = processes(2, busy: 1)
    all[0].lastUsedMs = busyUsedMs
    all[1].lastUsedMs = 9
    if busyUsedMs == 9 { all[1].slot = 0; all[0].slot = 1 }
    _ = policy.decide(PolicyTick(nowMs: 0, processes: all))
    let actions = policy.decide(PolicyTick(nowMs: Self.windowMs, processes: all))
    #expect(actions.compactMap(\.ended) == ended)
  }

  @Test func nothingEndsWhileSomethingLoads() {
    var policy = policy()
    var all = processes(8)
    all[3].isLoaded = false
    _ = policy.decide(PolicyTick(nowMs: 0, processes: all))
    #expect(policy.decide(PolicyTick(nowMs: 2 * Self.windowMs, processes: all)).isEmpty)
  }

  @Test func theMaximumIsReportedOnceInAWhile() {
    var policy = policy(max: 2)
    var said = 0
    for second in 0..<601 {
      let tick = PolicyTick(
        nowMs: Int64(second) * 1000, processes: processes(2, busy: 2), waitingConnections: 3)
      said += policy.decide(tick).compactMap(\.text).count
    }
    #expect(said == 2)
  }

  @Test(arguments: [(0, 0, 1, 1), (-1, 5, 1, 5), (9, 5, 5, 5), (3, 5, 3, 5)])
  func boundsAreKeptInOrder(min: Int, max: Int, usedMin: Int, usedMax: Int) {
    let settings = LoadlineSettings(minProcesses: min, maxProcesses: max, threadsPerProcess: 0)
    #expect(settings.minProcesses == usedMin)
    #expect(settings.maxProcesses == usedMax)
    #expect(settings.threadsPerProcess == 1)
  }

  // MARK: crash loops

  @Test func startsComeApartWhereEverythingDies() {
    var policy = policy(min: 4)
    var starts: [Int64] = []
    var alive = 0
    for step in 0..<6000 {
      let nowMs = Int64(step) * 10
      // What was started dies within 10 ms.
      let reaped = (0..<alive).map { ReapedProcess(slot: $0, exit: .failed) }
      alive = 0
      let tick = PolicyTick(nowMs: nowMs, reaped: reaped, processes: [], usableCores: 4)
      for action in policy.decide(tick) where action.spawnCount > 0 {
        #expect(action.spawnCount == (starts.isEmpty ? 4 : 1))
        alive = action.spawnCount
        starts.append(nowMs)
      }
    }
    let waits = zip(starts.dropFirst(), starts).map { $0 - $1 - 10 }
    #expect(
      waits.prefix(9) == [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
  }

  @Test(arguments: [(999, 1), (1000, 4)] as [(Int64, Int)])
  func aProcessThatLivesEndsTheWait(aliveMs: Int64, spawned: Int) {
    var policy = policy(min: 5)
    _ = policy.decide(
      PolicyTick(nowMs: 0, reaped: [ReapedProcess(slot: 0, exit: .signaled)], processes: []))
    let survivor = ProcessSnapshot(slot: 0, state: .ready, startedMs: 500)
    // From this tick on it is seen to live; what the policy starts meanwhile is left out here.
    _ = policy.decide(PolicyTick(nowMs: 5000, processes: [survivor], usableCores: 9))
    let actions = policy.decide(
      PolicyTick(nowMs: 5000 + aliveMs, processes: [survivor], usableCores: 9))
    #expect(actions.map(\.spawnCount).reduce(0, +) == spawned)
  }

  @Test(
    arguments: [
      (ReapedProcess.Exit.finished, nil, true), (.finished, 0, false), (.failed, 999, true),
      (.failed, 1000, false), (.signaled, 1001, false), (.signaled, nil, true),
      (.resourceShortage, 5, true),
    ] as [(ReapedProcess.Exit, Int64?, Bool)])
  func earlyDeaths(exit: ReapedProcess.Exit, readyForMs: Int64?, isEarly: Bool) {
    let child = ReapedProcess(slot: 0, exit: exit, readyForMs: readyForMs)
    #expect(BackOff.isEarly(child) == isEarly)
  }
}
