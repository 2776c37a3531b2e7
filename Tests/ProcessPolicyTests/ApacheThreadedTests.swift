import ProcessPolicy
import Testing

@Suite struct ApacheThreadedTests {
  static let nearText =
    "server is within MinSpareThreads of MaxRequestWorkers, consider raising the "
    + "MaxRequestWorkers setting"

  @Test(arguments: [ApacheSettings.stockWorker, .stockEvent])
  func theSnowballOfTheStockBlock(settings: ApacheSettings) throws {
    var yard = try Yard(settings)
    yard.start()
    var counts = [yard.count]
    for _ in 0..<5 {
      yard.quietSecond()
      counts.append(yard.count)
    }
    #expect(counts == [2, 3, 5, 6, 6, 6])
    #expect(yard.texts == [ApachePreforkTests.maximumText])

    yard.all(.ready)
    counts = []
    for _ in 0..<5 {
      yard.quietSecond()
      counts.append(yard.count)
    }
    // 150, 125 and 100 idle threads are more than 75; 75 are not.
    #expect(counts == [5, 4, 3, 3, 3])
  }

  /// A yard with processes that have so many busy threads.
  func yard(_ settings: ApacheSettings, busy: [Int]) throws -> Yard {
    var yard = try Yard(settings)
    for (slot, busy) in busy.enumerated() {
      yard.processes[slot] = ProcessSnapshot(
        slot: slot, state: .writing, busyThreads: busy, idleThreads: yard.threads - busy,
        startedMs: Int64(slot))
    }
    return yard
  }

  @Test(
    arguments: [ApacheSettings.stockWorker, .stockEvent],
    [
      ([25, 1], 1, 0), ([25, 0], 0, 0), ([24, 0], 0, 0),
      ([1, 0, 0], 0, 0), ([0, 0, 0], 0, 0), ([24, 0, 0, 0], 0, 1),
    ])
  func spareBounds(settings: ApacheSettings, expected: ([Int], Int, Int)) throws {
    var yard = try yard(settings, busy: expected.0)
    yard.quietSecond()
    #expect(yard.actions.map(\.spawnCount).reduce(0, +) == expected.1)
    #expect(yard.actions.compactMap(\.ended).count == expected.2)
  }

  @Test func threadsThatDoNotExistYetAreSpare() throws {
    var yard = try yard(.stockWorker, busy: [25])
    yard.processes[1] = ProcessSnapshot(slot: 1, state: .starting)
    yard.quietSecond()
    #expect(yard.actions.isEmpty)
  }

  @Test func theOldestProcessEndsEvenIfBusy() throws {
    var yard = try yard(.stockWorker, busy: [20, 0, 0, 0, 0])
    yard.quietSecond()
    #expect(yard.actions == [.endGracefully(slot: 0)])
  }

  @Test(arguments: [(ApacheSettings.stockWorker, false), (.stockEvent, true)])
  func onlyEventLeavesOutThoseThatStoppedAccepting(
    settings: ApacheSettings, spawns: Bool
  ) throws {
    var yard = try yard(settings, busy: [25, 0])
    yard.processes[1]?.isAccepting = false
    yard.quietSecond()
    #expect(yard.actions == (spawns ? [.spawn(slots: [2])] : []))
  }

  @Test(arguments: [ApacheSettings.stockWorker, .stockEvent])
  func nearTheMaximumIsSaidOnce(settings: ApacheSettings) throws {
    var yard = try yard(settings, busy: [25, 25, 25, 25, 25, 24])
    for _ in 0..<3 { yard.quietSecond() }
    #expect(yard.texts == [Self.nearText])
  }

  @Test func aFullScoreboardBelowTheMaximum() throws {
    var yard = try yard(.stockWorker, busy: [25, 25, 25, 25, 25, 0])
    yard.set(5, .graceful)
    for _ in 0..<2 { yard.quietSecond() }
    #expect(
      yard.texts == Array(repeating: "scoreboard is full, not at MaxRequestWorkers", count: 2))
  }

  @Test func workerTakesTheSlotOfALeavingProcess() throws {
    var yard = try yard(.stockWorker, busy: [25, 25, 25, 25])
    yard.set(1, .graceful)
    yard.set(2, .graceful)
    yard.processes[1]?.endedThreads = 1
    yard.processes[2]?.endedThreads = 25
    yard.policy.state.spawnRate = 8
    yard.quietSecond()
    #expect(yard.actions.flatMap(\.spawned) == [2, 4, 5, 1])
  }

  @Test func eventHasSlotsBeyondItsActiveProcesses() throws {
    var yard = try yard(.stockEvent, busy: Array(repeating: 25, count: 8))
    for slot in 0..<4 { yard.set(slot, .graceful) }
    yard.policy.state.spawnRate = 8
    yard.quietSecond()
    #expect(yard.actions.flatMap(\.spawned) == [8, 9])
    yard.quietSecond()
    #expect(yard.count == 10)
    #expect(yard.policy.state.spawnRate == 1)
  }

  /// Event ends no more while some are ending, except where a restart would still fit: here 5
  /// processes and a limit of 6 active ones, so 12 slots are enough.
  @Test(arguments: [(10, false), (11, false), (12, true)])
  func eventWaitsForTheLeaving(serverLimit: Int, ends: Bool) throws {
    var settings = ApacheSettings.stockEvent
    settings.serverLimit = serverLimit
    var yard = try yard(settings, busy: [0, 0, 0, 0, 0])
    yard.set(3, .graceful)
    yard.quietSecond()
    #expect(yard.actions == (ends ? [.endGracefully(slot: 0)] : []))
    #expect(yard.policy.state.spawnRate == 1)
  }

  // MARK: deaths

  @Test func killedChildrenAreReplacedTwiceInARow() throws {
    var yard = try yard(.stockWorker, busy: [0, 0, 0])
    for slot in [2, 0] {
      yard.reap(slot, .signaled)
      #expect(yard.count == 3)
    }
    yard.reap(1, .signaled)
    #expect(yard.count == 2)
    #expect(yard.texts.count == 1)
    for _ in 0..<9 { yard.reap(5, .signaled) }
    #expect(yard.texts.count == 1)
    yard.reap(5, .signaled)
    #expect(yard.texts.count == 2)

    yard.quietSecond()
    let before = yard.count
    yard.reap(0, .signaled)
    #expect(yard.count == before)
  }

  @Test(arguments: [ReapedProcess.Exit.finished, .failed, .resourceShortage])
  func othersAreNotReplacedAtOnce(exit: ReapedProcess.Exit) throws {
    var yard = try yard(.stockEvent, busy: [0, 0, 0])
    yard.reap(1, exit)
    #expect(yard.actions.isEmpty)
  }

  @Test func aShortageBeforeAnythingWorkedStopsTheServer() throws {
    var sick = try Yard(.stockEvent)
    sick.reap(0, .resourceShortage)
    sick.quietSecond()
    guard case .stopServer = sick.actions.last else {
      Issue.record("\(sick.actions)")
      return
    }

    var healthy = try yard(.stockEvent, busy: [3, 3])
    healthy.quietSecond()
    healthy.reap(1, .resourceShortage)
    healthy.quietSecond()
    #expect(healthy.actions == [.spawn(slots: [1])])
  }
}
