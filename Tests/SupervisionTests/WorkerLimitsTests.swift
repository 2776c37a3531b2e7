// What a worker may use up, and when it is told so.
import Configuration
import Testing

@testable import Supervision

@Suite struct WorkerLimitsTests {
  func limits(_ change: (inout ServerSettings) -> Void) -> WorkerLimits {
    var settings = ServerSettings()
    change(&settings)
    return WorkerLimits(settings)
  }

  @Test func nothingIsSetAtFirst() {
    let limits = limits { _ in }
    #expect(!limits.areSet)
    #expect(limits.reason(slot: 0, servingMs: .max, cpuMs: .max, memoryBytes: .max) == nil)
  }

  @Test func eachLimitIsNamed() {
    let cpu = limits { $0.cpuTimeLimitMs = 5000 }
    #expect(cpu.areSet)
    #expect(cpu.reason(slot: 0, servingMs: 0, cpuMs: 5000, memoryBytes: 0) == nil)
    #expect(
      cpu.reason(slot: 0, servingMs: 0, cpuMs: 6001, memoryBytes: 0)
        == "has used 6 s of CPU time, more than --cpu-time-limit 5")
    let memory = limits { $0.memoryLimitBytes = 1_000_000 }
    #expect(memory.reason(slot: 0, servingMs: 0, cpuMs: 0, memoryBytes: 1_000_000) == nil)
    #expect(
      memory.reason(slot: 0, servingMs: 0, cpuMs: 0, memoryBytes: 1_000_001)?
        .contains("--memory-limit") == true)
    let time = limits { $0.restartIntervalMs = 10_000 }
    #expect(time.reason(slot: 0, servingMs: 9_999, cpuMs: 0, memoryBytes: 0) == nil)
    #expect(
      time.reason(slot: 0, servingMs: 10_000, cpuMs: 0, memoryBytes: 0)?
        .contains("10 s, the end of its --restart-interval") == true)
  }

  @Test func intervalsAreSpreadOverAFifth() {
    let limits = limits { $0.restartIntervalMs = 100_000 }
    let times = (0..<100).map { limits.serviceMs(slot: $0) }
    #expect(times[0] == 100_000)
    #expect(times.allSatisfy { (80_000...100_000).contains($0) })
    // No two of a hundred closer than a tenth of an even spread, neighbours least of all.
    let sorted = times.sorted()
    #expect(zip(sorted, sorted.dropFirst()).allSatisfy { $1 - $0 > 20 })
    #expect(zip(times, times.dropFirst()).allSatisfy { abs($1 - $0) > 5_000 })
  }
}
