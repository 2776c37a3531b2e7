// Every death is explained.
import Platform
import Reporting
import Supervision
import Testing

@Suite struct DeathNoticeTests {
  func notice(
    _ status: Platform.ExitStatus, _ state: WorkerState = .ready, reason: KillReason? = nil,
    outOfMemory: Bool? = nil, lost: Int = 0
  ) -> DeathNotice {
    DeathNotice(
      pid: 7, who: "worker 0", status: status, state: state, killReason: reason,
      outOfMemory: outOfMemory, requestsLost: lost)
  }

  let killed = Platform.ExitStatus.signalled(signal: Signal.kill, dumpedCore: false)

  @Test func sayWhoKilled() {
    #expect(notice(killed).message.contains("by an administrator, or by the kernel"))
    #expect(notice(killed, outOfMemory: true).message.contains("out of memory"))
    #expect(notice(killed, outOfMemory: false).message.contains("from outside"))
  }

  @Test func sayWhyWeKilled() {
    let stuck = notice(killed, reason: .stuckRequest(thread: 2, seconds: 61), outOfMemory: true)
    #expect(stuck.message.contains("thread 2 ran for 61 s, longer than --timeout"))
    let stubborn = KillReason.stuckRequest(thread: 2, seconds: 66, wasInterrupted: true)
    #expect(
      notice(killed, reason: stubborn).message.hasSuffix("and did not end when it was interrupted"))
    #expect(notice(killed, reason: .gracefulTimeout(seconds: 30)).message.contains("30 s"))
    // A worker without faulthandler dies of the signal that asks for its stacks.
    let early = Platform.ExitStatus.signalled(signal: Signal.dumpStacks, dumpedCore: false)
    #expect(
      notice(early, reason: .startupTimeout(seconds: 1)).message.contains("--startup-timeout"))
  }

  @Test func tellWantOfResourcesFromOtherCodes() {
    #expect(notice(.exited(code: 8), .starting).message.contains("short of descriptors"))
    #expect(!notice(.exited(code: 9), .starting).message.contains("short of"))
  }

  @Test func knowTheCause() {
    #expect(notice(killed).cause == .signal)
    #expect(notice(killed, outOfMemory: false).cause == .signal)
    #expect(notice(killed, outOfMemory: true).cause == .outOfMemory)
    #expect(notice(.signalled(signal: 11, dumpedCore: true)).cause == .signal)
    #expect(notice(killed, reason: .gracefulTimeout(seconds: 1)).cause == .timeout)
    // The counter of kills may have risen because of another process.
    let stuck = KillReason.stuckRequest(thread: 0, seconds: 60)
    #expect(notice(killed, reason: stuck, outOfMemory: true).cause == .timeout)
    #expect(notice(killed, reason: .deadlock(seconds: 300)).cause == .deadlock)
    #expect(notice(killed, reason: .deadlock(seconds: 300)).message.contains("for 300 s none of"))
    let late = KillReason.evictionTimeout(seconds: 3)
    #expect(notice(.exited(code: 0), .condemned, reason: late).cause == .timeout)
    #expect(
      notice(.exited(code: 0), .condemned, reason: late).message.hasSuffix(
        "finished when its requests were given up: it had not finished after 3 s "
          + "(--eviction-timeout)"))
    #expect(notice(killed, reason: .shutdownTimeout(seconds: 5)).message.contains("(atexit)"))
    #expect(notice(.exited(code: 7)).cause == .exit)
    #expect(notice(.exited(code: 8), .starting).cause == .resourceShortage)
    #expect(notice(.exited(code: 9)).cause == .exit)
  }

  @Test func countLostRequests() {
    #expect(notice(killed, lost: 1).message.hasSuffix("; 1 request was lost"))
    #expect(notice(killed, lost: 3).message.hasSuffix("; 3 requests were lost"))
    #expect(!notice(killed).message.contains("lost"))
  }

  @Test func nameWhatWasLost() {
    var one = notice(killed, lost: 1)
    one.lost = [LostRequest(id: 0xA1, request: "GET /crash/?token=s3cret HTTP/1.1", ranMs: 340)]
    #expect(
      one.message.hasSuffix("; 1 request was lost: [00000000000000a1] GET /crash/ after 0.3 s"))
    var many = notice(killed, lost: 6)
    many.lost = (1...6).map { LostRequest(id: $0, request: "GET /\($0) HTTP/1.1", ranMs: 61_000) }
    #expect(
      many.message.contains("; 6 requests were lost: [0000000000000001] GET /1 after 61.0 s, "))
    #expect(many.message.hasSuffix("GET /4 after 61.0 s and 2 more"))
  }

  @Test(arguments: [
    ("POST /a?b=c HTTP/1.1", "POST /a"), ("GET / HTTP/1.1", "GET /"), ("", "a request"),
    ("GET http://me:secret@host/a?b HTTP/1.1", "GET /a"), ("GET http://host HTTP/1.1", "GET /"),
    ("GET http://me:secret@ho", "GET /…"), ("GET /a/very/long/pa", "GET /a/very/long/pa…"),
    ("GET /a?very=lo", "GET /a"), ("GET urn:secret HTTP/1.1", "GET"), ("nonsense", "a request"),
    ("GET /a\nb\u{1b}c HTTP/1.1", "GET /a?b?c"),
  ])
  func keepSecretsOutOfTheLog(line: String, expected: String) {
    #expect(LostRequest(id: 1, request: line, ranMs: -5).what == expected)
    #expect(LostRequest(id: 1, request: line, ranMs: -5).ranMs == 0)
  }

  @Test func tellExpectedEndsFromOthers() {
    #expect(notice(.exited(code: 0), .draining).isExpected)
    #expect(notice(.exited(code: 0), .ready).isExpected)
    #expect(!notice(.exited(code: 0), .starting).isExpected)
    #expect(!notice(.exited(code: 1), .draining).isExpected)
    #expect(notice(killed, reason: .stoppedAtOnce).level == .info)
    #expect(notice(killed).level == .error)
  }

  @Test func nameTheSignal() {
    let crash = Platform.ExitStatus.signalled(signal: 11, dumpedCore: true)
    #expect(notice(crash).message.contains("SIGSEGV, core dumped; it crashed in native code"))
    #expect(notice(.exited(code: 3), .starting).message.contains("code 3 before it was ready"))
  }
}
