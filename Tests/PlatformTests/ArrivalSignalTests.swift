// What one process tells another of something that arrives.
import Testing

@testable import Platform

@Suite struct ArrivalSignalTests {
  @Test func marksAreTakenOnce() throws {
    let signal = try ArrivalSignal()
    var seen = signal.take()
    #expect(seen == [])
    signal.mark(.more)
    signal.mark(.more)
    seen = signal.take()
    #expect(seen == .more)
    seen = signal.take()
    #expect(seen == [])
  }

  @Test func anEndStaysToldHoweverMuchCameBefore() throws {
    for end in [ArrivalSignal.Marks.whole, .failed] {
      let signal = try ArrivalSignal()
      for _ in 0..<1000 { signal.mark(.more) }
      signal.mark(end)
      var seen = signal.take()
      #expect(seen == [.more, end])
      signal.mark(end)
      seen = signal.take()
      #expect(seen == end)
    }
  }

  @Test func whoeverHasTheNumberSharesIt() throws {
    let front = try ArrivalSignal()
    let worker = ArrivalSignal(owning: try FileDescriptor.duplicate(of: front.number).release())
    front.mark(.more)
    front.mark(.whole)
    front.mark(.failed)
    worker.wait(timeoutMs: 60_000)
    let seen = worker.take()
    #expect(seen == [.more, .whole, .failed])
  }
}
