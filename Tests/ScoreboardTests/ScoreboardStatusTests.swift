// The scoreboard as plain values: letters, sums, and what workers that are gone leave behind.
import Platform
import ProcessPolicy
import Reporting
import Scoreboard
import Testing

@Suite struct ScoreboardStatusTests {
  private func board(slots: Int, threads: Int) throws -> Scoreboard {
    let memory = try Scoreboard.makeDescriptor(slots: slots, threads: threads)
    return try Scoreboard(mapping: memory.number)
  }

  @Test func showsOpenSlotsAndWorkers() throws {
    let board = try board(slots: 3, threads: 2)
    board.facts.describe(title: "app:app", software: "plimsoll/1", mpm: "event", policy: "loadline")
    board.facts.servingGeneration = 4
    board[1].clear(generation: 4, phase: .serving)
    board[1].occupy(pid: 99, startedMs: Clock.monotonicMs() - 5000)
    board[1].setConnections(7)
    board[1].setForkBegan(us: 77)
    board[1].setReady(us: 78)
    board[1].setStartedThreads(2)
    // Each has a place of its own.
    #expect(board[1].forkBeganUs == 77 && board[1].readyUs == 78)
    board[1].setAccepting(true)
    board[1].line(0).requestBegan(ms: Clock.monotonicMs() - 100, connectionRequests: 2)
    let status = board.status()
    #expect(status.title == "app:app")
    #expect(status.generation == 4)
    #expect(status.slots.count == 3)
    #expect(status.slots[0] == nil)
    let worker = try #require(status.slots[1])
    #expect(worker.slot == 1)
    #expect(worker.pid == 99)
    #expect(worker.ageMs >= 5000)
    #expect(worker.isAccepting)
    #expect(worker.connections.total == 7)
    #expect(worker.handlers.map(\.state) == [.writing, .ready])
    #expect(try #require(worker.handlers[0].sinceBeginMs) >= 100)
    #expect(worker.handlers[1].sinceBeginMs == nil)
    #expect(status.busyHandlers == 1)
    #expect(status.idleHandlers == 1)
  }

  @Test(arguments: [
    (WorkerSlot.Phase.starting, [ProcessState.starting, .starting]),
    (.serving, [.keepAlive, .ready]), (.draining, [.graceful, .graceful]),
    (.idleCleanup, [.graceful, .idleCleanup]),
  ])
  func lettersFollowThePhase(phase: WorkerSlot.Phase, letters: [ProcessState]) throws {
    let board = try board(slots: 1, threads: 2)
    board[0].clear(generation: 1, phase: .starting)
    board[0].setStartedThreads(2)
    board[0].line(0).setState(.keepAlive)
    board[0].setPhase(phase)
    #expect(board.status().slots[0]?.handlers.map(\.state) == letters)
  }

