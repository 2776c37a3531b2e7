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
    #expect(!process.waitForEnd(timeoutMs: 0))
    try process.send(0)
    try process.send(Signal.kill)
    #expect(process.waitForEnd(timeoutMs: 10_000))
    child.waitUntilExit()
    let error = #expect(throws: SystemCallError.self) { try process.send(0) }
    #expect(error?.code == SystemCallError.noSuchProcess)
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
    #expect(try SharedMemory(mapping: found.number, readOnly: true).count == 4096)
    #expect(made.number != found.number)
    let error = #expect(throws: SystemCallError.self) {
      _ = try RunningProcess.openMemoryFile("plimsoll-test", of: Platform.Process.id)
    }
    #expect(error?.code == SystemCallError.noSuchFile)
  }
}
