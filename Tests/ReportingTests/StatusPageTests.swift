// The page: well-formed, escaped, bounded.
import Foundation
import ProcessPolicy
import Reporting
import Testing

@Suite struct StatusPageTests {
  private func page(_ status: ServerStatus, refresh: Int? = nil) -> String {
    String(decoding: StatusPage.render(status, refreshSeconds: refresh), as: UTF8.self)
  }

  /// The elements that `page` opens and does not close, and the other way round.
  private func unbalanced(_ page: String) -> [String] {
    let void: Set<String> = ["meta", "link", "!DOCTYPE", "circle", "path"]
    var open: [String] = []
    var wrong: [String] = []
    for part in page.split(separator: "<").dropFirst(page.hasPrefix("<") ? 0 : 1) {
      let tag = part.prefix { $0 != ">" }
      let name = String(tag.prefix { $0 != " " && $0 != "/" || $0 == tag.first })
      if void.contains(name) { continue }
      if name.hasPrefix("/") {
        if open.last == String(name.dropFirst()) { open.removeLast() } else { wrong.append(name) }
      } else {
        open.append(name)
      }
    }
    return wrong + open
  }

  @Test func elementsAreBalanced() {
    #expect(unbalanced(page(Samples.small)) == [])
    #expect(unbalanced(page(ServerStatus())) == [])
    #expect(unbalanced(page(ServerStatus.merged(Samples.groups))) == [])
    #expect(unbalanced(page(Samples.big(slots: 300, threads: 3))) == [])
  }

  @Test func itSaysWhatItShould() {
    let page = page(Samples.small)
    for part in [
      "mysite:application", "plimsoll/0.1.0", "event", "loadline", "14 min", "GET /long HTTP/1.1",
      "127.0.0.1", "example.org", "1.5 s ago", "4711", "width=device-width", "2026-11-22 23:51:02",
      "prefers-color-scheme:dark", "5 workers started, 1 died",
    ] {
      #expect(page.contains(part), "\(part)")
    }
    #expect(!page.contains("http-equiv=\"refresh\""))
  }

  @Test func frontsHaveALineEach() {
    var status = Samples.small
    #expect(!page(status).contains("Fronts"))
    status.fronts = [Samples.front, Samples.front]
    let page = page(status)
    #expect(unbalanced(page) == [])
    #expect(page.contains("<h2>Fronts</h2>"))
    #expect(page.components(separatedBy: ">4800<").count == 3)
    #expect(StatusTable.render(status).contains("  front 0    pid 4800, connections 20 (9 kept"))
    #expect(StatusTable.render(status).contains(", 4 requests wait"))
  }

  @Test func nothingIsLoadedOrRun() {
    let page = page(Samples.small)
    #expect(!page.contains("<script") && !page.contains("src="))
    #expect(!page.contains("http://") && !page.contains("https://") && !page.contains("url("))
  }

  @Test(arguments: Samples.hostile)
  func foreignTextAddsNoMarkup(foreign: String) {
    let usual = page(Samples.foreign("x"))
    let found = page(Samples.foreign(foreign))
    for byte in "<>\"".utf8 {
      #expect(found.utf8.count { $0 == byte } == usual.utf8.count { $0 == byte })
    }
    #expect(found.utf8.allSatisfy { $0 >= 0x20 || $0 == 0x0A })
    #expect(!found.unicodeScalars.contains { $0 == "\u{202E}" || $0 == "\u{9B}" })
    #expect(unbalanced(found) == [])
  }

  @Test func rowsAreBounded() {
    let page = page(Samples.big(slots: 1000, threads: 16))
    #expect(page.contains("and 800 more workers"))
    #expect(page.contains("and 15800 more requests"))
    #expect(page.utf8.count < 400_000)
    // The longest request comes first.
    #expect(page.contains("GET /999/15 HTTP/1.1") && !page.contains("GET /0/0 HTTP/1.1"))
  }

  @Test(arguments: [Int64.min, -1, 0, .max])
  func absurdNumbersStopNothing(number: Int64) {
    #expect(unbalanced(page(Samples.absurd(number))) == [])
    #expect(StatusText.render(Samples.absurd(number)).count > 100)
    #expect(StatusTable.render(Samples.absurd(number)).count > 100)
  }

  @Test(
    arguments: [
      ("", .page(refreshSeconds: nil)), ("auto", .text), ("auto&refresh=5", .text), ("json", .json),
      ("auto=", .text), ("notable", .page(refreshSeconds: nil)), ("json&refresh=2", .json),
      ("refresh", .page(refreshSeconds: 10)), ("refresh=5", .page(refreshSeconds: 5)),
      ("refresh=0", .page(refreshSeconds: 10)), ("refresh=x\"", .page(refreshSeconds: 10)),
      ("refresh=99999999999999999999", .page(refreshSeconds: 10)),
      ("refresh=99999", .page(refreshSeconds: 3600)), ("&&refresh=3&", .page(refreshSeconds: 3)),
    ] as [(String, StatusReport.Form)])
  func queriesChooseTheForm(query: String, form: StatusReport.Form) {
    #expect(StatusReport.form(query) == form)
  }

  @Test func reportsHaveTheirTypes() {
    let text = StatusReport(Samples.small, query: "auto", host: "example.org")
    #expect("\(text.contentType)" == "text/plain; charset=utf-8")
    #expect(text.body.starts(with: Array("example.org\n".utf8)))
    let json = StatusReport(Samples.small, query: "json", host: "")
    #expect("\(json.contentType)" == "application/json" && json.body.first == UInt8(ascii: "{"))
    let page = StatusReport(Samples.small, query: "refresh=7", host: "")
    #expect("\(page.contentType)" == "text/html; charset=utf-8")
    #expect(
      String(decoding: page.body, as: UTF8.self).contains("http-equiv=\"refresh\" content=\"7\""))
  }
}