  @Test func whatWasDoneStaysWhenItsWorkerIsGone() throws {
    let board = try board(slots: 2, threads: 1)
    for slot in [board[0], board[1]] {
      slot.clear(generation: 1, phase: .serving)
      slot.setCPUTime(ms: 30)
      slot.line(0).requestBegan(ms: 1, connectionRequests: 1)
      slot.line(0).requestEnded(bytes: 200, durationUs: 2500)
      slot.line(1).count(bytes: 50, durationUs: 500)
      // The others of that line leave it alone.
      slot.setForkBegan(us: 1)
      slot.setReady(us: 2)
      slot.setCensus(keepAlive: 3, reading: 4, writing: 5, closing: 6)
      slot.countShed(.waitedTooLong, waitedMs: 1500)
      slot.countShed(.waitedTooLong, waitedMs: 1200)
      slot.countShed(.queueFull, waitedMs: 300)
      slot.countService(us: 2500)
      slot.countService(us: 500)
      slot.countLockWaits(1, us: 700)
      slot.countLockWaits(4, us: 20)
      slot.countInterrupted()
      slot.countWait(us: 300)
      slot.countWait(us: 0)
    }
    let before = board.status()
    #expect(before.totals == ServerStatus.Totals(requests: 4, bytes: 500, durationMs: 6))
    #expect(before.cpuMs == 60)
    #expect(before.shed == 6)
    #expect(before.shedReasons[.waitedTooLong] == 4 && before.shedReasons[.queueFull] == 2)
    #expect(before.slots[1]?.shed == 3)
    #expect(board[0].shedWaitedMs(.waitedTooLong) == 1200)
    #expect(board[0].shedWaitedMs(.queueFull) == 300 && board[0].shedWaitedMs(.noWorker) == 0)
    #expect(before.lockWaits == ServerStatus.LockWaits(count: 10, us: 1440))
    #expect(before.slots[1]?.lockWaits == ServerStatus.LockWaits(count: 5, us: 720))
    #expect(before.interrupted == 2 && before.slots[1]?.interrupted == 1)
    #expect(before.serviceTimes.counts[1] == 2 && before.serviceTimes.counts[3] == 2)
    #expect(before.queue.waits.counts[0] == 2 && before.queue.waits.counts[1] == 2)
    #expect(before.queue.waitedUs == 600)
    board.facts.inherit(from: board[0])
    // Also before the slot is cleared: sums that rise and fall again look like a new server.
    let between = board.status()
    #expect(between.totals == before.totals)
    #expect(between.shed == before.shed && between.cpuMs == before.cpuMs)
    #expect(between.serviceTimes == before.serviceTimes && between.queue == before.queue)
    #expect(between.lockWaits == before.lockWaits && between.interrupted == 2)
    board[0].clear(generation: 0, phase: .open)
    let after = board.status()
    #expect(after.totals == before.totals)
    #expect(after.serviceTimes == before.serviceTimes && after.queue == before.queue)
    #expect(after.cpuMs == before.cpuMs)
    #expect(after.shed == before.shed && after.shedReasons == before.shedReasons)
    #expect(after.slots[0] == nil)
  }

  @Test func theOldestThatWaitsSaysForHowLong() throws {
    let board = try board(slots: 3, threads: 1)
    for (slot, agoMs) in [(0, 500), (1, 2_000)] {
      board[slot].clear(generation: 1, phase: .serving)
      board[slot].setWaiting(2, oldestMs: Clock.monotonicMs() - Int64(agoMs))
    }
    #expect(board.status().queue.oldestMs >= 2_000)
    #expect(board.status().connections.waiting == 4)
    board[1].setWaiting(0, oldestMs: 0)
    #expect((500..<2_000).contains(board.status().queue.oldestMs))
    board[0].setWaiting(0, oldestMs: 5)
    #expect(board.status().queue.oldestMs == 0)
  }

  @Test func aGroupSaysWhichItIs() throws {
    let boards = [try board(slots: 1, threads: 1), try board(slots: 2, threads: 1)]
    for (index, board) in boards.enumerated() {
      board.facts.describe(
        title: "t\(index)", software: "s", mpm: "event", policy: "loadline")
      board.facts.describe(
        group: "g\(index)", index: index, of: 2, python: "/p\(index)", urls: "/a, /b")
      board.facts.state = index == 0 ? .asleep : .serving
      board[0].clear(generation: 1, phase: .serving)
    }
    #expect(boards.map(\.facts.groupIndex) == [0, 1] && boards[0].facts.groupCount == 2)
    let status = Scoreboard.status(of: boards)
    #expect(status.groups.map(\.group) == ["g0", "g1"] && status.title == "t0, t1")
    #expect(status.groups.map(\.python) == ["/p0", "/p1"] && status.groups[0].urls == "/a, /b")
    #expect(status.groups.map(\.state) == [.asleep, .serving] && status.mpm == "event")
    #expect(status.slots.count == 3 && status.workers.map(\.group) == ["g0", "g1"])
  }

  @Test func countsDeathsByCauseAndGenerations() throws {
    let board = try board(slots: 1, threads: 1)
    var expected = DeathCounts()
    for process in ServerProcess.allCases {
      for cause in DeathCause.allCases {
        for _ in 0...(process.rawValue * 10 + cause.rawValue) {
          board.facts.died(process, of: cause)
        }
        expected[process, cause] = Int64(process.rawValue * 10 + cause.rawValue + 1)
      }
    }
    board.facts.servingGeneration = 1
    board.facts.servingGeneration = 3
    board.facts.failedGeneration = 2
    board.facts.describe(title: "t", software: "s", mpm: "m", policy: "p")
    let status = board.status()
    #expect(status.deathCounts == expected)
    // Those of workers alone, as it always was.
    #expect(status.deaths == 1 + 2 + 3 + 4 + 5 + 6)
    #expect(status.generationsServed == 2 && status.generationsFailed == 1)
    #expect(status.title == "t" && status.serviceTimes == ServiceTimes())
  }

