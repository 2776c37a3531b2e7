// ThousandthsText: decimal numbers as people write them, in thousandths. Pure.

/// `2`, `1.5`, `0.125`: digits, and at most three decimals.
enum ThousandthsText {
  /// Thousandths of `text`.
  static func parse(_ text: String) throws(ValueProblem) -> Int {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first.flatMap({ digits($0) }) else {
      throw ValueProblem("is not a number")
    }
    var thousandths: Int64 = 0
    if parts.count == 2 {
      guard let decimals = digits(parts[1]) else { throw ValueProblem("is not a number") }
      guard parts[1].count <= 3 else { throw ValueProblem("is finer than a thousandth") }
      thousandths = decimals * [100, 10, 1][parts[1].count - 1]
    }
    let (product, overflowed) = whole.multipliedReportingOverflow(by: 1000)
    let (sum, carried) = product.addingReportingOverflow(thousandths)
    guard !overflowed, !carried else { throw ValueProblem("is out of range") }
    return Int(sum)
  }

  /// The shortest text that ``parse(_:)`` reads as `thousandths`, which is not negative.
  static func encode(_ thousandths: Int) -> String {
    var text = "\(thousandths / 1000)"
    let rest = thousandths % 1000
    guard rest != 0 else { return text }
    let decimals = "\(rest)"
    text += "." + String(repeating: "0", count: 3 - decimals.count) + decimals
    while text.hasSuffix("0") { text.removeLast() }
    return text
  }
}
