// EnvironmentFileTests: what --env-file reads, and what it refuses without telling the secret.
import Testing

@testable import Configuration

@Suite struct EnvironmentFileTests {
  private func parse(_ text: String) throws -> [String] {
    try EnvironmentFile(parsing: Array(text.utf8), path: "/etc/site.env").variables
      .map { "\($0.name)=\($0.value)" }
  }

  @Test(arguments: [
    ("", []),
    ("\n\n# A=1\n ; B=2\n", []),
    ("A=1", ["A=1"]),
    ("A=1\nB=2\n", ["A=1", "B=2"]),
    ("A=1\r\nB=\r\n", ["A=1", "B="]),
    ("\u{FEFF}A=1", ["A=1"]),
    ("  A = b c \t\n", ["A=b c"]),
    ("export A=1\nexport=2\nexport =3\n", ["A=1", "export=2", "export=3"]),
    ("_a9=x#y;z", ["_a9=x#y;z"]),
    ("A=postgres://u:p%40@h/d?x=1&y=$HOME", ["A=postgres://u:p%40@h/d?x=1&y=$HOME"]),
    ("A={\"b\": 'c'}", ["A={\"b\": 'c'}"]),
    ("A='b # \\ \" $c'  \nB=2", ["A=b # \\ \" $c", "B=2"]),
    ("A=\"b # ' \\\" \\\\ \\$c \\`\"\nB=2", ["A=b # ' \" \\ $c `", "B=2"]),
    ("A='one\ntwo'\nB=\"three\n\nfour\"", ["A=one\ntwo", "B=three\n\nfour"]),
    ("A=''\nB=\"\"", ["A=", "B="]),
    ("A=1\nA=2", ["A=1", "A=2"]),
    ("A=größe", ["A=größe"]),
  ])
  func whatItReads(text: String, expected: [String]) throws {
    #expect(try parse(text) == expected)
  }

  @Test(arguments: [
    ("SECRET", 1, "is no NAME=VALUE"),
    ("\n=SECRET", 2, "is no NAME=VALUE"),
    ("9A=SECRET", 1, "is no NAME=VALUE"),
    ("A-B=SECRET", 1, "is no NAME=VALUE"),
    ("export SECRET", 1, "is no NAME=VALUE"),
    ("A=1\nB SECRET=2", 2, "is no NAME=VALUE"),
    ("A=SECRET\\n", 1, "a backslash"),
    ("A=SECRET # comment", 1, "a # behind a blank"),
    ("A= #SECRET", 1, "a # behind a blank"),
    ("A='1\n2'\nB='SECRET", 3, "not closed"),
    ("A=\"SECRET\\", 1, "not closed"),
    ("A=\"SECRET\n", 1, "not closed"),
    ("A=\"SEC\\nRET\"", 1, "a backslash in double quotes"),
    ("A=\"1\n\\t\"", 2, "a backslash in double quotes"),
    ("A='1'SECRET", 1, "behind its closing quote"),
    ("A=\"1\" # SECRET", 1, "behind its closing quote"),
    ("A=SEC\0RET", 1, "no UTF-8 text"),
  ])
  func whatIsRefused(text: String, line: Int, why: String) throws {
    let error = try #require(throws: UsageError.self) { try parse(text) }
    #expect(error.exitCode == .usage)
    #expect(error.message.hasPrefix("--env-file: line \(line) of /etc/site.env "))
    #expect(error.message.contains(why) && !error.message.contains("SEC"))
  }

  @Test func bytesThatAreNoTextAreRefused() throws {
    let error = try #require(throws: UsageError.self) {
      try EnvironmentFile(parsing: [0x41, 0x3D, 0xFF], path: "/f")
    }
    #expect(error.message.contains("no UTF-8 text"))
  }

  @Test(arguments: [(-1, true), (0, true), (1, false)])
  func theLongestVariable(more: Int, isRead: Bool) {
    let count = EnvironmentFile.mostVariableBytes - 1 + more
    let bytes = Array("A=".utf8) + [UInt8](repeating: 0x78, count: count)
    #expect(((try? EnvironmentFile(parsing: bytes, path: "/f")) != nil) == isRead)
  }

  @Test(arguments: [(-1, true), (0, true), (1, false)])
  func theLongestFile(more: Int, isRead: Bool) {
    let bytes = [UInt8](repeating: 0x23, count: EnvironmentFile.mostBytes + more)
    #expect(((try? EnvironmentFile(parsing: bytes, path: "/f")) != nil) == isRead)
  }

  // MARK: who wins

  @Test func laterFilesThenTheLocaleThenTheCommandLine() throws {
    var settings = ServerSettings()
    settings.environment = ["A=line", "LANG=xx", "EMPTY="]
    settings.language = "de_DE.UTF-8"
    settings.locale = "C.UTF-8"
    let files = try ["A=1\nB=1\nC=1\nLC_ALL=file", "B=2"].map {
      try EnvironmentFile(parsing: Array($0.utf8), path: "/f")
    }
    var last: [String: String] = [:]
    for variable in settings.variables(from: files) { last[variable.name] = variable.value }
    #expect(
      last == [
        "A": "line", "B": "2", "C": "1", "LC_ALL": "C.UTF-8", "LANG": "xx", "EMPTY": "",
      ])
    #expect(ServerSettings().variables(from: []).isEmpty)
  }
}
