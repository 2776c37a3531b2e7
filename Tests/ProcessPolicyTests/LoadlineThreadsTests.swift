// More threads where there cannot be more processes: when, how many, and how they come down.
import Testing

@testable import ProcessPolicy

@Suite struct LoadlineThreadsTests {
  static let mb: Int64 = 1 << 20
  static let threadsPerMB = Int(mb / LoadlinePolicy.threadBytes)

  func policy(
    max: Int = 8, threads: Int = 4, most: Int = 16, handlers: Int = 0
  ) -> LoadlinePolicy {
    LoadlinePolicy(
      settings: LoadlineSettings(
        minProcesses: 1, maxProcesses: max, threadsPerProcess: threads, mostThreadsPerProcess: most,
        mostHandlers: handlers))
  }

  /// So many loaded processes, each with `busy` of its `threads` in a request.
  func processes(_ count: Int, busy: Int, threads: Int = 4) -> [ProcessSnapshot] {
    (0..<count).map {
      ProcessSnapshot(
        slot: $0, state: .ready, busyThreads: busy, idleThreads: threads - busy,
        lastUsedMs: Int64(1000 - $0), memoryBytes: 10 * Self.mb)
    }
  }

  /// A budget that leaves `room` MB, of which one more process takes 10.
  func tick(
    _ processes: [ProcessSnapshot], room: Int64? = nil, waiting: Int = 0, nowMs: Int64 = 1000,
    isCPUSaturated: Bool = false
  ) -> PolicyTick {
    PolicyTick(
      nowMs: nowMs, processes: processes, waitingConnections: waiting, usableCores: 8,
      isCPUSaturated: isCPUSaturated,
      memory: room.map {
        MemoryView(
          budget: MemoryBudget(bytes: (100 + $0) * Self.mb, source: .setting, reason: "said"),
          figures: MemoryFigures(server: ServerMemory(moldsBytes: 100 * Self.mb)),
          expectedBytes: 10 * Self.mb, measuredMs: nowMs)
      })
  }

  func allowed(_ actions: [ProcessAction]) -> [Int] {
    actions.compactMap { if case .allowThreads(let count) = $0 { count } else { nil } }
  }

  // MARK: memory binds

  /// One handler is kept free: 2 processes have 8.
  @Test(arguments: [(7, []), (8, [5]), (9, [5]), (10, [6]), (15, [8]), (31, [16]), (99, [16])])
  func theMissingHandlersAreShared(demand: Int, threads: [Int]) {
    var policy = policy()
    let actions = policy.decide(tick(processes(2, busy: 0), room: 9, waiting: demand))
    #expect(allowed(actions) == threads)
    #expect(actions.allSatisfy { $0.spawnCount == 0 })
    #expect(policy.binding == (threads.isEmpty ? .demand : .memory))
  }

  @Test func processesComeFirst() {
    var policy = policy()
    let actions = policy.decide(tick(processes(2, busy: 4), room: 10, waiting: 40))
    #expect(actions.map(\.spawnCount).reduce(0, +) == 1)
    #expect(allowed(actions) == [])
  }

  /// Two processes; each thread of both has to fit.
  @Test func noMoreThanFit() {
    for (room, more) in [(0, 0), (1, Self.threadsPerMB / 2), (2, Self.threadsPerMB)] {
      var policy = policy(most: 100, handlers: 1000)
      let actions = policy.decide(tick(processes(2, busy: 4), room: Int64(room), waiting: 500))
      #expect(allowed(actions) == (more > 0 ? [4 + more] : []))
    }
  }

  /// What was allowed is spent, also before the threads are there.
  @Test func whatIsAllowedIsSpent() {
    var policy = policy(most: 100, handlers: 1000)
    let first = policy.decide(tick(processes(2, busy: 4), room: 1, waiting: 500))
    #expect(allowed(first) == [4 + Self.threadsPerMB / 2])
    let second = policy.decide(tick(processes(2, busy: 4), room: 1, waiting: 500, nowMs: 1100))
    #expect(allowed(second) == [])
    // They are there, and what they take was measured.
    let threads = 4 + Self.threadsPerMB / 2
    let third = policy.decide(
      tick(processes(2, busy: threads, threads: threads), room: 1, waiting: 500, nowMs: 1200))
    #expect(allowed(third) == [4 + 2 * (Self.threadsPerMB / 2)])
  }

  @Test func aboveTheLineThereAreNoMore() {
    var policy = policy()
    let actions = policy.decide(tick(processes(2, busy: 4), room: -1, waiting: 20))
    #expect(allowed(actions) == [])
  }

  // MARK: the greatest number binds

