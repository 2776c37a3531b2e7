// HandoverWord: the first word that a running server calls `plimsoll serve` with. Edge.
internal import Configuration

/// `--handover-fd=N`: this process takes over from the program that ran in it before, which left a
/// memory file as descriptor N. `--handover-check=N`: only says whether that would work.
struct HandoverWord {
  private static let names = ["--handover-fd", "--handover-check"]
  /// The word itself, which plimsolld gets as well.
  let wordsForServer: [String]

  /// Takes the word off where it is the first.
  static func split(_ words: [String]) throws(UsageError) -> (HandoverWord?, [String]) {
    guard let first = words.first,
      let name = names.first(where: { first.hasPrefix("\($0)=") })
    else { return (nil, words) }
    guard let number = Int32(first.dropFirst(name.count + 1)), number > 2 else {
      throw UsageError("\(name) is said by a running server only; leave it out")
    }
    return (HandoverWord(wordsForServer: [first]), Array(words.dropFirst()))
  }
}
