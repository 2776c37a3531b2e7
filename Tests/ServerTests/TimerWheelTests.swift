// Deadlines of the timer wheel: never early, at most one slot late, however they are moved.
import Testing

@testable import Server

@Suite struct TimerWheelTests {
  private static let slotMs: Int64 = 128

  private func makeWheel(connections: Int, nowMs: Int64) -> (ConnectionTable, TimerWheel) {
    let table = ConnectionTable(capacity: connections)
    for socket in 0..<Int32(connections) { _ = table.open(socket) }
    return (table, TimerWheel(table: table, nowMs: nowMs))
  }

  @Test(arguments: [1, 127, 128, 129, 5_000, 60_000, 130_000, 400_000])
  func firesAfterItsDeadlineAndSoon(delayMs: Int64) {
    let start: Int64 = 1_000_003
    let (_, wheel) = makeWheel(connections: 1, nowMs: start)
    wheel.schedule(0, deadlineMs: start + delayMs)
    var now = start
    while now < start + delayMs {
      #expect(wheel.expired(nowMs: now) == -1)
      now += 1
    }
    var fired: Int64 = -1
    while now <= start + delayMs + 2 * Self.slotMs && fired < 0 {
      if wheel.expired(nowMs: now) == 0 { fired = now }
      now += 1
    }
    #expect(fired >= start + delayMs)
  }

  @Test func laterDeadlinesReplaceEarlierOnes() {
    let (_, wheel) = makeWheel(connections: 1, nowMs: 0)
    wheel.schedule(0, deadlineMs: 1_000)
    wheel.schedule(0, deadlineMs: 5_000)
    for now in stride(from: Int64(0), to: 5_000, by: 50) {
      #expect(wheel.expired(nowMs: now) == -1)
    }
    #expect(wheel.expired(nowMs: 5_300) == 0)
  }

  @Test func earlierDeadlinesReplaceLaterOnes() {
    let (_, wheel) = makeWheel(connections: 1, nowMs: 0)
    wheel.schedule(0, deadlineMs: 60_000)
    wheel.schedule(0, deadlineMs: 1_000)
    #expect(wheel.expired(nowMs: 999) == -1)
    #expect(wheel.expired(nowMs: 1_300) == 0)
    #expect(wheel.expired(nowMs: 70_000) == -1)
  }

  @Test func cancelledOnesNeverFire() {
    let (_, wheel) = makeWheel(connections: 2, nowMs: 0)
    wheel.schedule(0, deadlineMs: 1_000)
    wheel.schedule(1, deadlineMs: 1_000)
    wheel.cancel(0)
    #expect(wheel.expired(nowMs: 2_000) == 1)
    #expect(wheel.expired(nowMs: 2_000) == -1)
    #expect(wheel.waitMs(nowMs: 2_000) == -1)
  }

  @Test(arguments: [1, 7, 42])
  func agreesWithAPlainList(seed: UInt64) {
    var random = seed
    func next(_ bound: Int64) -> Int64 {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int64(random >> 33) % bound
    }
    let count = 50
    let (_, wheel) = makeWheel(connections: count, nowMs: 0)
    var deadlines = [Int64](repeating: .max, count: count)
    var now: Int64 = 0
    for _ in 0..<20_000 {
      let index = Int(next(Int64(count)))
      switch next(4) {
      case 0:
        deadlines[index] = .max
        wheel.cancel(Int32(index))
      default:
        deadlines[index] = now + 1 + next(200_000)
        wheel.schedule(Int32(index), deadlineMs: deadlines[index])
      }
      now += next(40)
      while true {
        let fired = wheel.expired(nowMs: now)
        if fired < 0 { break }
        #expect(deadlines[Int(fired)] <= now, "early; seed \(seed)")
        deadlines[Int(fired)] = .max
      }
      let overdue = deadlines.contains { $0 <= now - 2 * Self.slotMs }
      #expect(!overdue, "late; seed \(seed)")
    }
  }
}
