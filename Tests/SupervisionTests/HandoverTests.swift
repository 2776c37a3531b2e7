// What one release leaves to the next: everything arrives, and what cannot be is refused.
import Supervision
import Testing

@Suite struct HandoverTests {
  static let full: Handover = {
    var handover = Handover()
    handover.software = "plimsoll/9.8"
    handover.startedSeconds = 1_700_000_000
    handover.pidFile = "/run/a=b.pid"
    var internet = Handover.Socket()
    (internet.number, internet.bind) = (3, "127.0.0.1:8000")
    var unix = Handover.Socket()
    (unix.number, unix.bind, unix.path) = (4, "unix:/run/s?mode=0660", "/run/s")
    (unix.device, unix.inode) = (.max, 7)
    handover.sockets = [internet, unix]
    var group = Handover.Group()
    (group.name, group.generation, group.serving, group.scoreboard) = ("main", 5, 4, 9)
    group.expectedBytes = 1 << 40
    handover.groups = [group]
    var front = Handover.Child()
    (front.pid, front.role, front.name, front.control) = (100, .front, "front 0", 11)
    var worker = Handover.Child()
    (worker.pid, worker.role, worker.name, worker.group) = (101, .worker, "worker 0 of ü\nb", 1)
    worker.isFinishing = true
    handover.children = [front, worker]
    return handover
  }()

  private func refusal(_ text: String) -> String? {
    do throws(HandoverError) {
      _ = try Handover(encoded: Array(text.utf8))
      return nil
    } catch { return error.reason }
  }

  @Test(arguments: [full, Handover()]) func arrives(_ handover: Handover) throws {
    #expect(try Handover(encoded: handover.encoded) == handover)
  }

  @Test func namesTheDescriptorsThatStayOpen() {
    #expect(Self.full.descriptors == [3, 4, 9, 11])
  }

  @Test func isRefusedWhereItIsCut() {
    let bytes = Self.full.encoded
    for count in 0..<bytes.count where count == 0 || bytes[count - 1] != 0 {
      #expect(throws: HandoverError.self) { try Handover(encoded: Array(bytes.prefix(count))) }
    }
  }

  @Test func passesOverWhatLaterReleasesAdd() throws {
    let text = "handover=1\0colour=blue\0socket=3\0shape=round\0bind=a:1\0"
    #expect(try Handover(encoded: Array(text.utf8)).sockets.first?.bind == "a:1")
  }

  @Test(arguments: [
    ("handover=2\0", "another form"), ("socket=3\0", "another form"), ("", "empty"),
    ("handover=1", "cut off"), ("handover=1\0x\0", "damaged"),
    ("handover=1\0bind=a\0", "cannot be"), ("handover=1\0socket=a\0", "cannot be"),
    ("handover=1\0child=0\0", "cannot be"), ("handover=1\0child=5\0role=king\0", "cannot be"),
    ("handover=1\0group=a\0generation=-1\0", "cannot be"),
    ("handover=1\0child=5\0of-group=-1\0", "cannot be"),
    ("handover=1\0serving=1\0", "cannot be"), ("handover=1\0control=1\0", "cannot be"),
  ])
  func saysWhatIsWrong(_ text: String, _ part: String) {
    #expect(refusal(text)?.contains(part) == true, "\(text): \(refusal(text) ?? "accepted")")
  }
}
