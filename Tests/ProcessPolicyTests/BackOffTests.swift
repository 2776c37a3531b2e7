// The waits after early deaths.
import ProcessPolicy
import Testing

@Suite struct BackOffTests {
  @Test(arguments: [
    (-1, 0), (0, 0), (1, 100), (2, 200), (3, 400), (6, 3200), (7, 6400), (8, 10_000),
    (9, 10_000), (1_000_000, 10_000),
  ]) func doublesToItsLimit(_ failures: Int, _ delayMs: Int) {
    #expect(BackOff.delayMs(failures: failures) == Int64(delayMs))
  }

  @Test(arguments: [(1, 1000), (2, 2000), (6, 32_000), (7, 60_000), (.max, 60_000)])
  func hasOtherLimitsWhereTheyAreGiven(_ failures: Int, _ delayMs: Int) {
    #expect(BackOff.delayMs(failures: failures, limitsMs: 1000...60_000) == Int64(delayMs))
    #expect(BackOff.delayMs(failures: failures, limitsMs: 3_600_000...3_600_000) == 3_600_000)
    var backOff = BackOff(limitsMs: 1000...60_000)
    backOff.died(readyForMs: nil, nowMs: 5)
    #expect(backOff.notBeforeMs == 1005)
  }

  @Test func waitsLongerAfterEachEarlyDeath() {
    var backOff = BackOff()
    backOff.died(readyForMs: nil, nowMs: 1000)
    #expect(backOff.notBeforeMs == 1100)
    backOff.died(readyForMs: 0, nowMs: 2000)
    #expect(backOff.notBeforeMs == 2200)
    backOff.died(readyForMs: BackOff.provenMs - 1, nowMs: 3000)
    #expect(backOff.notBeforeMs == 3400)
  }

  @Test func aProvenWorkerIsReplacedAtOnce() {
    var backOff = BackOff()
    backOff.died(readyForMs: BackOff.provenMs, nowMs: 5000)
    #expect(backOff.notBeforeMs == 0)
    #expect(backOff.failures == 0)
  }

  @Test func becomingReadyForgivesAllButOne() {
    var backOff = BackOff()
    for _ in 0..<5 { backOff.died(readyForMs: nil, nowMs: 0) }
    backOff.becameReady()
    backOff.died(readyForMs: 10, nowMs: 0)
    #expect(backOff.notBeforeMs == 200)
  }
}
