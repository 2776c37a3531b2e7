// The lowest of the idle handlers is taken first.
import Testing

@testable import Server

@Suite struct IdleHandlersTests {
  @Test func theLowestIsTaken() {
    var idle = IdleHandlers(capacity: 130)
    for number in [64, 3, 129, 0, 63] { idle.insert(number) }
    #expect(idle.count == 5)
    #expect(idle.popLowest() == 0)
    idle.insert(1)
    #expect((0..<5).map { _ in idle.popLowest() } == [1, 3, 63, 64, 129])
    #expect(idle.popLowest() == nil)
    #expect(idle.count == 0)
  }

  @Test(arguments: [1, 63, 64, 65]) func theLastHasItsPlace(capacity: Int) {
    var idle = IdleHandlers(capacity: capacity)
    idle.insert(capacity - 1)
    #expect(idle.popLowest() == capacity - 1)
  }
}
