// ApplicationReference: the APP of `plimsoll serve APP`. Pure.

/// What a person called the application.
public enum ApplicationReference: Equatable, Sendable {
  /// `package.module` or `package.module:callable`.
  case module(name: String, callable: String?)
  /// A Python file, or one with a `.wsgi` name; `callable` where it is named.
  case file(path: String, callable: String?)

  /// Reads `module`, `module:callable`, `path/to/file.wsgi`, `file.py:callable`.
  ///
  /// It is a file where it holds a slash, ends in `.py`, or ends in `.wsgi` and is no module's
  /// name. `mysite.wsgi` can be both, Django's module and a script: only the directory can tell.
  /// A callable may be an attribute of an attribute.
  /// - Throws: a sentence; exit code ``ExitCode/usage``.
  public init(parsing text: String) throws(UsageError) {
    guard !text.isEmpty else {
      throw UsageError("the application is empty; give module:callable or a path")
    }
    var target = text[...]
    var callable: String?
    if let colon = text.lastIndex(of: ":") {
      let name = text[text.index(after: colon)...]
      if Self.isDottedName(name) {
        target = text[..<colon]
        callable = String(name)
      } else if name.contains("("), !name.contains("/") {
        throw UsageError(
          "the application \"\(text)\" calls a function, which is not supported; write a file "
            + "with application = \(name) and serve that")
      } else if !name.contains("/"), !name.contains(".") {
        throw UsageError(
          "the application \"\(text)\" has \"\(name)\" after its colon, which is no name of "
            + "Python's; give module:callable, for example mysite.wsgi:application")
      }
    }
    let isDottedName = Self.isDottedName(target)
    if target.contains("/") || target.hasSuffix(".py")
      || (target.hasSuffix(".wsgi") && !isDottedName)
    {
      self = .file(path: String(target), callable: callable)
    } else if isDottedName {
      self = .module(name: String(target), callable: callable)
    } else {
      throw UsageError(
        "the application \"\(text)\" is neither a module nor a path; give module:callable, or a "
          + "path with a slash, for example ./\(target)")
    }
  }

  /// Whether `text` is names joined by dots: letters (of any language), digits, underscores.
  static func isDottedName(_ text: Substring) -> Bool {
    text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
      guard let first = part.unicodeScalars.first, !(first >= "0" && first <= "9") else {
        return false
      }
      return part.unicodeScalars.allSatisfy {
        $0 == "_" || ($0 >= "0" && $0 <= "9") || ($0 >= "a" && $0 <= "z")
          || ($0 >= "A" && $0 <= "Z") || ($0.value >= 0x80 && $0.properties.isXIDContinue)
      }
    }
  }
}
