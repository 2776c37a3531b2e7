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
        case .log, .stopServer: Issue.record("\(action)")
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
}
