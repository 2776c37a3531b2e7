// `?auto`: keys, order and number forms of mod_status.
import ProcessPolicy
import Reporting
import Testing

@Suite struct StatusTextTests {
  private func text(_ status: ServerStatus, host: String = "localhost") -> String {
    String(decoding: StatusText.render(status, host: host), as: UTF8.self)
  }

  @Test func aServerOfTheEventModel() {
    #expect(
      text(Samples.small) == """
        localhost
        ServerVersion: plimsoll/0.1.0
        ServerMPM: event
        CurrentTime: Sunday, 22-Nov-2026 23:51:02 UTC
        RestartTime: Sunday, 22-Nov-2026 23:37:02 UTC
        ParentServerConfigGeneration: 2
        ParentServerMPMGeneration: 1
        ServerUptimeSeconds: 840
        ServerUptime: 14 minutes
        Load1: 0.05
        Load5: 0.10
        Load15: 1.52
        Total Accesses: 1000
        Total kBytes: 2441
        Total Duration: 12345
        CPULoad: 2.5
        Uptime: 840
        ReqPerSec: 1.19048
        BytesPerSec: 2976.19
        BytesPerReq: 2500
        DurationPerReq: 12.345
        BusyWorkers: 1
        GracefulWorkers: 2
        IdleWorkers: 1
        Processes: 2
        Stopping: 1
        ConnsTotal: 7
        ConnsAsyncWaitIO: 1
        ConnsAsyncWriting: 2
        ConnsAsyncKeepAlive: 3
        ConnsAsyncClosing: 1
        Scoreboard: _W..GG

        """)
  }

  @Test func onlyEventHasConnections() {
    var status = Samples.small
    status.mpm = "worker"
    #expect(!text(status).contains("Conns"))
    #expect(!text(status).contains("Processes"))
  }

  @Test func anEmptyServerDividesByNothing() {
    let lines = text(ServerStatus(), host: "").split(separator: "\n").map(String.init)
    #expect(lines.first == "ServerVersion: ")
    #expect(lines.last == "Scoreboard: ")
    #expect(lines.contains("Uptime: 0"))
    #expect(lines.contains("ServerUptime:"))
    #expect(lines.contains("ParentServerMPMGeneration: 0"))
    for key in ["CPULoad", "ReqPerSec", "BytesPerSec", "BytesPerReq", "DurationPerReq", "Load1"] {
      #expect(!lines.contains { $0.hasPrefix(key + ":") })
    }
  }

  /// As httpd, which does not show what is above MaxRequestWorkers.
  @Test(arguments: [(0, 2), (1, 0), (2, 0), (3, 1), (4, 2), (9, 2)])
  func openSlotsAreThoseThatMayBeFilled(most: Int, open: Int) {
    var status = Samples.small
    status.slots.append(nil)
    status.mostWorkers = most
    let board = text(status).split(separator: "\n").last ?? ""
    #expect(board.count { $0 == "." } == open * 2)
    #expect(board.hasPrefix("Scoreboard: _W"))
  }

  @Test func aStartingWorkerHasItsLetters() {
    var status = Samples.small
    status.slots = [Samples.worker(slot: 0, pid: 9, .starting, []), nil]
    #expect(text(status).hasSuffix("Scoreboard: SS..\n"))
  }

  @Test(arguments: Samples.hostile)
  func foreignTextAddsNoLine(foreign: String) {
    let usual = text(Samples.foreign("x")).split(separator: "\n")
    let lines = text(Samples.foreign(foreign), host: foreign).split(separator: "\n")
    #expect(lines.count == usual.count)
    #expect(lines.allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F } })
  }

  @Test func theScoreboardIsBounded() {
    var status = Samples.small
    status.slots = [ServerStatus.Worker?](repeating: nil, count: 4096)
    status.threadsPerWorker = 4096
    let board = text(status).split(separator: "\n").last ?? ""
    #expect(board.utf8.count == "Scoreboard: ".utf8.count + StatusText.mostLetters)
  }
}
