// A response that comes part by part, for a client that does not take it.
import Platform
import Testing

@testable import Server

@Suite struct ResponseTailTests {
  /// What the tail holds in memory, and in a file.
  private static let memoryBytes = 262_144
  private static let fileBytes = 64 << 20

  private func tail(
    directory: String = "/tmp", memoryBytes: Int = memoryBytes, spoolBytes: Int = fileBytes
  ) -> ResponseTail {
    let tail = ResponseTail(keepsAlive: true)
    tail.beginStream(
      framing: .length, promised: .max, directory: directory, memoryBytes: memoryBytes,
      spoolBytes: Int64(spoolBytes))
    return tail
  }

  private func append(_ count: Int, of byte: UInt8, to tail: ResponseTail) {
    let bytes = [UInt8](repeating: byte, count: count)
    unsafe bytes.withUnsafeBytes { bytes in unsafe tail.append(body: bytes) }
  }

  /// Sends all that the tail has over a socket pair, and gives back what arrived.
  private func drain(_ tail: ResponseTail) throws -> [UInt8] {
    let (near, far) = try SocketIO.makePair()
    defer {
      SocketIO.close(near)
      SocketIO.close(far)
    }
    var arrived: [UInt8] = []
    var place = [UInt8](repeating: 0, count: 65_536)
    while true {
      let progress = tail.push(near)
      while case .moved(let count) = unsafe place.withUnsafeMutableBufferPointer({ place in
        unsafe SocketIO.receive(far, into: place.baseAddress!, capacity: place.count)
      }) { arrived += place[..<count] }
      switch progress {
      case .blocked, .yielded: continue
      case .starved, .done: return arrived
      case .clientLeft: throw SystemCallError("send", code: 32)
      }
    }
  }

  @Test(arguments: [(-1, false), (0, false), (1, true)])
  func whatIsTooMuchForMemoryGoesToAFile(more: Int, spills: Bool) throws {
    let tail = tail()
    append(Self.memoryBytes + more, of: 1, to: tail)
    #expect(!tail.isFull)
    #expect(!tail.isNearlyEmpty)
    let filled = Self.memoryBytes + more
    append(Self.fileBytes - (spills ? filled : 0) - 1, of: 2, to: tail)
    #expect(!tail.isFull)
    append(1, of: 3, to: tail)
    #expect(tail.isFull)
    let arrived = try drain(tail)
    #expect(tail.isNearlyEmpty && !tail.isFull)
    #expect(arrived.count == filled + Self.fileBytes - (spills ? filled : 0))
    #expect(arrived[..<filled].allSatisfy { $0 == 1 })
    #expect(arrived.last == 3)
  }

  @Test(arguments: [(-1, false), (0, false), (1, true)])
  func withoutAFileItIsFullAboveItsMemory(more: Int, isFull: Bool) throws {
    let tail = tail(memoryBytes: 5000, spoolBytes: 0)
    append(5000 + more, of: 1, to: tail)
    #expect(tail.isFull == isFull)
    let arrived = try drain(tail)
    #expect(arrived.count == 5000 + more)
  }

  @Test(arguments: [(-1, false), (0, true), (1, true)])
  func itIsFullWhenItsFileIs(more: Int, isFull: Bool) throws {
    let tail = tail(memoryBytes: 5000, spoolBytes: 7000)
    append(5000, of: 1, to: tail)
    append(7000 + more, of: 2, to: tail)
    #expect(tail.isFull == isFull)
    let arrived = try drain(tail)
    #expect(arrived.count == 12_000 + more)
    #expect(tail.isNearlyEmpty)
  }

  @Test func aDirectoryThatCannotBeWrittenToLeavesItInMemory() throws {
    let tail = tail(directory: "/nowhere/at/all")
    append(Self.memoryBytes, of: 1, to: tail)
    #expect(!tail.isFull)
    append(10, of: 2, to: tail)
    #expect(tail.isFull)
    let arrived = try drain(tail)
    #expect(arrived.count == Self.memoryBytes + 10)
    #expect(tail.isNearlyEmpty && !tail.isFull)
  }

  @Test func theFileIsUsedAgainAfterItWasEmptied() throws {
    let tail = tail()
    for round in 1...3 as ClosedRange<UInt8> {
      append(Self.memoryBytes, of: round, to: tail)
      append(Self.memoryBytes, of: round, to: tail)
      let arrived = try drain(tail)
      #expect(arrived == [UInt8](repeating: round, count: Self.memoryBytes * 2))
    }
  }
}