  /// By default threads stand in only for processes that could be.
  @Test func theDefaultHasNoMoreHandlersThanItsProcesses() {
    var policy = policy(max: 8)
    #expect(allowed(policy.decide(tick(processes(8, busy: 4), waiting: 100))) == [])
    #expect(policy.binding == .processes)
    // Three of them: 32 handlers, ten each.
    let fewer = policy.decide(tick(processes(3, busy: 4), room: 9, waiting: 100))
    #expect(allowed(fewer) == [10])
  }

  @Test(arguments: [(118, [15]), (119, [15]), (120, [16]), (158, [20]), (159, [20]), (900, [20])])
  func aTypedRangeIsForEveryProcess(demand: Int, threads: [Int]) {
    var policy = policy(max: 8, most: 20, handlers: 160)
    let actions = policy.decide(tick(processes(8, busy: 0), waiting: demand))
    #expect(allowed(actions) == threads)
  }

  /// Two of eight are there: each gets what it will have once all are, and memory for the others
  /// is not given away.
  @Test func thoseToComeAreReckonedIn() {
    var policy = policy(max: 8, most: 20, handlers: 160)
    #expect(allowed(policy.decide(tick(processes(2, busy: 4), waiting: 142))) == [19])
    var short = self.policy(max: 8, most: 20, handlers: 160)
    #expect(allowed(short.decide(tick(processes(2, busy: 4), room: 60, waiting: 142))) == [])
    #expect(allowed(short.decide(tick(processes(2, busy: 4), room: 61, waiting: 142))).count == 1)
  }

  @Test func theMaximumIsToldOnceAllThreadsAreBusy() {
    var policy = policy(max: 2, most: 6, handlers: 12)
    let busy = processes(2, busy: 6, threads: 6)
    #expect(policy.decide(tick(busy)).compactMap(\.text).isEmpty == false)
    let told = policy.decide(tick(busy, waiting: 1, nowMs: 2000)).compactMap(\.text)
    #expect(told.count == 1 && told[0].contains("13 requests run or wait, and the 2 processes"))
    #expect(told[0].contains("have 12 handlers"))
  }

  // MARK: limits

  @Test func threadsThatAreFixedStay() {
    var policy = policy(most: 4, handlers: 1000)
    #expect(allowed(policy.decide(tick(processes(2, busy: 4), room: 9, waiting: 500))) == [])
  }

  @Test func withoutCPUTimeMoreThreadsWouldOnlyShareIt() {
    var policy = policy(max: 2, most: 20, handlers: 40)
    let busy = processes(2, busy: 4)
    #expect(allowed(policy.decide(tick(busy, waiting: 20, isCPUSaturated: true))) == [])
    #expect(allowed(policy.decide(tick(busy, waiting: 20, nowMs: 1100))) == [15])
    // What there is stays.
    #expect(
      allowed(policy.decide(tick(busy, waiting: 30, nowMs: 1200, isCPUSaturated: true))) == [])
  }

  @Test func itIsToldOnce() {
    var policy = policy()
    let actions = policy.decide(tick(processes(2, busy: 4), room: 9, waiting: 10))
    #expect(
      actions.compactMap(\.text).last
        == "2 processes serve and the memory forbids more: each may have 10 threads instead of 4")
  }

  // MARK: coming down

  @Test func halfOfWhatIsTooMuchGoesAfterAWhile() {
    var policy = policy()
    let some = processes(2, busy: 0, threads: 16)
    #expect(allowed(policy.decide(tick(some, room: 9, waiting: 99, nowMs: 0))) == [16])
    var counts: [Int] = []
    var times: [Int64] = []
    for step in 1...2000 {
      let nowMs = Int64(step) * 100
      for count in allowed(policy.decide(tick(some, room: 9, nowMs: nowMs))) {
        counts.append(count)
        times.append(nowMs)
      }
    }
    #expect(counts == [10, 7, 5, 4])
    #expect(times.first == 100 + LoadlinePolicy.hysteresisMs)
  }

  @Test func demandThatComesBackKeepsThem() {
    var policy = policy()
    let some = processes(2, busy: 0, threads: 16)
    _ = policy.decide(tick(some, room: 9, waiting: 31, nowMs: 0))
    for second in 1...300 {
      let waiting = second % 20 == 0 ? 31 : 0
      let actions = policy.decide(
        tick(some, room: 9, waiting: waiting, nowMs: Int64(second) * 1000))
      #expect(allowed(actions) == [])
    }
  }

  /// Memory came back: more processes share the bound at once.
  @Test func moreProcessesHaveFewerThreadsEach() {
    var policy = policy(max: 8)
    #expect(allowed(policy.decide(tick(processes(3, busy: 4), room: 9, waiting: 99))) == [10])
    let more = policy.decide(tick(processes(4, busy: 4), room: 9, waiting: 99, nowMs: 1100))
    #expect(allowed(more) == [8])
  }
}
