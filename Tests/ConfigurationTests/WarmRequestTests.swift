// WarmRequestTests: what --warm understands.
import Testing

@testable import Configuration

@Suite struct WarmRequestTests {
  @Test(arguments: [
    ("/", ["GET", "/"]),
    ("/shop/?page=1&x=%20", ["GET", "/shop/?page=1&x=%20"]),
    ("POST /form", ["POST", "/form"]),
    ("  HEAD   /a ", ["HEAD", "/a"]),
    ("/a; Host: example.org", ["GET", "/a", "Host", "example.org"]),
    ("/a;Host:example.org:80", ["GET", "/a", "Host", "example.org:80"]),
    ("/a; Cookie: b=1; c=2", ["GET", "/a", "Cookie", "b=1; c=2"]),
    (
      "/a; Accept: text/html;q=0.9; X-Y: ",
      ["GET", "/a", "Accept", "text/html;q=0.9", "X-Y", ""]
    ),
  ])
  func whatItMeans(text: String, words: [String]) throws {
    #expect(try WarmRequest(parsing: text).words == words)
    #expect(WarmRequest(text)?.words == words)
  }

  @Test(arguments: [
    "", " ", "a", "GET", "GET a", "GET /a HTTP/1.1", "G(T /a", "/é", "/a; b", "/a;", "/a\tb",
  ])
  func whatIsRefused(text: String) {
    #expect(throws: ValueProblem.self) { try WarmRequest(parsing: text) }
    #expect(WarmRequest(text) == nil)
  }

  @Test func bothNamesAreSettings() throws {
    let definition = try #require(SettingsTable.definition(named: "warm"))
    #expect(definition.directive == "WarmRequest" && definition.isRepeatable)
  }
}
