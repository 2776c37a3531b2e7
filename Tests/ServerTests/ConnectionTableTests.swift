// Slots of the connection table: bounded, reused, and told apart by their generation.
import Testing

@testable import Server

@Suite struct ConnectionTableTests {
  @Test func holdsExactlyItsCapacity() {
    let table = ConnectionTable(capacity: 3)
    #expect([table.open(10), table.open(11), table.open(12)] == [0, 1, 2])
    #expect(table.open(13) == -1)
    table.close(1)
    #expect(table.count == 2)
    #expect(table.open(14) == 1)
    #expect(table.open(15) == -1)
  }

  @Test func knowsEventsOfEarlierConnectionsAsStale() {
    let table = ConnectionTable(capacity: 1)
    _ = table.open(10)
    let token = table.token(0)
    #expect(table.index(of: token) == 0)
    table.close(0)
    #expect(table.index(of: token) == -1)
    _ = table.open(11)
    #expect(table.index(of: token) == -1)
    #expect(table.index(of: table.token(0)) == 0)
  }

  @Test func anIdleConnectionCostsLittle() {
    #expect(MemoryLayout<Connection>.stride <= 384)
  }

  @Test func keepsTheRestOfItsOwnInput() {
    let table = ConnectionTable(capacity: 1)
    _ = table.open(10)
    let text = Array("first second".utf8)
    unsafe text.withUnsafeBufferPointer {
      unsafe table[0].pointee.keep($0.baseAddress!, count: $0.count)
    }
    unsafe table[0].pointee.keep(table[0].pointee.input! + 6, count: 6)
    #expect(unsafe table[0].pointee.inputCount == 6)
    let rest = unsafe UnsafeBufferPointer(start: table[0].pointee.input, count: 6)
    #expect(unsafe String(decoding: rest, as: UTF8.self) == "second")
    unsafe table[0].pointee.keep(table[0].pointee.input!, count: 0)
    #expect(unsafe table[0].pointee.input == nil)
  }
}

@Suite struct IndexQueueTests {
  @Test func someMayLeaveTheirPlace() {
    var queue = IndexQueue(capacity: 4)
    for index in 1...4 as ClosedRange<Int32> { queue.push(index) }
    let first = queue.pop()
    queue.push(5)
    // It goes around the end of its memory now.
    let odd = queue.remove { $0 % 2 == 1 }
    #expect(first == 1 && odd == [3, 5])
    #expect(queue.count == 2 && queue.oldest == 2)
    queue.push(6)
    let none = queue.remove { _ in false }
    #expect(none.isEmpty)
    let rest = queue.remove { _ in true }
    #expect(rest == [2, 4, 6])
    #expect(queue.count == 0 && queue.oldest == -1)
  }

  @Test func isFirstInFirstOutAroundItsEnd() {
    var queue = IndexQueue(capacity: 3)
    queue.push(1)
    queue.push(2)
    #expect(queue.pop() == 1)
    queue.push(3)
    queue.push(4)
    #expect([queue.pop(), queue.pop(), queue.pop(), queue.pop()] == [2, 3, 4, -1])
  }

  @Test func keepsTheOldestInFrontAroundItsEnd() {
    var queue = IndexQueue(capacity: 4)
    #expect(queue.oldest == -1)
    for index in [7, 7, 7] as [Int32] {
      queue.push(index)
      #expect(queue.pop() == 7)
    }
    for index in [20, 10, 40, 30] as [Int32] { queue.insert(index) { $0 > index } }
    #expect(queue.oldest == 10)
    #expect([queue.pop(), queue.pop(), queue.pop(), queue.pop()] == [10, 20, 30, 40])
  }
}