  @Test func frontsStandApartFromWorkers() throws {
    let memory = try Scoreboard.makeDescriptor(slots: 3, threads: 1, lanes: 2, fronts: 2)
    let board = try Scoreboard(mapping: memory.number)
    board[0].clear(generation: 1, phase: .serving)
    board[0].setConnections(1)
    board[2].clear(generation: 0, phase: .serving)
    board[2].occupy(pid: 77, startedMs: 1)
    board[2].setConnections(5)
    board[2].setWaiting(2, oldestMs: 0)
    board[2].setCensus(keepAlive: 3, reading: 1, writing: 0, closing: 0)
    let status = board.status()
    #expect(status.slots.count == 1)
    #expect(status.fronts.map(\.number) == [1] && status.fronts.map(\.pid) == [77])
    #expect(status.connections.total == 6 && status.connections.waiting == 2)
    #expect(status.connections.keepAlive == 3)
  }

  @Test func tellsHowLongForksTook() throws {
    let board = try board(slots: 1, threads: 1)
    #expect(board.status().forkTimes == ServerStatus.ForkTimes())
    var expected = ServerStatus.ForkTimes()
    for us in [Int64(0), 63, 64, 1_999, 2_000, 1 << 40] {
      board.facts.workerBecameReady(forkUs: us, askedUs: us &* 2)
      expected.fork.count(us: us)
      expected.asked.count(us: us &* 2)
    }
    #expect(board.status().forkTimes == expected)
    // The neighbours in memory are what they were.
    board.facts.describe(
      title: String(repeating: "t", count: 200), software: "s", mpm: "m",
      policy: String(repeating: "p", count: 20))
    #expect(board.status().forkTimes == expected)
    #expect(board.status().slots[0] == nil)
  }

  @Test func tellsTheMemory() throws {
    let board = try board(slots: 1, threads: 1)
    #expect(board.status().memory == nil)
    var memory = ServerStatus.Memory()
    memory.budgetBytes = 256 << 20
    memory.usedBytes = 200 << 20
    memory.supervisorBytes = 1
    memory.moldBytes = 2
    memory.workerBytes = 3
    memory.freshWorkerBytes = 4
    memory.capacity = 5
    (memory.stallPercent, memory.mergedBytes) = (6, 7)
    for binding in [BindingLimit.demand, .processes, .memory, .cpu, .failures] {
      memory.binding = binding
      board.facts.memory = memory
      #expect(board.status().memory == memory)
    }
    board[0].clear(generation: 1, phase: .serving)
    board[0].setMemory(bytes: 77)
    board[0].setAllowance(bytes: 88)
    #expect(board.status().slots[0]?.memoryBytes == 77)
    board[0].setGrowth(bytes: -78)
    #expect(board.status().slots[0]?.growthBytes == -78)
    #expect(board[0].allowanceBytes == 88)
  }

  /// The application's process can write what it likes there.
  @Test func survivesGarbage() throws {
    let memory = try Scoreboard.makeDescriptor(slots: 2, threads: 2)
    let board = try Scoreboard(mapping: memory.number)
    let raw = try SharedMemory(mapping: memory.number)
    for byte in [UInt8(0xFF), 0x80, 0x7F] {
      unsafe raw.base.initializeMemory(as: UInt8.self, repeating: byte, count: raw.count)
      _ = board.status()
      board[0].clear(generation: 1, phase: .serving)
      unsafe raw.base.initializeMemory(as: UInt8.self, repeating: byte, count: raw.count)
      board[0].setPhase(.serving)
      #expect(board.status().slots[0] != nil)
      board.facts.inherit(from: board[0])
      _ = board[0].busyThreads + board[0].waiting + board[0].connections
    }
  }
}
