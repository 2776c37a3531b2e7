import ProcessPolicy
import Testing

@Suite struct ApachePreforkTests {
  static let maximumText =
    "server reached MaxRequestWorkers setting, consider raising the MaxRequestWorkers setting"

  /// A yard with so many idle and so many busy processes.
  func yard(idle: Int, busy: Int, _ settings: ApacheSettings = .stockPrefork) throws -> Yard {
    var yard = try Yard(settings)
    for slot in 0..<(idle + busy) {
      yard.processes[slot] = ProcessSnapshot(slot: slot, state: .starting)
      yard.set(slot, slot < idle ? .ready : .writing)
    }
    return yard
  }

  @Test func theSnowballOfTheStockBlock() throws {
    var yard = try Yard(.stockPrefork)
    yard.start()
    var counts = [yard.count]
    for _ in 0..<9 {
      yard.quietSecond()
      counts.append(yard.count)
    }
    #expect(counts == [5, 6, 8, 12, 20, 36, 68, 100, 132, 150])
    #expect(yard.processes.keys.sorted() == Array(0..<150))

    #expect(!yard.texts.contains(Self.maximumText))
    for _ in 0..<3 { yard.quietSecond() }
    #expect(yard.count == 150)
    #expect(yard.texts.filter { $0 == Self.maximumText }.count == 1)

    yard.all(.ready)
    counts = []
    for _ in 0..<142 {
      yard.quietSecond()
      counts.append(yard.count)
    }
    #expect(counts == Array((10...149).reversed()) + [10, 10])
  }

