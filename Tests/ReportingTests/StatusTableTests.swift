// The table for terminals: its width, and what a client can make of it.
import ProcessPolicy
import Reporting
import Testing

@Suite struct StatusTableTests {
  @Test func itSaysWhatItShould() {
    #expect(
      StatusTable.render(Samples.small) == """
        plimsoll/0.1.0 serves mysite:application
          process    pid 4711, event, policy loadline, up 14 min
          code       generation 2 for 1 min
          machine    CPU 2.50 %, load of the machine 0.05 0.10 1.52
          done       1,000 requests, 2.4 MB, 1.19 requests/s, 2.4 kB/request, 12.3 ms/request
          now        2 workers, handlers 1 busy, 1 idle, 2 finishing; connections 7
          workers    5 started, 1 died

          _W..GG
          _ waits for a request   W runs the application or sends   G finishes, then ends
          . open slot, no process

          SLOT   PID  GEN  PHASE     BUSY  CONNS  REQUESTS  MEMORY   CPU        AGE
             0  5000    2  serving    1/2      7         0       –  0 ms  1 min 1 s
             2  5001    2  draining   2/2      0         0       –  0 ms  1 min 1 s

              PID  BEGAN  LAST TOOK  CLIENT     HOST         REQUEST
          W  5000  1.5 s       7 ms  127.0.0.1  example.org  GET /long HTTP/1.1

        """)
  }

  @Test func anEmptyServer() {
    let text = StatusTable.render(ServerStatus())
    #expect(text.contains("no generation serves yet"))
    #expect(!text.contains("SLOT") && !text.contains("CLIENT"))
  }

  @Test(arguments: Samples.hostile)
  func foreignTextSteersNoTerminal(foreign: String) {
    let text = StatusTable.render(Samples.foreign(foreign))
    #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && $0.value != 0x7F })
    #expect(!text.unicodeScalars.contains { (0x80...0x9F).contains($0.value) || $0 == "\u{202E}" })
    #expect(
      text.count { $0 == "\n" } == StatusTable.render(Samples.foreign("x")).count { $0 == "\n" })
  }

  @Test func linesFitAndRowsAreBounded() {
    var status = Samples.big(slots: 300, threads: 2)
    status.title = String(repeating: "long/", count: 50)
    status.slots[299]?.handlers[0].request = String(repeating: "x", count: 300)
    let lines = StatusTable.render(status).split(separator: "\n")
    #expect(lines.allSatisfy { $0.count <= StatusTable.columns })
    #expect(lines.count < 2 * StatusTable.mostRows + 30)
    #expect(lines.contains { $0.hasPrefix("  and 260 more workers") })
  }
}
