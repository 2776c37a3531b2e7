// The load line: nothing is started that does not fit, and what is too much goes in order.
import Testing

@testable import ProcessPolicy

@Suite struct LoadlineMemoryTests {
  static let mb: Int64 = 1 << 20

  func policy(min: Int = 1, max: Int = 10) -> LoadlinePolicy {
    LoadlinePolicy(settings: LoadlineSettings(minProcesses: min, maxProcesses: max))
  }

  /// Loaded processes that take so many MB each; 0: not measured. The first `busy` have a request.
  func processes(_ megabytes: [Int64], busy: Int = 0, generation: Int = 1) -> [ProcessSnapshot] {
    megabytes.enumerated().map { slot, megabytes in
      ProcessSnapshot(
        slot: slot, state: slot < busy ? .writing : .ready, generation: generation,
        busyThreads: slot < busy ? 1 : 0, lastUsedMs: Int64(100 - slot),
        memoryBytes: megabytes > 0 ? megabytes * Self.mb : nil)
    }
  }

  func tick(
    _ processes: [ProcessSnapshot], budget: Int64, used: Int64, worker: Int64 = 10,
    fresh: Int64 = 0, generation: Int = 1, nowMs: Int64 = 1000, waiting: Int = 0, stall: Int = 0
  ) -> PolicyTick {
    PolicyTick(
      nowMs: nowMs, generation: generation, processes: processes, waitingConnections: waiting,
      usableCores: 8,
      memory: MemoryView(
        budget: MemoryBudget(bytes: budget * Self.mb, source: .setting, reason: "said"),
        figures: MemoryFigures(server: ServerMemory(moldsBytes: used * Self.mb)),
        expectedBytes: worker * Self.mb, freshWorkerBytes: fresh * Self.mb,
        stallPercent: stall, measuredMs: nowMs))
  }

  // MARK: a scout

  @Test func aScoutIsThereBesidesTheOthers() {
    var policy = policy(min: 2, max: 2)
    var all = processes([10, 10, 10])
    all[2].isScout = true
    #expect(policy.decide(tick(all, budget: 200, used: 40)).isEmpty)
    // Nor is it one too many, however long it is there.
    let late = tick(all, budget: 200, used: 40, nowMs: 1_000 + 2 * LoadlinePolicy.hysteresisMs)
    #expect(policy.decide(late).isEmpty)
    // It stands in for nobody.
    let actions = policy.decide(tick(Array(all[1...]), budget: 200, used: 40))
    #expect(actions == [.spawn(slots: [0])])
  }

  @Test func aScoutGoesFirstAboveTheLine() {
    var policy = policy(min: 2, max: 2)
    var all = processes([10, 30, 5])
    all[2].isScout = true
    let actions = policy.decide(tick(all, budget: 50, used: 60))
    #expect(actions.contains(.endGracefully(slot: 2)))
    #expect(!actions.contains(.endGracefully(slot: 1)))
  }

  // MARK: admission

  /// 40 MB base, one worker measured at its full 10 MB.
  @Test(arguments: [(59, 0), (60, 1), (61, 1), (69, 1), (70, 2), (200, 5)] as [(Int64, Int)])
  func asManyAsFit(budget: Int64, spawned: Int) {
    var policy = policy()
    let tick = tick(processes([10], busy: 1), budget: budget, used: 50, waiting: 4)
    #expect(policy.decide(tick).map(\.spawnCount).reduce(0, +) == spawned)
  }

  /// What the others will still take is theirs already.
  @Test(arguments: [(67, 0), (68, 1)] as [(Int64, Int)])
  func theYoungKeepTheirRoom(budget: Int64, spawned: Int) {
    var policy = policy()
    // One takes 2 MB of 10 so far: 8 are still to come.
    let tick = tick(processes([2], busy: 1), budget: budget, used: 50, waiting: 4)
    #expect(policy.decide(tick).map(\.spawnCount).reduce(0, +) == spawned)
  }

