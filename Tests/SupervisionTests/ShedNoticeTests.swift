// One line in a while says how many requests were turned away.
import Configuration
import Reporting
import Testing

@testable import Supervision

@Suite struct ShedNoticeTests {
  private func settings(queueTimeoutMs: Int64 = 30_000) -> ServerSettings {
    var settings = ServerSettings()
    settings.queueTimeoutMs = queueTimeoutMs
    settings.queueLimit = 7
    return settings
  }

  @Test func saysNothingWithoutNeed() {
    var notice = ShedNotice()
    let lines = notice.due(settings(), nowMs: 1_000_000)
    #expect(lines.isEmpty)
  }

  @Test func theFirstIsSaidAtOnceAndOthersAreSummedUp() {
    var notice = ShedNotice()
    let settings = settings(queueTimeoutMs: 1000)
    notice.note(1, .waitedTooLong, waitedMs: 1000, nowMs: 50_000)
    let first = notice.due(settings, nowMs: 50_000)
    #expect(first.count == 1)
    #expect(first.first?.hasPrefix("answered 1 request with 503: ") == true)
    notice.note(3, .waitedTooLong, waitedMs: 1250, nowMs: 51_000)
    let early = notice.due(settings, nowMs: 50_000 + ShedNotice.intervalMs - 1)
    #expect(early.isEmpty)
    notice.note(4, .waitedTooLong, waitedMs: 1100, nowMs: 59_999)
    let second = notice.due(settings, nowMs: 50_000 + ShedNotice.intervalMs)
    #expect(second.first?.hasPrefix("answered 7 requests with 503 within 9 s: ") == true)
    #expect(second.first?.contains("--queue-timeout (1 s), the longest for 1.3 s;") == true)
    let later = notice.due(settings, nowMs: 1_000_000)
    #expect(later.isEmpty)
  }

  @Test func eachReasonHasALineOfItsOwn() {
    var notice = ShedNotice()
    notice.note(1, .waitedTooLong, waitedMs: 30_000, nowMs: 0)
    let first = notice.due(settings(), nowMs: 0)
    notice.note(2, .queueFull, waitedMs: 2500, nowMs: 1)
    notice.note(3, .noWorker, waitedMs: 15_000, nowMs: 2)
    let others = notice.due(settings(), nowMs: 2)
    #expect(first.count == 1 && others.count == 2)
    #expect(
      others.first?.contains("7 others were waiting (--queue-limit), the first of them for 2.5 s")
        == true)
    #expect(
      others.last?.hasPrefix(
        "answered 3 requests with 503: there had been no worker for --connect-timeout (15 s)")
        == true)
  }
}
