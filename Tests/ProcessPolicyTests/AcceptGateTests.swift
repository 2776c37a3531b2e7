import ProcessPolicy
import Testing

@Suite struct AcceptGateTests {
  func gate(_ factor: Double) -> AcceptGate {
    var settings = ApacheSettings.stockEvent
    settings.asyncRequestWorkerFactor = factor
    return AcceptGate(settings)
  }

  @Test(arguments: [
    // 25 + 10 × 2 = 45
    (10, 44, 0, false, true), (10, 45, 0, false, false), (10, 46, 0, false, false),
    // a closed gate opens one idle thread later: 25 + 9 × 2 = 43
    (10, 42, 0, true, true), (10, 43, 0, true, false), (10, 44, 0, true, false),
    // lingering connections do not count
    (10, 54, 10, false, true), (10, 55, 10, false, false), (1, 3, 5, true, true),
    // without an idle thread it is closed
    (0, 0, 0, false, false), (1, 0, 0, true, true),
  ])
  func bounds(idle: Int, connections: Int, lingering: Int, isClosed: Bool, isOpen: Bool) {
    #expect(
      gate(2).isOpen(
        idleThreads: idle, connections: connections, lingering: lingering, isClosed: isClosed)
        == isOpen)
  }

  @Test(arguments: [(0.1, 1), (1, 1), (1.99, 1), (2, 2), (2.9, 2), (1e300, 1_000_000)])
  func theFactorCountsInWholeNumbers(written: Double, used: Int) {
    #expect(gate(written).factor == used)
  }
}
