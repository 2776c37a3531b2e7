// ApplicationSpec: what the user typed for APP, taken apart. Pure.

/// `module`, `module:callable`, `path/to/file.wsgi` or `file.py:callable`.
struct ApplicationSpec: Equatable {
  /// Where the callable lives.
  enum Place: Equatable {
    /// A dotted module name.
    case module(String)
    /// A file, as typed.
    case file(String)
  }

  /// Module or file.
  var place: Place
  /// Dotted name of the callable; nil: `application`, then `app`.
  var callable: String?

  /// Takes `text` apart; nil where no form fits.
  ///
  /// It is a file where it has a slash or ends in `.py` or `.wsgi`; the callable stands behind the
  /// last colon.
  init?(_ text: String) {
    var place = text[...]
    var callable: String?
    if let colon = text.lastIndex(of: ":") {
      place = text[..<colon]
      let name = String(text[text.index(after: colon)...])
      guard name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(Self.isName)
      else { return nil }
      callable = name
    }
    guard !place.isEmpty else { return nil }
    self.callable = callable
    if place.contains("/") || place.hasSuffix(".py") || place.hasSuffix(".wsgi") {
      self.place = .file(String(place))
    } else {
      guard place.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(Self.isName)
      else { return nil }
      self.place = .module(String(place))
    }
  }

  /// Whether Python could use `name` as an identifier; letters outside ASCII are let through.
  static func isName(_ name: Substring) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return name.utf8.allSatisfy { byte in
      byte == 0x5F || byte >= 0x80 || (0x30...0x39).contains(byte)
        || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
  }
}
