// SourceFile: the repository's files as the house rules see them.
import Foundation

/// A file of source code.
struct SourceFile {
  /// Path below the repository.
  let path: String
  /// The text, as it is.
  let text: String

  /// The target it belongs to: the second part of `Sources/Room/File.swift`.
  var room: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

  /// Every line, without its end.
  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

  /// The repository's top directory.
  static let repository = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The files below `directory` with one of these extensions, in the order of their paths.
  static func all(in directory: String, extensions: Set<String> = ["swift"]) throws -> [SourceFile]
  {
    let top = repository.appending(path: directory)
    guard let found = FileManager.default.enumerator(atPath: top.path(percentEncoded: false)) else {
      return []
    }
    return try found.compactMap { $0 as? String }
      .filter { extensions.contains(URL(filePath: $0).pathExtension) }
      .sorted()
      .map { name in
        let file = top.appending(path: name)
        return SourceFile(
          path: directory + "/" + name, text: try String(contentsOf: file, encoding: .utf8))
      }
  }

  /// The text without comments and without what stands in string literals; line breaks stay.
  var code: String {
    var scanner = CodeScanner(text)
    return scanner.codeOnly()
  }
}

/// Separates Swift code from comments and string literals.
///
/// Good enough for this repository: code inside an interpolation counts as part of its string.
struct CodeScanner {
  private let characters: [Character]
  private var position = 0
  private var code = ""

  init(_ text: String) { characters = Array(text) }

  mutating func codeOnly() -> String {
    while position < characters.count {
      if starts(with: "//") {
        skip { $0 != "\n" }
      } else if starts(with: "/*") {
        skipBlockComment()
      } else if let hashes = stringDelimiter() {
        skipString(hashes: hashes)
      } else {
        code.append(characters[position])
        position += 1
      }
    }
    return code
  }

  private func starts(with text: String, at offset: Int = 0) -> Bool {
    let wanted = Array(text)
    let from = position + offset
    return from + wanted.count <= characters.count
      && characters[from..<from + wanted.count].elementsEqual(wanted)
  }

  private mutating func skip(while condition: (Character) -> Bool) {
    while position < characters.count, condition(characters[position]) { position += 1 }
  }

  private mutating func skipBlockComment() {
    var depth = 0
    repeat {
      if starts(with: "/*") {
        depth += 1
        position += 2
      } else if starts(with: "*/") {
        depth -= 1
        position += 2
      } else {
        keepLineBreak()
        position += 1
      }
    } while depth > 0 && position < characters.count
  }

  /// The number of `#` before a quotation mark here; nil where no string literal begins.
  private func stringDelimiter() -> Int? {
    var hashes = 0
    while starts(with: "#", at: hashes) { hashes += 1 }
    return starts(with: "\"", at: hashes) ? hashes : nil
  }

  private mutating func skipString(hashes: Int) {
    position += hashes
    let quote = starts(with: "\"\"\"") ? "\"\"\"" : "\""
    let end = quote + String(repeating: "#", count: hashes)
    position += quote.count
    code.append("\"\"")
    while position < characters.count, !starts(with: end) {
      if hashes == 0, characters[position] == "\\" { position += 1 }
      keepLineBreak()
      position += 1
    }
    position += end.count
  }

  private mutating func keepLineBreak() {
    if position < characters.count, characters[position] == "\n" { code.append("\n") }
  }
}
