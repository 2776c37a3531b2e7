// How long a request may wait, at each edge.
import Configuration
import Testing

@testable import Server

@Suite struct QueueLimitTests {
  @Test(arguments: [(999, false), (1000, true), (1001, true)] as [(Int64, Bool)])
  func isOverFromItsTimeOn(waitedMs: Int64, isOver: Bool) {
    #expect(QueueLimit(timeoutMs: 1000).isOver(waitedMs: waitedMs) == isOver)
  }

  @Test func isDueWhenItIsOver() {
    let limit = QueueLimit(timeoutMs: 1000)
    #expect(limit.dueMs(wholeMs: 5) == 1005)
    #expect(limit.isOver(waitedMs: limit.dueMs(wholeMs: 5) - 5))
  }

  @Test(arguments: [0, -1] as [Int64]) func noLimitHoldsNobody(timeoutMs: Int64) {
    let limit = QueueLimit(timeoutMs: timeoutMs)
    #expect(!limit.isOn)
    #expect(!limit.isOver(waitedMs: 1 << 40))
    #expect(!limit.mayBeOld(calmForMs: 1 << 40))
    #expect(limit.dueMs(wholeMs: 5) == .max)
  }

  @Test(arguments: [(124, false), (125, true), (126, true)] as [(Int64, Bool)])
  func theKernelIsAskedOnlyAfterSomeTimeWithoutCalm(calmForMs: Int64, asks: Bool) {
    #expect(QueueLimit(timeoutMs: 1000).mayBeOld(calmForMs: calmForMs) == asks)
  }

  @Test func patienceIsAQuarterAndNeverNothing() {
    #expect(QueueLimit(timeoutMs: 1000).patienceMs == 250)
    #expect(QueueLimit(timeoutMs: 1).patienceMs == 1)
  }

  @Test(arguments: [(2, true), (3, false), (4, false)])
  func hasRoomUpToItsMost(waiting: Int, hasRoom: Bool) {
    #expect(QueueLimit(timeoutMs: 0, most: 3).hasRoom(waiting: waiting) == hasRoom)
  }

  @Test func someRoomThereAlwaysIs() {
    #expect(QueueLimit(timeoutMs: 0, most: 0).most == 1)
  }

  @Test(
    arguments: [(0, 1), (1, 1), (1000, 1), (1001, 2), (29_999, 30), (30_000, 30)]
      as [(Int64, Int64)])
  func retryAfterIsInWholeSeconds(waitedMs: Int64, seconds: Int64) {
    #expect(QueueLimit.retryAfterSeconds(waitedMs: waitedMs) == seconds)
  }

  @Test func apacheLetsThemWait() {
    var settings = ServerSettings()
    #expect(QueueLimit(settings).timeoutMs == 30_000)
    #expect(QueueLimit(settings).most == 10_000)
    settings.policy = "apache"
    #expect(!QueueLimit(settings).isOn)
    #expect(QueueLimit(settings).hasRoom(waiting: .max - 1))
  }
}
