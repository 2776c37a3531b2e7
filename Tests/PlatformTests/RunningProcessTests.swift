// Another process: held, asked, signalled, waited for.
import Glibc
import Testing

@testable import Platform

@Suite struct RunningProcessTests {
  /// A process that sleeps until it is killed.
  private func sleeper() throws -> Int32 {
    var pid: pid_t = 0
    let (name, time) = unsafe (strdup("sleep"), strdup("1000"))
    defer {
      unsafe free(name)
      unsafe free(time)
    }
    var words = unsafe [name, time, nil]
    let code = unsafe posix_spawn(&pid, "/bin/sleep", nil, nil, &words, environ)
    try #require(code == 0)
    return pid
  }

  @Test func aSignalEndsIt() throws {
    let child = try sleeper()
    let found = try RunningProcess.hold(child)
    guard let process = consume found else {
      Issue.record("it runs")
      return
    }
    let hadEnded = process.waitForEnd(timeoutMs: 0)
    #expect(!hadEnded)
    try process.send(0)
    try process.send(Signal.kill)
    let hasEnded = process.waitForEnd(timeoutMs: 10_000)
    #expect(hasEnded)
    Platform.Process.wait(for: child)
    do throws(SystemCallError) {
      try process.send(0)
      Issue.record("a process that is gone was signalled")
    } catch {
      #expect(error.code == SystemCallError.noSuchProcess)
    }
  }

  @Test func whatIsGoneIsNotHeld() throws {
    let child = try sleeper()
    Signal.send(Signal.kill, to: child)
    Platform.Process.wait(for: child)
    for pid in [child, 0, -1, .max] {
      let isHeld = try RunningProcess.hold(pid) != nil
      #expect(!isHeld)
    }
  }

  @Test func procIsRead() throws {
    let child = try sleeper()
    defer {
      Signal.send(Signal.kill, to: child)
      Platform.Process.wait(for: child)
    }
    #expect(RunningProcess.parent(of: child) == Platform.Process.id)
    #expect(RunningProcess.all.contains(child))
    #expect(RunningProcess.title(of: Platform.Process.id).isEmpty == false)
    #expect(RunningProcess.parent(of: .max) == nil && RunningProcess.title(of: .max) == "")
  }

  @Test func memoryFilesAreFoundByName() throws {
    let made = try SharedMemory.makeDescriptor(name: "plimsoll-test-board", count: 4096)
    let other = try SharedMemory.makeDescriptor(name: "plimsoll-test-board", count: 8192)
    func sizes(_ name: String) throws -> [Int] {
      try RunningProcess.mapMemoryFiles(name, of: Platform.Process.id) {
        (number) throws(SystemCallError) in
        #expect(number != made.number && number != other.number)
        return try SharedMemory(mapping: number, readOnly: true).count
      }
    }
    #expect(try sizes("plimsoll-test-board").sorted() == [4096, 8192])
    // The name is only a part of another.
    #expect(try sizes("plimsoll-test") == [])
  }
}
