// RouteTableTests: which application a path belongs to.
import Configuration
import Testing

@testable import Server

@Suite struct RouteTableTests {
  private func settings(_ application: String, _ mounts: String...) -> ServerSettings {
    var settings = ServerSettings()
    settings.application = application
    settings.mounts = mounts
    return settings
  }

  /// `GROUP.APPLICATION SCRIPT-COUNT`, or `-`.
  private func match(_ table: borrowing RouteTable, _ path: String) -> String {
    let bytes = Array(path.utf8)
    return unsafe bytes.withUnsafeBufferPointer { path in
      guard let match = unsafe table.match(path) else { return "-" }
      let route = table.route(match.route)
      return "\(route.group).\(route.application) \(match.scriptCount)"
    }
  }

  @Test func oneApplicationHasEverything() {
    let table = RouteTable([settings("site")])
    let isWhole = table.isWhole
    #expect(isWhole)
    #expect(match(table, "/any/thing") == "0.0 0")
    #expect(match(table, "") == "0.0 0")
  }

  @Test func theLongestWinsWhateverTheOrder() {
    let table = RouteTable([
      settings("site", "/blog=blog"), settings("", "/blog/old=old", "/b=b"),
    ])
    let isWhole = table.isWhole
    #expect(!isWhole)
    #expect(match(table, "/") == "0.0 0")
    #expect(match(table, "/blog") == "0.1 5")
    #expect(match(table, "/blog/new") == "0.1 5")
    #expect(match(table, "/blog/old/x") == "1.0 9")
    #expect(match(table, "/blog/o%6Cd/x") == "1.0 11")
    #expect(match(table, "/blog/older") == "0.1 5")
    #expect(match(table, "/b") == "1.1 2")
  }

  @Test func nobodyMayHaveAPath() {
    let table = RouteTable([settings("", "/blog=blog")])
    let isWhole = table.isWhole
    #expect(!isWhole)
    #expect(match(table, "/") == "-")
    #expect(match(table, "/blogs") == "-")
    #expect(match(table, "/blog/") == "0.0 5")
  }
}
