// The door in front of both policies: starts and restarts follow from the generation.
import ProcessPolicy
import Testing

@Suite struct ChosenPolicyTests {
  func processes(_ count: Int, generation: Int) -> [ProcessSnapshot] {
    (0..<count).map {
      ProcessSnapshot(slot: $0, state: .ready, generation: generation, idleThreads: 1)
    }
  }

  @Test func apacheStartsItsServersInTheFirstTick() throws {
    var policy = ChosenPolicy(apache: try ApacheSettings.stockPrefork.corrected().settings)
    let start = policy.decide(PolicyTick(nowMs: 100, generation: 1, processes: []))
    #expect(start == [.spawn(slots: [0, 1, 2, 3, 4])])
    #expect(policy.nextDecisionMs(nowMs: 100) == 1100)
    let all = processes(5, generation: 1)
    #expect(policy.decide(PolicyTick(nowMs: 1100, generation: 1, processes: all)).isEmpty)
  }

  /// Old ones end at once and are replaced one for one; the one on trial stays.
  @Test func apacheGoesOverToANewGeneration() throws {
    var policy = ChosenPolicy(apache: try ApacheSettings.stockPrefork.corrected().settings)
    _ = policy.decide(PolicyTick(nowMs: 0, generation: 1, processes: []))
    var all = processes(5, generation: 1)
    all.append(ProcessSnapshot(slot: 5, state: .ready, generation: 2, idleThreads: 1))
    let restart = policy.decide(PolicyTick(nowMs: 500, generation: 2, processes: all))
    #expect(restart == (0..<5).map { .endGracefully(slot: $0) })
    for index in 0..<5 { all[index].state = .graceful }
    let reaped = [ReapedProcess(slot: 3, exit: .finished, readyForMs: 500)]
    let next = policy.decide(
      PolicyTick(nowMs: 510, generation: 2, reaped: reaped, processes: all))
    #expect(next == [.spawn(slots: [3])])
  }

  @Test func loadlineNeedsNoStart() {
    var policy = ChosenPolicy(loadline: LoadlineSettings(minProcesses: 2, maxProcesses: 4))
    let start = policy.decide(
      PolicyTick(nowMs: 0, generation: 1, processes: [], usableCores: 4))
    #expect(start == [.spawn(slots: [0, 1])])
    #expect(policy.nextDecisionMs(nowMs: 0) == LoadlinePolicy.quietSampleMs)
  }
}
