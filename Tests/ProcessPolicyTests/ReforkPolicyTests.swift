// When a scout is forked: after so many requests and seconds, so often, and not while other things
// go on.
import Testing

@testable import ProcessPolicy

@Suite struct ReforkPolicyTests {
  typealias Tick = ReforkPolicy.Tick
  static let serviceMs = ReforkPolicy.leastServiceMs

  func policy(after requests: Int = 100) -> ReforkPolicy {
    var policy = ReforkPolicy(afterRequests: requests)
    policy.loaded(requests: 50, nowMs: 1_000)
    return policy
  }

  @Test(arguments: [(149, false), (150, true), (151, true)] as [(Int64, Bool)])
  func theFirstComesAfterItsRequests(requests: Int64, isDue: Bool) {
    #expect(policy().isDue(Tick(nowMs: 1_000_000, requests: requests)) == isDue)
  }

  @Test(arguments: [(-1, false), (0, true), (1, true)] as [(Int64, Bool)])
  func theFirstComesAfterSomeSeconds(more: Int64, isDue: Bool) {
    let tick = Tick(nowMs: 1_000 + Self.serviceMs + more, requests: 1_000)
    #expect(policy().isDue(tick) == isDue)
  }

  @Test(arguments: [0, -1, .min]) func itCanBeTurnedOff(after requests: Int) {
    let policy = policy(after: requests)
    #expect(policy.nextAfterRequests == nil)
    #expect(!policy.isDue(Tick(nowMs: 1 << 40, requests: 1 << 40)))
  }

  @Test func notWhileOtherThingsGoOn() {
    #expect(policy().isDue(Tick(nowMs: 1 << 20, requests: 1 << 20)))
    #expect(!policy().isDue(Tick(nowMs: 1 << 20, requests: 1 << 20, hasScout: true)))
    #expect(!policy().isDue(Tick(nowMs: 1 << 20, requests: 1 << 20, isChanging: true)))
  }

  @Test func theSecondComesAfterTenTimesAsManyAndIsTheLast() {
    var policy = policy()
    policy.succeeded(requests: 200, nowMs: 0)
    #expect(policy.nextAfterRequests == 1_000)
    #expect(!policy.isDue(Tick(nowMs: 1 << 20, requests: 1_199)))
    #expect(policy.isDue(Tick(nowMs: 1 << 20, requests: 1_200)))
    policy.succeeded(requests: 1_300, nowMs: 0)
    #expect(policy.nextAfterRequests == nil)
    #expect(!policy.isDue(Tick(nowMs: 1 << 40, requests: 1 << 40)))
    // New code begins at the beginning.
    policy.loaded(requests: 2_000, nowMs: 0)
    #expect(policy.nextAfterRequests == 100)
    #expect(policy.isDue(Tick(nowMs: 1 << 20, requests: 2_100)))
  }

  @Test func aFailureWaitsFourTimesAsLongAndTheThirdForEver() {
    var policy = policy()
    policy.failed(requests: 150, nowMs: 500_000)
    #expect(policy.nextAfterRequests == 400)
    #expect(!policy.isDue(Tick(nowMs: 1 << 20, requests: 549)))
    #expect(policy.isDue(Tick(nowMs: 1 << 20, requests: 550)))
    #expect(!policy.isDue(Tick(nowMs: 500_000 + Self.serviceMs - 1, requests: 550)))
    policy.failed(requests: 550, nowMs: 0)
    #expect(policy.nextAfterRequests == 1_600)
    policy.failed(requests: 2_150, nowMs: 0)
    #expect(policy.nextAfterRequests == nil)
    policy.loaded(requests: 0, nowMs: 0)
    #expect(policy.nextAfterRequests == 100)
  }

  @Test func whoIsSentAwayHasNotFailed() {
    var policy = policy()
    policy.cancelled(requests: 150, nowMs: 0)
    #expect(policy.nextAfterRequests == 100)
    #expect(!policy.isDue(Tick(nowMs: 1 << 20, requests: 249)))
    #expect(policy.isDue(Tick(nowMs: 1 << 20, requests: 250)))
  }

  @Test func aBrokenOneIsNotTriedAgainUntilSomebodyAsks() {
    var policy = policy()
    policy.succeeded(requests: 200, nowMs: 0)
    policy.giveUp()
    policy.loaded(requests: 300, nowMs: 0)
    #expect(policy.nextAfterRequests == nil)
    policy.allow()
    #expect(policy.nextAfterRequests == 100)
  }

  @Test func theLargestSettingDoesNotOverflow() {
    var policy = policy(after: 1_000_000_000)
    policy.succeeded(requests: 0, nowMs: 0)
    for _ in 1..<ReforkPolicy.mostFailures { policy.failed(requests: 0, nowMs: 0) }
    #expect(policy.nextAfterRequests == 160_000_000_000)
  }

  /// A mold of 40 MB needs 50, its first worker 10: with the 40 of the present mold that is 100.
  @Test(arguments: [(99, false), (100, true), (101, true)] as [(Int64, Bool)])
  func anotherMoldMustFit(budget: Int64, fits: Bool) {
    let mb: Int64 = 100_000
    let memory = MemoryView(
      budget: MemoryBudget(bytes: budget * mb, source: .setting, reason: "said"),
      figures: MemoryFigures(server: ServerMemory(moldsBytes: 40 * mb)), expectedBytes: 10 * mb)
    #expect(ReforkPolicy.hasRoom(memory) == fits)
    let tick = Tick(nowMs: 1 << 20, requests: 1 << 20, memory: memory)
    #expect(policy().isDue(tick) == fits)
  }
}
