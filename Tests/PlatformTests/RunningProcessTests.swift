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
    let found = try RunningProcess.openMemoryFile("plimsoll-test-board", of: Platform.Process.id)
    let bytes = try SharedMemory(mapping: found.number, readOnly: true).count
    #expect(bytes == 4096)
    let (first, second) = (made.number, found.number)
    #expect(first != second)
    do throws(SystemCallError) {
      _ = try RunningProcess.openMemoryFile("plimsoll-test", of: Platform.Process.id)
      Issue.record("the name is only a part of another")
    } catch {
      #expect(error.code == SystemCallError.noSuchFile)
    }
  }
}
