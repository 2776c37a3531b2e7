// What must hold with any numbers: seeds are printed, PLIMSOLL_SEED=n repeats one.
import Testing

@testable import ProcessPolicy

@Suite struct MemoryPropertyTests {
  /// A server whose workers grow at random up to what they will take; only the policy knows less.
  private struct Ship {
    struct Worker {
      var bytes: Int64 = 0
      var finalBytes: Int64
    }
    var random: SeededGenerator
    let budget: MemoryBudget
    let baseBytes: Int64
    let mostEach: Int64
    var workers: [Worker] = []

    init(seed: UInt64) {
      random = SeededGenerator(state: seed)
      budget = MemoryBudget(
        bytes: .random(in: 0...10_000, using: &random), source: .setting, reason: "")
      baseBytes = .random(in: 0...5000, using: &random)
      mostEach = .random(in: 1...500, using: &random)
    }

    var figures: MemoryFigures {
      MemoryFigures(
        server: ServerMemory(
          moldsBytes: baseBytes, workersBytes: workers.reduce(0) { $0 + $1.bytes }),
        pendingBytes: workers.reduce(0) {
          $0 + MemoryBudget.stillToTake(expectedBytes: mostEach, measuredBytes: $1.bytes)
        })
    }

    mutating func grow() {
      for index in workers.indices {
        let left = workers[index].finalBytes - workers[index].bytes
        workers[index].bytes += .random(in: 0...left, using: &random)
      }
    }
  }

  @Test(arguments: LoadlineSimulationTests.seeds)
  func neverAdmitsOverTheBudget(seed: UInt64) {
    print("memory budget: PLIMSOLL_SEED=\(seed)")
    var ship = Ship(seed: seed)
    for _ in 0..<500 {
      let most = Int.random(in: 0...5, using: &ship.random)
      let count = ship.budget.admitted(
        expectedBytes: ship.mostEach, ship.figures, most: most)
      #expect(count <= most)
      for index in 0..<most {
        // One by one is the same as all at once.
        let fits =
          ship.budget.admitted(expectedBytes: ship.mostEach, ship.figures, most: 1) == 1
        #expect(fits == (index < count), "PLIMSOLL_SEED=\(seed)")
        guard fits else { break }
        ship.workers.append(
          Ship.Worker(finalBytes: .random(in: 0...ship.mostEach, using: &ship.random)))
      }
      ship.grow()
      let sum = ship.figures.server.totalBytes
      #expect(
        ship.workers.isEmpty || sum <= ship.budget.bytes, "PLIMSOLL_SEED=\(seed): \(sum)")
      #expect(ship.workers.isEmpty || ship.budget.excessBytes(ship.figures) == 0)
      if Int.random(in: 0..<10, using: &ship.random) == 0, !ship.workers.isEmpty {
        ship.workers.remove(at: .random(in: ship.workers.indices, using: &ship.random))
      }
    }
  }

  @Test(arguments: LoadlineSimulationTests.seeds)
  func percentilesAreThoseOfTheLatestReadings(seed: UInt64) {
    print("marginal cost: PLIMSOLL_SEED=\(seed)")
    var random = SeededGenerator(state: seed)
    var cost = MarginalCost(priorBytes: 50)
    var readings: [Int64] = Array(repeating: 50, count: MarginalCost.priorSamples)
    for step in 0..<300 {
      let bytes = Int64.random(in: 0...99, using: &random)
      cost.record(bytes: bytes)
      if step < MarginalCost.priorSamples { readings.removeFirst() }
      readings.append(bytes)
      let latest = readings.suffix(MarginalCost.mostSamples).sorted()
      for percent in [1, 50, 95, 100] {
        let rank = (percent * latest.count + 99) / 100
        #expect(
          cost.percentileBytes(percent) == latest[rank - 1],
          "PLIMSOLL_SEED=\(seed), step \(step), \(percent) %")
      }
    }
  }
}