  @Test(arguments: [(69, 0), (70, 1)] as [(Int64, Int)])
  func theUnmeasuredAreReckonedWhole(budget: Int64, spawned: Int) {
    var policy = policy()
    let tick = tick(processes([10, 0], busy: 2), budget: budget, used: 50, waiting: 4)
    #expect(policy.decide(tick).map(\.spawnCount).reduce(0, +) == spawned)
  }

  @Test func somebodyMustServeWhateverItTakes() {
    var policy = policy(min: 3)
    let tick = tick([], budget: 5, used: 50)
    #expect(policy.decide(tick) == [.spawn(slots: [0])])
  }

  @Test func itIsSaidWhatBinds() {
    var policy = policy(min: 1, max: 2)
    _ = policy.decide(tick(processes([10], busy: 1), budget: 55, used: 50))
    #expect(policy.binding == .memory)
    _ = policy.decide(tick(processes([10, 10], busy: 2), budget: 500, used: 60, waiting: 5))
    #expect(policy.binding == .processes)
    _ = policy.decide(tick(processes([10, 10]), budget: 500, used: 60))
    #expect(policy.binding == .demand)
  }

  @Test func theShortageIsToldWithWhatTheOthersWillTake() {
    var policy = policy()
    let tick = tick(processes([2], busy: 1), budget: 67, used: 50, waiting: 4)
    let text = policy.decide(tick).compactMap(\.text).first
    #expect(
      text
        == "1 process serves where 6 are wanted: one more worker takes 10 MB, and the memory "
        + "budget of 67 MB leaves 9 MB (the server takes 50 MB, those that are there will take "
        + "8 MB more)")
  }

  // MARK: pressure

  @Test(arguments: [(9, 5), (10, 0), (11, 0), (100, 0)])
  func nobodyIsStartedWhileAllWaitForMemory(stall: Int, spawned: Int) {
    var policy = policy()
    let tick = tick(processes([10], busy: 1), budget: 500, used: 50, waiting: 4, stall: stall)
    #expect(policy.decide(tick).map(\.spawnCount).reduce(0, +) == spawned)
    #expect(policy.binding == (spawned == 0 ? .memory : .demand))
  }

  @Test func oneServesWhateverThePressure() {
    var policy = policy(min: 3)
    #expect(policy.decide(tick([], budget: 500, used: 50, stall: 100)) == [.spawn(slots: [0])])
  }

  @Test func thePressureIsToldWithFiguresNowAndThen() {
    var policy = policy()
    func text(_ stall: Int, budget: Int64 = 500, nowMs: Int64) -> String? {
      let tick = tick(
        processes([10], busy: 1), budget: budget, used: 50, nowMs: nowMs, waiting: 4, stall: stall)
      return policy.decide(tick).compactMap(\.text).first
    }
    let said = text(12, nowMs: 1000)
    #expect(said?.hasPrefix("1 process serves where 6 are wanted: all processes waited") == true)
    #expect(said?.contains("in 12 % of the last 10 s (full pressure)") == true)
    #expect(said?.contains("from 10 % on") == true)
    #expect(text(12, nowMs: 2000) == nil)
    // The other shortage is another piece of news.
    #expect(text(0, budget: 55, nowMs: 3000)?.contains("the memory budget") == true)
    #expect(text(12, nowMs: 1000 + LoadlinePolicy.reportEveryMs) != nil)
  }

  @Test(arguments: [(-1, 0), (0, 0), (100, 100), (101, 100)])
  func aShareIsAShare(said: Int, taken: Int) {
    #expect(tick([], budget: 1, used: 1, stall: said).memory?.stallPercent == taken)
  }

  // MARK: above the line

  @Test(arguments: [(100, []), (101, [2])] as [(Int64, [Int])])
  func theFattestIdleGoesFirst(used: Int64, ended: [Int]) {
    var policy = policy(min: 4, max: 4)
    let tick = tick(processes([40, 10, 20, 15], busy: 1), budget: 100, used: used)
    #expect(policy.decide(tick).compactMap(\.ended) == ended)
  }

  @Test func thenTheFattestBusy() {
    var policy = policy(min: 3, max: 3)
    let tick = tick(processes([40, 10, 20], busy: 3), budget: 100, used: 101)
    #expect(policy.decide(tick).compactMap(\.ended) == [0])
  }

  @Test func theLastOneStays() {
    var policy = policy()
    let tick = tick(processes([90], busy: 1), budget: 100, used: 130)
    #expect(policy.decide(tick).compactMap(\.ended).isEmpty)
  }

  /// The next goes only after everything was measured again, and this one is gone.
  @Test func oneAfterTheOther() {
    var policy = policy(min: 3, max: 3)
    var all = processes([10, 20, 30])
    var now = tick(all, budget: 50, used: 60)
    #expect(policy.decide(now).compactMap(\.ended) == [2])
    all[2].state = .graceful
    let later = policy.decide(tick(all, budget: 50, used: 60, nowMs: 2000))
    #expect(later.compactMap(\.ended).isEmpty)
    all.removeLast()
    now = tick(all, budget: 20, used: 60, nowMs: 3000)
    now.memory?.measuredMs = 1000
    #expect(policy.decide(now).compactMap(\.ended).isEmpty)
    now.memory?.measuredMs = 3000
    #expect(policy.decide(now).compactMap(\.ended) == [1])
  }

  // MARK: refresh

  @Test(arguments: [(12, []), (13, [2])] as [(Int64, [Int])])
  func aDirtyIdleOneIsReplaced(megabytes: Int64, ended: [Int]) {
    var policy = policy(min: 3, max: 3)
    let tick = tick(processes([30, 4, megabytes]), budget: 100, used: 70, fresh: 4)
    // The first is the dirtiest, and the most recently used.
    #expect(policy.decide(tick).compactMap(\.ended) == ended)
  }

  @Test(arguments: [(59, 0), (60, 1)] as [(Int64, Int)])
  func onlyWhereTheMemoryIsNeeded(used: Int64, ended: Int) {
    var policy = policy(min: 2, max: 2)
    let tick = tick(processes([4, 30]), budget: 100, used: used, fresh: 4)
    #expect(policy.decide(tick).compactMap(\.ended).count == ended)
  }

  // MARK: restarts

  /// Two generations do not fit: the old one goes one by one, and somebody always serves.
  @Test(arguments: [1, 2, 5, 9]) func aRestartWithoutRoomGoesOneByOne(count: Int) {
    var policy = policy(min: count, max: count)
    let base: Int64 = 40
    let budget = base + 10 * Int64(count) + 10
    var all = processes(Array(repeating: 10, count: count))
    all.append(
      ProcessSnapshot(slot: count, state: .ready, generation: 2, memoryBytes: 10 * Self.mb))
    for step in 0..<100 {
      let used = base + all.reduce(0) { $0 + ($1.memoryBytes ?? 0) } / Self.mb
      #expect(used <= budget)
      #expect(all.contains { $0.isLoaded })
      let now = tick(
        all, budget: budget, used: used, generation: 2, nowMs: Int64(step) * 1000 + 1000)
      let actions = policy.decide(now)
      for action in actions {
        switch action {
        case .spawn(let slots):
          for slot in slots {
            all.append(
              ProcessSnapshot(
                slot: slot, state: .ready, generation: 2, memoryBytes: 10 * Self.mb))
          }
        case .endGracefully(let slot): all.removeAll { $0.slot == slot }
        case .allowThreads, .log, .stopServer: break
        }
      }
    }
    #expect(all.count == count)
    #expect(all.allSatisfy { $0.generation == 2 })
  }
}