  @Test func busyIsSaidFromRateEightOn() throws {
    var yard = try Yard(.stockPrefork)
    yard.start()
    for _ in 0..<4 { yard.quietSecond() }
    #expect(
      yard.texts == [
        "server seems busy, (you may need to increase StartServers, or Min/MaxSpareServers), "
          + "spawning 8 children, there are 0 idle, and 12 total children"
      ])
  }

  /// Whether the import shows as «starting» or happens inside the first request makes the snowball.
  @Test func startingIsSpareButImportingInARequestIsBusy() throws {
    var yard = try yard(idle: 0, busy: 5)
    for slot in 5..<10 {
      yard.processes[slot] = ProcessSnapshot(slot: slot, state: .starting, isLoaded: false)
    }
    yard.quietSecond()
    #expect(yard.actions.isEmpty)
    for slot in 5..<10 { yard.set(slot, .writing) }
    yard.quietSecond()
    #expect(yard.actions == [.spawn(slots: [10])])
  }

  @Test(arguments: [(4, 1, 0), (5, 0, 0), (6, 0, 0), (9, 0, 0), (10, 0, 0), (11, 0, 1)])
  func spareBounds(idle: Int, spawned: Int, ended: Int) throws {
    var yard = try yard(idle: idle, busy: 3)
    yard.quietSecond()
    #expect(yard.actions.map(\.spawnCount).reduce(0, +) == spawned)
    #expect(yard.actions.compactMap(\.ended).count == ended)
  }

  @Test(arguments: ProcessState.allCases)
  func onlyReadyAndStartingAreSpare(state: ProcessState) throws {
    var yard = try yard(idle: 4, busy: 0)
    yard.processes[4] = ProcessSnapshot(slot: 4, state: state)
    yard.quietSecond()
    let isSpare = state == .ready || state == .starting
    let isOpen = state == .open
    #expect(yard.actions == (isSpare ? [] : [.spawn(slots: [isOpen ? 4 : 5])]))
  }

  @Test func anyTickWithoutNeedResetsTheRate() throws {
    for (idle, busy) in [(5, 1), (11, 0)] {
      var yard = try Yard(.stockPrefork)
      yard.start()
      for _ in 0..<3 { yard.quietSecond() }
      #expect(yard.policy.state.spawnRate == 8)
      for slot in 0..<12 { yard.set(slot, slot < idle ? .ready : .writing) }
      yard.processes = yard.processes.filter { $0.key < idle + busy }
      yard.quietSecond()
      #expect(yard.policy.state.spawnRate == 1)
    }
  }

  @Test func noMaintenanceWhereSomethingWasReaped() throws {
    var yard = try yard(idle: 0, busy: 6)
    yard.nowMs = 5000
    yard.reap(2, .signaled)
    #expect(yard.actions.isEmpty)
    yard.apply(yard.policy.decide(yard.tick()))
    #expect(yard.actions == [.spawn(slots: [2])])
  }

  @Test(arguments: [(999, 0), (1000, 1), (1001, 1)] as [(Int64, Int)])
  func onceASecond(afterMs: Int64, spawned: Int) throws {
    var yard = try yard(idle: 0, busy: 5)
    yard.quietSecond()
    #expect(yard.policy.nextDecisionMs == 2000)
    yard.policy.state.spawnRate = 1
    yard.actions = []
    yard.nowMs += afterMs
    yard.apply(yard.policy.decide(yard.tick()))
    #expect(yard.actions.map(\.spawnCount).reduce(0, +) == spawned)
  }

  @Test func lowestFreeSlotsAreFilled() throws {
    var yard = try yard(idle: 0, busy: 9)
    for slot in [1, 4, 7] { yard.processes[slot] = nil }
    yard.policy.state.spawnRate = 4
    yard.quietSecond()
    #expect(yard.actions == [.spawn(slots: [1, 4, 7, 9])])
  }

  @Test func theIdleOneThatWaitedLongestEnds() throws {
    var yard = try yard(idle: 12, busy: 2)
    for slot in 0..<14 { yard.processes[slot]?.lastUsedMs = 100 - Int64(slot % 7) }
    yard.set(6, .starting)
    yard.processes[13]?.lastUsedMs = 1
    yard.quietSecond()
    #expect(yard.actions == [.endGracefully(slot: 5)])
  }

  @Test func aResourceShortageSlowsDown() throws {
    var yard = try Yard(.stockPrefork)
    yard.start()
    for _ in 0..<3 { yard.quietSecond() }
    yard.reap(0, .resourceShortage)
    #expect(yard.policy.state.spawnRate == 1)
    #expect(yard.count == 11)
  }

  // MARK: graceful restart

  /// In place of `old` processes, five start as their predecessors end; the rest a second later.
  @Test(arguments: [3, 5, 8])
  func gracefulRestartReplacesOneForOne(old: Int) throws {
    var yard = try yard(idle: 0, busy: old)
    let restart = yard.policy.restartGracefully(
      settings: yard.policy.settings, nowMs: 0, processes: Array(yard.processes.values))
    #expect(restart.compactMap(\.ended).sorted() == Array(0..<old))
    yard.generation = 1
    yard.all(.graceful)
    for slot in 0..<old { yard.reap(slot, .finished) }
    #expect(yard.count == min(old, 5))
    #expect(yard.policy.state.remainingToStart == max(0, 5 - old))
    yard.actions = []
    yard.all(.ready)
    yard.quietSecond()
    #expect(yard.count == 5)
    #expect(yard.actions == (old < 5 ? [.spawn(slots: Array(old..<5))] : []))
  }

  @Test func theRateDoublesOnlyTenTicksAfterARestart() throws {
    var yard = try yard(idle: 0, busy: 5)
    _ = yard.policy.restartGracefully(
      settings: yard.policy.settings, nowMs: 0, processes: Array(yard.processes.values))
    yard.policy.state.remainingToStart = 0
    var counts: [Int] = []
    for _ in 0..<13 {
      yard.quietSecond()
      counts.append(yard.count)
    }
    #expect(counts == Array(6...15) + [16, 18, 22])
  }

  @Test func oldProcessesAreNotSpareAndKeepTheirSlots() throws {
    var yard = try yard(idle: 6, busy: 0)
    yard.generation = 1
    yard.quietSecond()
    #expect(yard.actions == [.spawn(slots: [6])])
  }
}
