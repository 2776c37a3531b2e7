// Every message survives its trip; everything else is refused.
import Control
import Testing

@Suite struct ControlMessageTests {
  static let all: [ControlMessage] = [
    .fork(slot: 0), .fork(slot: 4095, isScout: true), .drain, .finish, .stop, .reopenLogs,
    .loading(python: "3.13.1"),
    .ready, .forked(slot: 3, pid: 1), .forked(slot: 3, pid: .max),
    .failed(code: 3, message: "Grüße"), .failed(code: -1, message: ""), .retiring(.requests),
    .retiring(.connections), .retiring(.signal), .retiring(.memory, kibibytes: 7), .exiting,
    .giveUp,
    .outgrown(kibibytes: 0, source: nil), .outgrown(kibibytes: 70_000, source: nil),
    .outgrown(
      kibibytes: 70_000, source: .init(path: "/a/%20", kibibytes: 60_000, requests: 9)),
    .outgrown(kibibytes: 1, source: .init(path: "", kibibytes: 0, requests: 0)),
    .scouted, .becameMold, .cannotBecomeMold(reason: "a socket"),
    .filesChanged(path: "/srv/app.py"),
    .lanes(group: 63, slot: 7, pid: 4711, first: 48), .retire(pid: 4711),
    .laneEnded(slot: 7, pid: 4711, word: 3), .wanted(group: 0), .wanted(group: 63),
    .letterbox(group: 63, slot: 7, pid: 4711, first: 48),
  ]

  @Test(arguments: all) func survives(_ message: ControlMessage) {
    #expect(ControlMessage(decoding: message.encode()) == message)
  }

  /// After an upgrade these go from one release to processes of another.
  @Test(
    arguments: [
      (.drain, [2]), (.stop, [3]), (.reopenLogs, [4]), (.finish, [12]), (.scouted, [13]),
      (.becameMold, [14]), (.retire(pid: 258), [17, 2, 1, 0, 0]),
      (.retiring(.signal, kibibytes: 7), [9, 2, 0, 0, 0, 7, 0, 0, 0]),
      (.outgrown(kibibytes: 5, source: nil), [11, 5, 0, 0, 0]),
      (
        .lanes(group: 1, slot: 2, pid: 3, first: 4),
        [16, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]
      ),
      (.laneEnded(slot: 2, pid: 3, word: 4), [18, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]),
    ] as [(ControlMessage, [UInt8])])
  func keepsItsBytesForEver(_ message: ControlMessage, _ bytes: [UInt8]) {
    #expect(message.encode() == bytes)
  }

  @Test(arguments: all) func refusesWhatIsCutOff(_ message: ControlMessage) {
    #expect(ControlMessage(decoding: []) == nil)
    let bytes = message.encode()
    for count in 1..<max(2, bytes.count) {
      // A cut text is a shorter text; a cut number is no message.
      guard let cut = ControlMessage(decoding: bytes.prefix(count)) else { continue }
      #expect(cut.encode().count <= bytes.count + 2)
    }
  }

  @Test func refusesWhatIsTooLong() {
    #expect(ControlMessage(decoding: ControlMessage.stop.encode() + [0]) == nil)
    #expect(ControlMessage(decoding: ControlMessage.fork(slot: 1).encode() + [0]) == nil)
    let most = ControlMessage.mostBytes
    let text = [UInt8](repeating: 0x61, count: most - 1)
    let tag = ControlMessage.filesChanged(path: "").encode()[0]
    #expect(ControlMessage(decoding: [tag] + text) != nil)
    #expect(ControlMessage(decoding: [tag] + text + [0x61]) == nil)
  }

  @Test func refusesUnknownTagsAndBadNumbers() {
    #expect(ControlMessage(decoding: [0]) == nil)
    #expect(ControlMessage(decoding: [200]) == nil)
    let fork = ControlMessage.fork(slot: 1).encode()[0]
    #expect(ControlMessage(decoding: [fork, 255, 255, 255, 255, 0, 0, 0, 0]) == nil)
    #expect(ControlMessage(decoding: [fork, 1, 0, 0, 0]) == nil)
    #expect(ControlMessage(decoding: [fork, 1, 0, 0, 0, 2, 0, 0, 0]) == nil)
    let forked = ControlMessage.forked(slot: 1, pid: 1).encode()[0]
    #expect(ControlMessage(decoding: [forked, 1, 0, 0, 0, 0, 0, 0, 0]) == nil)
  }

  @Test func cutsLongTexts() {
    let long = String(repeating: "ü", count: 4000)
    let bytes = ControlMessage.failed(code: 1, message: long).encode()
    #expect(bytes.count <= ControlMessage.mostBytes)
    guard case .failed(code: 1, let text) = ControlMessage(decoding: bytes) else {
      Issue.record("no message")
      return
    }
    #expect(text.hasPrefix("üüü"))
  }
}
