// NearestNames: which of the names that exist the user may have meant. Pure.

/// Finds names that look like a misspelt one.
enum NearestNames {
  /// At most three of `candidates`, nearest first: those within a third of the name's length in
  /// edits, or that differ only in case, or of which one is the beginning of the other.
  static func find(_ name: String, among candidates: [String]) -> [String] {
    let wanted = name.lowercased()
    let bound = max(1, wanted.utf8.count / 3)
    var ranked: [(distance: Int, name: String)] = []
    for candidate in Set(candidates).sorted() where candidate != name {
      let other = candidate.lowercased()
      let edits = distance(wanted, other)
      let isBeginning = other.hasPrefix(wanted) || wanted.hasPrefix(other)
      if edits <= bound || (isBeginning && min(other.utf8.count, wanted.utf8.count) >= 3) {
        ranked.append((edits, candidate))
      }
    }
    ranked.sort { $0.distance < $1.distance }
    return ranked.prefix(3).map(\.name)
  }

  /// `a, b or c`, each in backquotes; empty for no names.
  static func sentence(_ names: [String]) -> String {
    let quoted = names.map { "`\($0)`" }
    guard let last = quoted.last else { return "" }
    guard quoted.count > 1 else { return last }
    return quoted.dropLast().joined(separator: ", ") + " or " + last
  }

  /// Insertions, deletions, substitutions and swaps of neighbours that lead from `a` to `b`.
  static func distance(_ a: String, _ b: String) -> Int {
    let left = Array(a.utf8)
    let right = Array(b.utf8)
    // Longer names are compared by nobody; the bound keeps the table small.
    guard left.count <= 200, right.count <= 200 else { return Int.max }
    var beforeLast = [Int](repeating: 0, count: right.count + 1)
    var last = Array(0...right.count)
    for row in 0..<left.count {
      var current = [Int](repeating: row + 1, count: right.count + 1)
      for column in 0..<right.count {
        let cost = left[row] == right[column] ? 0 : 1
        var best = min(last[column + 1] + 1, current[column] + 1, last[column] + cost)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          best = min(best, beforeLast[column - 1] + 1)
        }
        current[column + 1] = best
      }
      beforeLast = last
      last = current
    }
    return last[right.count]
  }
}
