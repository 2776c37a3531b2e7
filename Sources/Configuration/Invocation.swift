// Invocation: how `plimsoll serve` was called, so that it can be called again. Pure.

/// The words of a command, and where it was typed: an upgrade runs the same again.
public struct Invocation: Equatable, Sendable {
  /// Absolute path of `plimsoll`; symbolic links are kept, as they may lead elsewhere by then.
  public var program: String
  /// The directory it was called in; empty where that is not known.
  public var directory: String
  /// What stood behind `serve`.
  public var words: [String]

  /// A call.
  public init(program: String, directory: String, words: [String]) {
    self.program = program
    self.directory = directory
    self.words = words
  }

  /// Program, directory and words, each followed by NUL.
  var encoded: [UInt8] { ([program, directory] + words).flatMap { Array($0.utf8) + [0] } }

  /// Reads what ``encoded`` wrote; nil where that is nothing.
  init?(encoded bytes: ArraySlice<UInt8>) {
    var texts = bytes.split(separator: 0, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    guard texts.popLast()?.isEmpty == true, texts.count >= 2, !texts[0].isEmpty else { return nil }
    self.init(program: texts[0], directory: texts[1], words: Array(texts[2...]))
  }
}
