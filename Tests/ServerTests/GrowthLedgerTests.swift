// Which URL made a worker grow: what is looked at, and what stands out.
import Control
import Testing

@testable import Server

@Suite struct FaultTrailTests {
  func look(_ trail: inout FaultTrail, _ faults: Int64, _ nowUs: Int64) -> FaultTrail.Finding {
    trail.look(faults: faults, nowUs: nowUs)
  }

  @Test(
    arguments: [(63, .quiet), (64, .oneRequest), (65, .oneRequest)] as [(Int64, FaultTrail.Finding)]
  )
  func manyPagesAreFollowedUp(pages: Int64, finding: FaultTrail.Finding) {
    var trail = FaultTrail()
    #expect(look(&trail, 5_000, 0) == .quiet)
    #expect(look(&trail, 5_000 + pages, 1_000) == finding)
  }

  @Test func fewPagesAddUp() {
    var trail = FaultTrail()
    _ = trail.look(faults: 0, nowUs: 0)
    for step in 1...3 { #expect(look(&trail, Int64(step) * 20, 0) == .quiet) }
    #expect(look(&trail, 80, 0) == .several)
    #expect(look(&trail, 143, 0) == .quiet)
  }

  /// A request that takes much is known also where others took a little before it.
  @Test func oneRequestStandsOut() {
    var trail = FaultTrail()
    _ = trail.look(faults: 0, nowUs: 0)
    _ = trail.look(faults: 40, nowUs: 0)
    #expect(look(&trail, 80, 0) == .oneRequest)
    _ = trail.look(faults: 121, nowUs: 0)
    #expect(look(&trail, 160, 0) == .several)
  }

  @Test func itLooksOnceInAMillisecondUntilItHasReason() {
    var trail = FaultTrail()
    #expect(trail.nextLookUs == 0)
    _ = trail.look(faults: 0, nowUs: 70)
    #expect(trail.nextLookUs == 70 + FaultTrail.everyUs)
    trail.lookClosely()
    #expect(trail.nextLookUs == 0)
    for _ in 0..<FaultTrail.closeRequests {
      _ = trail.look(faults: 0, nowUs: 70)
      #expect(trail.nextLookUs == 0)
    }
    _ = trail.look(faults: 0, nowUs: 70)
    #expect(trail.nextLookUs == 70 + FaultTrail.everyUs)
  }
}

@Suite struct GrowthLedgerTests {
  static let megabyte: Int64 = 1 << 20

  /// A ledger after requests that brought the process to so many megabytes each.
  func ledger(_ requests: [(String, Int64)], _ finding: FaultTrail.Finding = .oneRequest)
    -> GrowthLedger
  {
    var ledger = GrowthLedger(anonymousBytes: 0)
    for (path, megabytes) in requests {
      ledger.note(
        "GET \(path) HTTP/1.1", finding, anonymousBytes: megabytes * Self.megabyte)
    }
    return ledger
  }

  @Test func whatStandsOutIsNamed() {
    let ledger = ledger([("/", 1), ("/leak/", 2), ("/leak/", 4)])
    #expect(
      ledger.source(ofBytes: 4 * Self.megabyte)
        == .init(path: "/leak/", kibibytes: 3 << 10, requests: 2))
  }

  @Test(arguments: [(5, "/leak/"), (6, nil), (7, nil)] as [(Int64, String?)])
  func halfIsNotEnough(megabytes: Int64, path: String?) {
    let ledger = ledger([("/", 1), ("/leak/", 4)])
    #expect(ledger.source(ofBytes: megabytes * Self.megabyte)?.path == path)
  }

  @Test func nothingStandsOutOfNothing() {
    #expect(ledger([]).source(ofBytes: 0) == nil)
    #expect(ledger([("/", 0)]).source(ofBytes: 0) == nil)
    #expect(ledger([("/", 5)], .quiet).source(ofBytes: 0) == nil)
  }

  /// Memory that comes and goes is nobody's growth.
  @Test func onlyTheHighestCounts() {
    let ledger = ledger([("/swing", 3), ("/other", 1), ("/swing", 3), ("/leak/", 7)])
    #expect(
      ledger.source(ofBytes: 7 * Self.megabyte)
        == .init(path: "/leak/", kibibytes: 4 << 10, requests: 1))
  }

  @Test func requestsThatCannotBeCountedAreNot() {
    var ledger = ledger([("/leak/", 1)])
    ledger.note("GET /leak/", .several, anonymousBytes: 2 * Self.megabyte)
    #expect(ledger.source(ofBytes: Self.megabyte)?.requests == 0)
    #expect(ledger.growth(to: 2 * Self.megabyte) == 0)
    #expect(ledger.growth(to: 3 * Self.megabyte) == Self.megabyte)
  }

  @Test(arguments: [
    ("GET /leak/?page=1 HTTP/1.1", "/leak/"), ("GET /leak/ HTTP/1.1", "/leak/"),
    ("POST /cut", "/cut"), ("GET ?x", ""), ("GET", ""), ("", ""), ("GET  HTTP/1.1", ""),
  ])
  func thePathIsThatOfTheRequestLine(line: String, path: String) {
    #expect(GrowthLedger.path(of: line) == path)
  }

  @Test(arguments: [63, 64, 65])
  func longPathsAreCut(count: Int) {
    let path = "/" + String(repeating: "a", count: count - 1)
    let source = ledger([(path, 1), (path, 2)]).source(ofBytes: 0)
    #expect(source?.path == (count > 64 ? path.prefix(64) + "…" : path))
    #expect(source?.requests == 2)
  }

  /// A path that takes most is found among any number of others.
  @Test func aFullTableKeepsTheLargest() {
    var requests: [(String, Int64)] = [("/leak/", 10)]
    for number in 0..<100 {
      requests.append(("/item/\(number)", Int64(number) / 20 + 11 + requests.last!.1 - 10))
    }
    let last = requests.last!.1
    requests.append(("/leak/", last * 2 + 50))
    #expect(ledger(requests).source(ofBytes: last * 2 * Self.megabyte)?.path == "/leak/")
  }
}
