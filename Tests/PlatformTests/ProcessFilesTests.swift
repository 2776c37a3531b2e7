// What is read from /proc and the cgroup files.
import Testing

@testable import Platform

@Suite struct ProcessFilesTests {
  @Test func findsListeningInodes() {
    let table = """
        sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt uid timeout inode
         0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 111 1
         1: 0100007F:1F40 0100007F:9C40 01 00000000:00000000 00:00000000 00000000 0 0 222 1
         2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 333 1
      """
    #expect(ProcessFiles.listeningInodes(in: table, port: 8000) == ["111"])
    #expect(ProcessFiles.listeningInodes(in: table, port: 80) == ["333"])
    #expect(ProcessFiles.listeningInodes(in: table, port: 1).isEmpty)
    #expect(ProcessFiles.listeningInodes(in: "", port: 1).isEmpty)
  }

  @Test func namesSignals() {
    #expect(Signal.name(Signal.terminate) == "SIGTERM")
    #expect(Signal.name(Signal.dumpStacks) == "SIGRTMIN+3")
  }
}
