// A new generation takes over from an old one: capacity is kept, and what both take is bounded.
import Testing

@testable import ProcessPolicy

@Suite struct LoadlineHandoverTests {
  func process(
    _ slot: Int, _ generation: Int, isLoaded: Bool = true, busy: Int = 0
  ) -> ProcessSnapshot {
    ProcessSnapshot(
      slot: slot, state: isLoaded ? .ready : .starting, generation: generation,
      isLoaded: isLoaded, busyThreads: busy)
  }

  func actions(
    _ processes: [ProcessSnapshot], generation: Int = 2, min: Int = 2, max: Int = 2
  ) -> [ProcessAction] {
    var policy = LoadlinePolicy(
      settings: LoadlineSettings(minProcesses: min, maxProcesses: max))
    return policy.decide(
      PolicyTick(nowMs: 0, generation: generation, processes: processes, usableCores: 8))
  }

  @Test func aGenerationOnTrialIsLeftAlone() {
    let all = [process(0, 1), process(1, 1), process(2, 2, isLoaded: false)]
    #expect(actions(all, generation: 1).isEmpty)
    // The old version replaces its dead meanwhile, in a slot that is free.
    #expect(actions([all[0], all[2]], generation: 1) == [.spawn(slots: [1])])
  }

  @Test func aReadyNewOneLetsAnOldOneGo() {
    #expect(
      actions([process(0, 1), process(1, 1), process(2, 2)]) == [.endGracefully(slot: 0)])
  }

  @Test func oldOnesThatDoNotServeYetGoFirstAndBusyOnesLast() {
    let all = [process(0, 1), process(1, 1, isLoaded: false), process(2, 2)]
    #expect(actions(all).contains(.endGracefully(slot: 1)))
    let busy = [process(0, 1, busy: 1), process(1, 1), process(2, 2)]
    #expect(actions(busy).contains(.endGracefully(slot: 1)))
  }

  @Test func theNewGenerationGetsAsManyAsTheOldOneHad() {
    // Between its bounds the old one had grown to four.
    let old = (0..<4).map { process($0, 1) }
    // One more than four is what a restart may take, and that one is there.
    #expect(
      actions(old + [process(4, 2)], min: 1, max: 8) == [.endGracefully(slot: 0)])
    var policy = LoadlinePolicy(settings: LoadlineSettings(minProcesses: 1, maxProcesses: 8))
    _ = policy.decide(PolicyTick(nowMs: 0, generation: 2, processes: old, usableCores: 8))
    let half = [process(0, 1), process(1, 1), process(4, 2), process(5, 2)]
    let later = policy.decide(
      PolicyTick(nowMs: 1, generation: 2, processes: half, usableCores: 8))
    #expect(later.contains { $0.spawnCount > 0 })
  }

  /// Plays whole restarts: forks become ready and ended ones go, one event after another.
  @Test(arguments: [1, 2, 3, 4, 7, 16, 150]) func aRestartKeepsItsCapacityAndItsBound(
    _ wanted: Int
  ) {
    var policy = LoadlinePolicy(
      settings: LoadlineSettings(minProcesses: wanted, maxProcesses: wanted))
    var all = (0..<wanted).map { process($0, 1) } + [process(wanted, 2)]
    for step in 0..<(10 * wanted + 10) {
      let tick = PolicyTick(
        nowMs: Int64(step), generation: 2, processes: all, usableCores: 4)
      let actions = policy.decide(tick)
      for action in actions {
        switch action {
        case .spawn(let slots):
          for slot in slots {
            #expect(!all.contains { $0.slot == slot })
            all.append(process(slot, 2, isLoaded: false))
          }
        case .endGracefully(let slot): all.removeAll { $0.slot == slot }
        case .allowThreads, .log, .stopServer: Issue.record("\(action)")
        }
      }
      #expect(all.count { $0.isLoaded } >= wanted)
      #expect(all.count <= wanted + LoadlinePolicy.surge(of: wanted))
      if let index = all.firstIndex(where: { !$0.isLoaded }) {
        all[index] = process(all[index].slot, 2)
      } else if actions.isEmpty {
        break
      }
    }
    #expect(all.count == wanted)
    #expect(all.allSatisfy { $0.generation == 2 && $0.isLoaded })
  }

  // MARK: in its time

  /// What is asked for at a time, with two old ones of ten exchanged already and room for more.
  func paced(_ policy: inout LoadlinePolicy, _ nowMs: Int64) -> [ProcessAction] {
    let all = (0..<10).map { process($0, 1) } + [process(10, 2), process(11, 2)]
    var tick = PolicyTick(nowMs: nowMs, generation: 2, processes: all, usableCores: 8)
    tick.handoverPaceMs = 100
    return policy.decide(tick)
  }

  @Test func aPacedHandoverExchangesOneAtATime() {
    var policy = LoadlinePolicy(settings: LoadlineSettings(minProcesses: 10, maxProcesses: 10))
    let one: [ProcessAction] = [.spawn(slots: [12]), .endGracefully(slot: 0)]
    #expect(paced(&policy, 1_000) == one)
    #expect(paced(&policy, 1_099) == [])
    #expect(paced(&policy, 1_100) == one)
    #expect(paced(&policy, 1_101) == [])
    // It looks again in time by itself.
    #expect(policy.nextDecisionMs(nowMs: 1_100) == 1_100 + LoadlinePolicy.sampleMs)
  }

  @Test func demandDoesNotWaitForThePace() {
    var policy = LoadlinePolicy(settings: LoadlineSettings(minProcesses: 1, maxProcesses: 20))
    func spawned(_ nowMs: Int64) -> Int {
      let all = (0..<4).map { process($0, 1, busy: 1) } + [process(4, 2, busy: 1)]
      var tick = PolicyTick(
        nowMs: nowMs, generation: 2, processes: all, waitingConnections: 4, usableCores: 8)
      tick.handoverPaceMs = 100
      return policy.decide(tick).map(\.spawnCount).reduce(0, +)
    }
    // Five handlers are busy, four requests wait, one is to spare: five more, and one exchanged.
    #expect(spawned(0) == 6)
    #expect(spawned(1) == 5)
  }

  @Test func aPacedHandoverComesToItsEnd() {
    let wanted = 12
    var policy = LoadlinePolicy(
      settings: LoadlineSettings(minProcesses: wanted, maxProcesses: wanted))
    var all = (0..<wanted).map { process($0, 1) } + [process(wanted, 2)]
    var nowMs: Int64 = 0
    while all.contains(where: { $0.generation == 1 }) && nowMs < 100_000 {
      var tick = PolicyTick(nowMs: nowMs, generation: 2, processes: all, usableCores: 4)
      tick.handoverPaceMs = 100
      let actions = policy.decide(tick)
      #expect(actions.count { $0.spawnCount == 0 } <= 1)
      for action in actions {
        if case .spawn(let slots) = action { all += slots.map { process($0, 2) } }
        if case .endGracefully(let slot) = action { all.removeAll { $0.slot == slot } }
      }
      #expect(all.count >= wanted)
      nowMs += 10
    }
    #expect((100 * Int64(wanted - 2)..<100 * Int64(wanted + 2)).contains(nowMs))
    #expect(all.count == wanted && all.allSatisfy { $0.generation == 2 })
  }
}
