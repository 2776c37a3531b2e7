// One line in a while says how many requests were turned away.
import Testing

@testable import Supervision

@Suite struct ShedNoticeTests {
  @Test func saysNothingWithoutNeed() {
    var notice = ShedNotice()
    let line = notice.due(limitMs: 30_000, nowMs: 1_000_000)
    #expect(line == nil)
  }

  @Test func theFirstIsSaidAtOnceAndOthersAreSummedUp() {
    var notice = ShedNotice()
    notice.note(1, waitedMs: 1000, nowMs: 50_000)
    let first = notice.due(limitMs: 1000, nowMs: 50_000)
    #expect(first?.hasPrefix("answered 1 request with 503: ") == true)
    notice.note(3, waitedMs: 1250, nowMs: 51_000)
    let early = notice.due(limitMs: 1000, nowMs: 50_000 + ShedNotice.intervalMs - 1)
    #expect(early == nil)
    notice.note(4, waitedMs: 1100, nowMs: 59_999)
    let second = notice.due(limitMs: 1000, nowMs: 50_000 + ShedNotice.intervalMs)
    #expect(second?.hasPrefix("answered 7 requests with 503 within 9 s: ") == true)
    #expect(second?.contains("--queue-timeout (1 s), the longest for 1.3 s;") == true)
    let later = notice.due(limitMs: 1000, nowMs: 1_000_000)
    #expect(later == nil)
  }
}
