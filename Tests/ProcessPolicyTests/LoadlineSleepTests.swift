// LoadlineSleepTests: a group that nobody asks keeps no process, and wakes for the first request.
import Testing

@testable import ProcessPolicy

@Suite struct LoadlineSleepTests {
  static let inactivityMs: Int64 = 10_000

  private func policy(min: Int = 2) -> LoadlinePolicy {
    LoadlinePolicy(
      settings: LoadlineSettings(
        minProcesses: min, maxProcesses: 4, inactivityMs: Self.inactivityMs))
  }

  private func processes(_ count: Int, usedMs: Int64 = 0, busy: Int = 0) -> [ProcessSnapshot] {
    (0..<count).map {
      ProcessSnapshot(
        slot: $0, state: $0 < busy ? .writing : .ready, busyThreads: $0 < busy ? 1 : 0,
        idleThreads: $0 < busy ? 0 : 1, lastUsedMs: usedMs)
    }
  }

  private func tick(
    _ nowMs: Int64, _ processes: [ProcessSnapshot], waiting: Int = 0
  ) -> PolicyTick {
    PolicyTick(nowMs: nowMs, processes: processes, waitingConnections: waiting, usableCores: 2)
  }

  @Test(arguments: [(-1, []), (0, [0, 1]), (1, [0, 1])] as [(Int64, [Int])])
  func allEndAfterTheTime(afterMs: Int64, ended: [Int]) {
    var policy = policy()
    let now = 5_000 + Self.inactivityMs + afterMs
    #expect(policy.decide(tick(now, processes(2, usedMs: 5_000))).compactMap(\.ended) == ended)
  }

  @Test func whoeverIsBusyOrJustStartedKeepsAllAwake() {
    var policy = policy()
    let late = 20 * Self.inactivityMs
    #expect(policy.decide(tick(late, processes(2, busy: 1))).compactMap(\.ended).isEmpty)
    var young = processes(2)
    young[1].startedMs = late - 1
    #expect(policy.decide(tick(late, young)).compactMap(\.ended).isEmpty)
    var loading = processes(2)
    loading[1].isLoaded = false
    #expect(policy.decide(tick(late, loading)).compactMap(\.ended).isEmpty)
  }

  @Test func sleepGoesOnUntilSomebodyWaits() {
    var policy = policy()
    let late = 20 * Self.inactivityMs
    _ = policy.decide(tick(late, processes(2)))
    #expect(policy.decide(tick(late + 1, [])).isEmpty)
    #expect(policy.decide(tick(late + 60_000, [])).isEmpty)
    #expect(policy.decide(tick(late + 60_001, [], waiting: 1)) == [.spawn(slots: [0, 1])])
  }

  @Test func aServerThatJustBeganIsAwake() {
    var policy = policy()
    #expect(policy.decide(tick(20 * Self.inactivityMs, [])) == [.spawn(slots: [0, 1])])
  }

  @Test func theOldGenerationIsExchangedFirst() {
    var policy = policy()
    var old = processes(2)
    for index in old.indices { old[index].generation = 1 }
    var tick = tick(20 * Self.inactivityMs, old)
    tick.generation = 2
    #expect(policy.decide(tick).compactMap(\.ended).isEmpty)
  }
}
