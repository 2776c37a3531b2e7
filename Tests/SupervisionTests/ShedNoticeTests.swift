// One line in a while says how many requests were turned away.
import Testing

@testable import Supervision

@Suite struct ShedNoticeTests {
  @Test func saysNothingWithoutNeed() {
    var notice = ShedNotice()
    #expect(notice.due(limitMs: 30_000, nowMs: 1_000_000) == nil)
  }

  @Test func theFirstIsSaidAtOnceAndOthersAreSummedUp() throws {
    var notice = ShedNotice()
    notice.note(1, waitedMs: 1000, nowMs: 50_000)
    let first = try #require(notice.due(limitMs: 1000, nowMs: 50_000))
    #expect(first.hasPrefix("answered 1 request with 503: "))
    notice.note(3, waitedMs: 1250, nowMs: 51_000)
    #expect(notice.due(limitMs: 1000, nowMs: 50_000 + ShedNotice.intervalMs - 1) == nil)
    notice.note(4, waitedMs: 1100, nowMs: 59_999)
    let second = try #require(notice.due(limitMs: 1000, nowMs: 50_000 + ShedNotice.intervalMs))
    #expect(second.hasPrefix("answered 7 requests with 503 within 9 s: "))
    #expect(second.contains("--queue-timeout (1 s), the longest for 1.3 s;"))
    #expect(notice.due(limitMs: 1000, nowMs: 1_000_000) == nil)
  }
}
