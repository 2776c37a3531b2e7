// StatusPathText: the URL path of --status-path. Pure.

/// A path of plain characters, which is compared byte for byte with the path of a request.
enum StatusPathText {
  /// `text` without slashes at its end.
  ///
  /// - Throws: the end of a sentence that begins with the value.
  static func parse(_ text: String) throws(ValueProblem) -> String {
    guard text.hasPrefix("/") else { throw ValueProblem("does not begin with a slash") }
    var path = text
    while path.hasSuffix("/") { path.removeLast() }
    guard !path.isEmpty else {
      throw ValueProblem(
        "is the first page of the site", advice: "give a path such as /server-status")
    }
    guard !path.utf8.contains(UInt8(ascii: "%")) else {
      throw ValueProblem("has a percent sign", advice: "choose a path without one")
    }
    guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x3F && $0 != 0x23 }) else {
      throw ValueProblem(
        "has characters that stand in no path",
        advice: "give a path of ASCII characters, without a query")
    }
    try StaticMountText.requirePath(path)
    return path
  }
}
