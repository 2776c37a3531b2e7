// WarmRequest: a request that the mold answers before it is forked. Pure.

/// `PATH`, `METHOD PATH`, and after either any number of `; Name: value`.
///
/// A part between semicolons that does not begin with a field's name and a colon belongs to the
/// value before it, so that `Cookie: a=1; b=2` is one field.
public struct WarmRequest: Equatable, Sendable {
  /// GET unless another was named.
  public var method = "GET"
  /// Path and query, as in a request line.
  public var target: String
  /// Header fields, in order.
  public var fields: [Field] = []

  /// A header field.
  public struct Field: Equatable, Sendable {
    /// Its name, as written.
    public var name: String
    /// Its value, without blanks around it.
    public var value: String
  }

  /// Reads one that is known to be valid, as those of ``ServerSettings/warmRequests`` are; nil for
  /// anything else.
  public init?(_ text: String) {
    guard let request = try? WarmRequest(parsing: text) else { return nil }
    self = request
  }

  /// Reads one; the problem ends a sentence that begins with the text.
  init(parsing text: String) throws(ValueProblem) {
    let parts = text.split(separator: ";", omittingEmptySubsequences: false)
    let words = parts[0].split(separator: " ")
    guard words.count == 1 || words.count == 2, let last = words.last else {
      throw ValueProblem("is neither a path nor a method and a path")
    }
    guard last.hasPrefix("/"), last.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw ValueProblem(
        "has a path that does not begin with / or has characters that URLs write as %XX",
        advice: "write it as in --warm \"/shop/?page=1\"")
    }
    target = String(last)
    if words.count == 2 {
      guard Self.isToken(words[0]) else { throw ValueProblem("has no valid method") }
      method = String(words[0])
    }
    for part in parts.dropFirst() {
      if let field = Self.field(part) {
        fields.append(field)
      } else if fields.isEmpty {
        throw ValueProblem("has a field without a name", advice: "write `; Name: value`")
      } else {
        fields[fields.count - 1].value += ";" + part
      }
    }
  }

  /// Method, target, and name and value of each field.
  public var words: [String] { [method, target] + fields.flatMap { [$0.name, $0.value] } }

  private static func field(_ part: Substring) -> Field? {
    guard let colon = part.firstIndex(of: ":") else { return nil }
    let name = part[..<colon].drop { $0 == " " }
    guard isToken(name) else { return nil }
    let value = part[part.index(after: colon)...].drop { $0 == " " }
    return Field(name: String(name), value: String(value))
  }

  /// RFC 9110, section 5.6.2.
  private static func isToken(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
          || (0x61...0x7A).contains(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
      }
  }
}