@Suite struct MemorySamplerTests {
  @Test func whatWasNeverReadComesFirst() {
    var sampler = MemorySampler()
    #expect(sampler.next(nowMs: 0) == nil)
    sampler.watch(slot: 2)
    sampler.watch(slot: 0)
    #expect(sampler.next(nowMs: 0) == 0)
    sampler.finished(slot: 0, costMicroseconds: 750, nowMs: 0)
    sampler.note(slot: 0, growthBytes: 1 << 30)
    #expect(sampler.next(nowMs: sampler.nextMs) == 2)
    sampler.forget(slot: 2)
    #expect(sampler.next(nowMs: sampler.nextMs) == 0)
  }

  @Test func waitsInProportionToTheCost() {
    var sampler = MemorySampler(shareMillionths: 5000)
    sampler.watch(slot: 0)
    sampler.watch(slot: 1)
    sampler.finished(slot: 0, costMicroseconds: 750, nowMs: 1000)
    #expect(sampler.nextMs == 1150)
    #expect(sampler.next(nowMs: 1149) == nil)
    #expect(sampler.next(nowMs: 1150) == 1)
    sampler.finished(slot: 1, costMicroseconds: 0, nowMs: 1150)
    #expect(sampler.nextMs == 1151)
  }

  @Test func onlyGrowthAndAgeAreWorthAReading() {
    var sampler = MemorySampler()
    sampler.watch(slot: 0)
    sampler.finished(slot: 0, costMicroseconds: 1, nowMs: 0)
    sampler.note(slot: 0, growthBytes: MemorySampler.worthwhileBytes - 1)
    #expect(sampler.next(nowMs: 1000) == nil)
    #expect(sampler.next(nowMs: MemorySampler.unchangedMs - 1) == nil)
    #expect(sampler.next(nowMs: MemorySampler.unchangedMs) == 0)
    sampler.note(slot: 0, growthBytes: MemorySampler.worthwhileBytes)
    #expect(sampler.next(nowMs: 1000) == 0)
    #expect(sampler.growthBytes(slot: 0) == MemorySampler.worthwhileBytes)
    sampler.finished(slot: 0, costMicroseconds: 1, nowMs: 1000)
    #expect(sampler.growthBytes(slot: 0) == 0)
  }

  @Test func slotsThatDoNotExistAreIgnored() {
    var sampler = MemorySampler(shareMillionths: 0)
    sampler.note(slot: 7, growthBytes: 1)
    sampler.forget(slot: 7)
    sampler.watch(slot: -1)
    sampler.finished(slot: 7, costMicroseconds: .max, nowMs: 0)
    #expect(sampler.growthBytes(slot: 7) == 0 && sampler.next(nowMs: sampler.nextMs) == nil)
    #expect(sampler.shareMillionths == 1)
  }

  @Test(arguments: LoadlineSimulationTests.seeds)
  func staysBelowItsShareAndForgetsNobody(seed: UInt64) {
    print("memory sampler: PLIMSOLL_SEED=\(seed)")
    var random = SeededGenerator(state: seed)
    let count = Int.random(in: 1...150, using: &random)
    var sampler = MemorySampler()
    var readings: [Int] = []
    for slot in 0..<count { sampler.watch(slot: slot) }
    var nowMs: Int64 = 0
    var spent: Int64 = 0
    var lastCost: Int64 = 0
    var lastTurn = Array(repeating: 0, count: count)
    while readings.count < 10 * count {
      nowMs += .random(in: 1...100, using: &random)
      for slot in 0..<count {
        // One leaks, all others grow as much as is worth a reading.
        sampler.note(slot: slot, growthBytes: slot == 0 ? 1 << 30 : MemorySampler.worthwhileBytes)
      }
      guard let slot = sampler.next(nowMs: nowMs) else { continue }
      // Not more than the share, but for what the last reading took.
      #expect((spent - lastCost) * 1_000_000 <= nowMs * 1000 * sampler.shareMillionths)
      lastCost = .random(in: 100...3000, using: &random)
      spent += lastCost
      sampler.finished(slot: slot, costMicroseconds: lastCost, nowMs: nowMs)
      readings.append(slot)
      #expect(
        readings.count - lastTurn[slot] <= 2 * count + 1,
        "PLIMSOLL_SEED=\(seed): \(slot) waited \(readings.count - lastTurn[slot]) readings")
      lastTurn[slot] = readings.count
    }
    // The leak is read every other time.
    #expect(readings.count { $0 == 0 } >= readings.count * 2 / 5)
  }
}
