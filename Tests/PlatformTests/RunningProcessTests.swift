// Another process: held, asked, signalled, waited for.
import Foundation
import Testing

@testable import Platform

@Suite struct RunningProcessTests {
  private func sleeper() throws -> Foundation.Process {
    let process = Foundation.Process()
    process.executableURL = URL(filePath: "/bin/sleep")
    process.arguments = ["1000"]
    try process.run()
    return process
  }

  @Test func aSignalEndsIt() throws {
    let child = try sleeper()
    let found = try RunningProcess.hold(child.processIdentifier)
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
    child.waitUntilExit()
    do throws(SystemCallError) {
      try process.send(0)
      Issue.record("a process that is gone was signalled")
    } catch {
      #expect(error.code == SystemCallError.noSuchProcess)
    }
  }

  @Test func whatIsGoneIsNotHeld() throws {
    let child = try sleeper()
    child.terminate()
    child.waitUntilExit()
    for pid in [child.processIdentifier, 0, -1, .max] {
      let isHeld = try RunningProcess.hold(pid) != nil
      #expect(!isHeld)
    }
  }

  @Test func procIsRead() throws {
    let child = try sleeper()
    defer { child.terminate() }
    let pid = child.processIdentifier
    #expect(RunningProcess.parent(of: pid) == Platform.Process.id)
    #expect(RunningProcess.all.contains(pid))
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
