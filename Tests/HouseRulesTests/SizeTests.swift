// SizeTests: files and lines stay short enough to be read.
import Foundation
import Testing

@Suite struct SizeTests {
  static let linesInFile = 600
  static let columnsInLine = 100

  /// Everything that people here write by hand.
  static func files() throws -> [SourceFile] {
    let directories = ["Sources", "Fuzz", "Tests", "bench", "examples"]
    return
      try directories
      .flatMap { try SourceFile.all(in: $0, extensions: ["swift", "c", "h", "py"]) }
      .filter { !$0.path.contains("/migrations/") }  // written by Django
  }

  @Test func filesAreSplitBeforeTheyAreLong() throws {
    for file in try Self.files() {
      let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
      #expect(count <= Self.linesInFile, "\(file.path) has \(count) lines: split it")
    }
  }

  @Test func linesFitBesideAnotherFile() throws {
    for file in try Self.files() {
      for (index, line) in file.lines.enumerated() where line.count > Self.columnsInLine {
        Issue.record("\(file.path):\(index + 1) has \(line.count) columns")
      }
    }
  }

  @Test func filesSayWhatTheyAre() throws {
    for file in try SourceFile.all(in: "Sources") where !file.text.hasPrefix("// swift-tools") {
      #expect(file.text.hasPrefix("// "), "\(file.path) has no header comment")
    }
  }
}
