// Counters go on where those of the program before are, and never fall.
import Platform
import Reporting
import Scoreboard
import Testing

@Suite struct PredecessorCountsTests {
  private func board() throws -> Scoreboard {
    let memory = try Scoreboard.makeDescriptor(slots: 2, threads: 1)
    return try Scoreboard(mapping: memory.number)
  }

  private func answer(_ board: Scoreboard, slot: Int, requests: Int) {
    for _ in 0..<requests {
      board[slot].line(0).requestBegan(ms: 1, connectionRequests: 1)
      board[slot].line(0).requestEnded(bytes: 10, durationUs: 5)
      board[slot].countService(us: 5)
    }
  }

  @Test func addsWhatOldProcessesDoMeanwhile() throws {
    let (old, new) = (try board(), try board())
    old.facts.workerWasForked()
    old.facts.died(.worker, of: .signal)
    old.facts.servingGeneration = 1
    for slot in 0...1 { old[slot].clear(generation: 1, phase: .serving) }
    answer(old, slot: 0, requests: 3)
    old.facts.inherit(from: old[0])
    answer(old, slot: 1, requests: 2)
    var counts = PredecessorCounts(of: old)
    counts.add(to: new.facts)
    #expect(new.requestsAnswered == 5)
    #expect(new.facts.forks == 1 && new.facts.deaths == 1)
    counts.add(to: new.facts)
    #expect(new.requestsAnswered == 5)
    answer(old, slot: 1, requests: 4)
    new[0].clear(generation: 2, phase: .serving)
    answer(new, slot: 0, requests: 1)
    counts.add(to: new.facts)
    #expect(new.requestsAnswered == 10)
    let status = new.status()
    #expect(status.totals.requests == 10 && status.totals.bytes == 100)
    #expect(status.serviceTimes.counts.reduce(0, +) == 10)
  }

  @Test func generationsAreNumberedOnWithoutBeingCounted() throws {
    let new = try board()
    new.facts.resume(newest: 7, serving: 6)
    #expect(new.facts.newestGeneration == 7 && new.facts.servingGeneration == 6)
    #expect(new.status().generationsServed == 0)
  }
}
