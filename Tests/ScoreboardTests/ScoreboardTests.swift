// The scoreboard's layout, and that every process that maps it sees the same.
import Glibc
import Platform
import Scoreboard
import Testing

@Suite struct ScoreboardTests {
  @Test func takesOneLinePerThreadAndSlot() {
    #expect(Scoreboard.bytes(slots: 1, threads: 1) == 64 * 3)
    #expect(Scoreboard.bytes(slots: 10, threads: 4) == 64 * (1 + 10 * 5))
  }

  @Test func isSharedByItsMappings() throws {
    let memory = try Scoreboard.makeDescriptor(slots: 3, threads: 2)
    let one = try Scoreboard(mapping: memory.number)
    let other = try Scoreboard(mapping: memory.number)
    #expect(other.slots == 3)
    #expect(other.threads == 2)
    one[2].clear(generation: 7)
    one[2].occupy(pid: 41, startedMs: 5)
    one[2].setConnections(9)
    one[2].requestBegan(thread: 1, ms: 1234)
    #expect(other[2].pid == 41)
    #expect(other[2].generation == 7)
    #expect(other[2].startedMs == 5)
    #expect(other[2].connections == 9)
    #expect(other[2].requestBeganMs(thread: 1) == 1234)
    #expect(other[2].busyThreads == 1)
    #expect(other[0].pid == 0)
    #expect(other[1].busyThreads == 0)
  }

  /// Any worker has the descriptor; whoever reads beyond the end of such memory is killed.
  @Test func keepsItsSize() throws {
    let memory = try Scoreboard.makeDescriptor(slots: 3, threads: 2)
    #expect(ftruncate(memory.number, 0) == -1)
    #expect(ftruncate(memory.number, 1 << 20) == -1)
    #expect(try Scoreboard(mapping: memory.number).slots == 3)
  }

  @Test func countsRequests() {
    let slot = WorkerSlot.detached(threads: 2)
    for round in 1...5 {
      slot.requestBegan(thread: 0, ms: Int64(round))
      slot.requestEnded(thread: 0)
    }
    slot.requestBegan(thread: 1, ms: 3)
    #expect(slot.requestsServed == 5)
    #expect(slot.busyThreads == 1)
  }

  @Test func knowsTheOldestRequest() {
    let slot = WorkerSlot.detached(threads: 3)
    #expect(slot.oldestRequest == nil)
    slot.requestBegan(thread: 2, ms: 50)
    slot.requestBegan(thread: 0, ms: 70)
    #expect(slot.oldestRequest?.thread == 2)
    #expect(slot.oldestRequest?.beganMs == 50)
    slot.requestEnded(thread: 2)
    #expect(slot.oldestRequest?.thread == 0)
  }

  @Test func isEmptyAfterClear() {
    let slot = WorkerSlot.detached(threads: 2)
    slot.occupy(pid: 3, startedMs: 1)
    slot.requestBegan(thread: 1, ms: 1)
    slot.requestEnded(thread: 0)
    slot.clear(generation: 2)
    #expect(slot.pid == 0)
    #expect(slot.busyThreads == 0)
    #expect(slot.requestsServed == 0)
    #expect(slot.generation == 2)
  }

  @Test func refusesForeignMemory() throws {
    let memory = try SharedMemory.makeDescriptor(name: "other", count: 4096)
    #expect(throws: SystemCallError.self) { _ = try Scoreboard(mapping: memory.number) }
  }
}
