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
  private let bytes: [UInt8]
  private var position = 0
  private var code: [UInt8] = []

  init(_ text: String) { bytes = Array(text.utf8) }

  mutating func codeOnly() -> String {
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "/") where starts(with: "//"): skipLineComment()
      case UInt8(ascii: "/") where starts(with: "/*"): skipBlockComment()
      case UInt8(ascii: "\""): skipString(hashes: 0)
      case UInt8(ascii: "#") where hashesOfString() > 0: skipString(hashes: hashesOfString())
      default:
        code.append(bytes[position])
        position += 1
      }
    }
    return String(decoding: code, as: UTF8.self)
  }

  private func starts(with text: StaticString) -> Bool {
    guard position + text.utf8CodeUnitCount <= bytes.count else { return false }
    for offset in 0..<text.utf8CodeUnitCount
    where unsafe bytes[position + offset] != text.utf8Start[offset] { return false }
    return true
  }

  private mutating func skipLineComment() {
    while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { position += 1 }
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
    } while depth > 0 && position < bytes.count
  }

  /// The number of `#` that begin a string literal here; 0 where they begin something else.
  private func hashesOfString() -> Int {
    let hashes = bytes[position...].prefix { $0 == UInt8(ascii: "#") }.count
    let behind = position + hashes
    return behind < bytes.count && bytes[behind] == UInt8(ascii: "\"") ? hashes : 0
  }

  private mutating func skipString(hashes: Int) {
    position += hashes
    let quotes = starts(with: "\"\"\"") ? 3 : 1
    let end =
      Array(repeating: UInt8(ascii: "\""), count: quotes)
      + Array(repeating: UInt8(ascii: "#"), count: hashes)
    position += quotes
    code += Array("\"\"".utf8)
    while position < bytes.count, !bytes[position...].starts(with: end) {
      if hashes == 0, bytes[position] == UInt8(ascii: "\\") { position += 1 }
      keepLineBreak()
      position += 1
    }
    position += end.count
  }

  private mutating func keepLineBreak() {
    if position < bytes.count, bytes[position] == UInt8(ascii: "\n") {
      code.append(bytes[position])
    }
  }
}
