// When the watchdog looks, and what it does then.
import Configuration
import Testing

@testable import Server

@Suite struct WatchRuleTests {
  func rule(_ change: (inout ServerSettings) -> Void) -> WatchRule {
    var settings = ServerSettings()
    (settings.timeoutMs, settings.deadlockTimeoutMs) = (0, 0)
    change(&settings)
    return WatchRule(settings)
  }

  @Test func watchNothingWhereNothingIsSet() { #expect(!rule { _ in }.isNeeded) }

  @Test(arguments: [(1, 20), (5_000, 500), (300_000, 10_000)])
  func tryTheLockAtATenthOfItsLimit(deadlockMs: Int64, probeMs: Int64) {
    let rule = rule { $0.deadlockTimeoutMs = deadlockMs }
    #expect(rule.isNeeded)
    #expect(!rule.probes(ageMs: probeMs) && rule.probes(ageMs: probeMs + 1))
    #expect(!rule.interrupts(ageMs: .max - 1))
    #expect(rule.restMs(ageMs: nil) == probeMs)
  }

  @Test func tryTheLockBeforeItIsTakenToInterrupt() {
    let rule = rule { ($0.timeoutMs, $0.deadlockTimeoutMs) = (100, 300_000) }
    #expect(rule.interrupts(ageMs: 101) && rule.probes(ageMs: 101))
    #expect(!rule.probes(ageMs: 100))
  }

  @Test func interruptOnlyWhereBothAreSet() {
    #expect(!rule { _ in }.interrupts(ageMs: .max))
    let off = rule { settings in
      settings.timeoutMs = 1000
      settings.interruptTimeoutMs = 0
    }
    #expect(!off.interrupts(ageMs: .max - 1))
    let on = rule { $0.timeoutMs = 1000 }
    #expect(on.isNeeded)
    #expect(!on.interrupts(ageMs: 1000))
    #expect(on.interrupts(ageMs: 1001))
  }

  @Test func sleepUntilARequestCanBeOld() {
    let rule = rule { $0.timeoutMs = 1000 }
    #expect(rule.restMs(ageMs: nil) == 1000)
    #expect(rule.restMs(ageMs: 0) == 1001)
    #expect(rule.restMs(ageMs: 999) == 2)
    #expect(rule.interrupts(ageMs: 1000 + rule.restMs(ageMs: 1000)))
    // The clock of a worker may be read a moment before the request's is.
    #expect(rule.restMs(ageMs: -1) == 1000)
  }

  @Test(arguments: [(50, 20), (1000, 62), (60_000, 1000)])
  func lookOftenWhileOneIsOld(timeoutMs: Int64, restMs: Int64) {
    let rule = rule { $0.timeoutMs = timeoutMs }
    #expect(rule.restMs(ageMs: timeoutMs + 1) == restMs)
    #expect(rule.restMs(ageMs: timeoutMs * 100) == restMs)
  }
}
