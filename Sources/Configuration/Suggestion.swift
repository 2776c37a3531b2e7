// Suggestion: the nearest known words to one that is not known. Pure.

/// Finds what a person probably meant.
public enum Suggestion {
  /// Damerau-Levenshtein distance (optimal string alignment): insertions, deletions, substitutions
  /// and swaps of neighbours that turn `first` into `second`. Upper and lower case are the same.
  public static func distance(_ first: String, _ second: String) -> Int {
    let first = Array(first.lowercased().unicodeScalars)
    let second = Array(second.lowercased().unicodeScalars)
    var beforeLast = [Int](repeating: 0, count: second.count + 1)
    var last = Array(0...second.count)
    for row in 0..<first.count {
      var current = [Int](repeating: row + 1, count: second.count + 1)
      for column in 0..<second.count {
        let isSame = first[row] == second[column]
        var best = min(
          last[column + 1] + 1, current[column] + 1, last[column] + (isSame ? 0 : 1))
        if row > 0, column > 0, first[row] == second[column - 1],
          first[row - 1] == second[column]
        {
          best = min(best, beforeLast[column - 1] + 1)
        }
        current[column + 1] = best
      }
      beforeLast = last
      last = current
    }
    return last[second.count]
  }

  /// The candidates nearest to `word`, nearest first; empty where none is near.
  ///
  /// Near is a distance of at most a third of the length (at least 1), or a beginning of three
  /// letters or more.
  /// - Parameter limit: how many at most; default 3.
  public static func nearest(
    to word: String, among candidates: [String], limit: Int = 3
  ) -> [String] {
    let lowercase = word.lowercased()
    let allowed = max(1, word.count / 3)
    var found: [(distance: Int, candidate: String)] = []
    for candidate in candidates {
      let distance = distance(word, candidate)
      if distance <= allowed {
        found.append((distance, candidate))
      } else if word.count >= 3, candidate.lowercased().hasPrefix(lowercase) {
        found.append((allowed + 1, candidate))
      }
    }
    let sorted = found.enumerated().sorted {
      ($0.element.distance, $0.offset) < ($1.element.distance, $1.offset)
    }
    return sorted.prefix(limit).map(\.element.candidate)
  }

  /// `; did you mean X?` or `; did you mean X or Y?`; empty where nothing is near.
  public static func phrase(
    for word: String, among candidates: [String], limit: Int = 1, prefix: String = ""
  ) -> String {
    let near = nearest(to: word, among: candidates, limit: limit).map { prefix + $0 }
    guard let last = near.last else { return "" }
    let others = near.dropLast().joined(separator: ", ")
    return "; did you mean \(others.isEmpty ? last : "\(others) or \(last)")?"
  }
}
