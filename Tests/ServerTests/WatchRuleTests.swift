// When the watchdog looks, and what it does then.
import Configuration
import Testing

@testable import Server

@Suite struct WatchRuleTests {
  func rule(_ change: (inout ServerSettings) -> Void) -> WatchRule {
    var settings = ServerSettings()
    settings.timeoutMs = 0
    change(&settings)
    return WatchRule(settings)
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
