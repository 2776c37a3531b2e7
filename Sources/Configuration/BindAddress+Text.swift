// BindAddress+Text: addresses as people write them after --bind. Pure.

extension BindAddress: CustomStringConvertible {
  /// Permission bits of a Unix socket unless `?mode=` says otherwise: its user and its group. A
  /// front server of another user joins the group; a world-writable socket would let every local
  /// user past the front.
  public static let defaultUnixMode: UInt32 = 0o660

  /// Reads `host:port`, `*:port`, `:port`, `port`, `[ipv6]:port`, each also behind `tcp://`, and
  /// `unix:PATH`, `unix:PATH?mode=0660`, `fd://N`.
  ///
  /// A port alone means all IPv4 addresses, as in Apache's `Listen` and in gunicorn.
  /// - Throws: the end of a sentence that begins with the address.
  init(parsing text: String) throws(ValueProblem) {
    if text.hasPrefix("unix:") {
      self = try Self.parseUnix(text.dropFirst(5))
    } else if text.hasPrefix("fd://") {
      guard let number = digits(text.dropFirst(5)), (0...1_048_575).contains(number) else {
        throw ValueProblem("does not name a descriptor", advice: "write for example fd://3")
      }
      self = .inherited(Int32(number))
    } else if text.hasPrefix("http://") || text.hasPrefix("https://") {
      throw ValueProblem("is a URL", advice: "give host and port alone, such as 127.0.0.1:8000")
    } else if text.contains(",") {
      throw ValueProblem(
        "holds a comma, and an address has none", advice: "repeat --bind for each address")
    } else {
      self = try Self.parseInternet(text.hasPrefix("tcp://") ? text.dropFirst(6) : text[...])
    }
  }

  private static func parseUnix(_ text: Substring) throws(ValueProblem) -> BindAddress {
    var path = text.hasPrefix("//") ? text.dropFirst(2) : text
    var mode = defaultUnixMode
    if let mark = path.lastRange(of: "?mode=") {
      guard let given = octalDigits(path[mark.upperBound...]), given <= 0o777 else {
        throw ValueProblem(
          "has a mode that is not octal from 0 to 0777", advice: "write ?mode=0660")
      }
      mode = given
      path = path[..<mark.lowerBound]
    }
    guard !path.contains("?") else {
      throw ValueProblem(
        "has an unknown parameter after its question mark",
        advice: "only one is known; write ?mode=0660")
    }
    guard !path.isEmpty, path != "/" else {
      throw ValueProblem("has no path", advice: "write for example unix:/run/site.sock")
    }
    guard !path.hasPrefix("@") else {
      throw ValueProblem("is an abstract socket, which has no permissions", advice: "give a path")
    }
    guard path.utf8.count <= 107 else {
      throw ValueProblem(
        "has a path of \(path.utf8.count) bytes", advice: "give one of at most 107 bytes (unix(7))")
    }
    return .unix(path: String(path), mode: mode)
  }

  private static func parseInternet(_ text: Substring) throws(ValueProblem) -> BindAddress {
    var host = Substring("0.0.0.0")
    var port = text
    if text.hasPrefix("[") {
      guard let end = text.lastIndex(of: "]"), text[text.index(after: end)...].hasPrefix(":") else {
        throw ValueProblem("is not [address]:port", advice: "write for example [::1]:8000")
      }
      host = text[text.index(after: text.startIndex)..<end]
      port = text[end...].dropFirst(2)
      guard host.contains(":"), host.utf8.allSatisfy(isAddressByte) else {
        throw ValueProblem(
          "has no IPv6 address in its brackets", advice: "write for example [::1]:8000")
      }
    } else if let colon = text.lastIndex(of: ":") {
      let before = text[..<colon]
      guard !before.contains(":") else {
        throw ValueProblem(
          "is an IPv6 address without brackets", advice: "write for example [::1]:8000")
      }
      if !before.isEmpty && before != "*" { host = before }
      port = text[text.index(after: colon)...]
      guard host.utf8.allSatisfy(isAddressByte) else {
        throw ValueProblem("has a host with characters that no name or address has")
      }
    } else if digits(text) == nil {
      throw ValueProblem("has no port; write for example \(text.isEmpty ? "127.0.0.1" : text):8000")
    }
    guard let number = digits(port), number <= 65_535 else {
      throw ValueProblem("has a port that is not a number from 0 to 65535")
    }
    return .internet(host: String(host), port: UInt16(number))
  }

  /// Whether both cannot be listened on at once. Port 0 is another free port each time.
  func isSamePlace(as other: BindAddress) -> Bool {
    switch (self, other) {
    case (.internet(_, 0), _): false
    case (.unix(let path, _), .unix(let otherPath, _)): path == otherPath
    default: self == other
    }
  }

  private static func isAddressByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
      UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "%"):
      true
    default: false
    }
  }

  /// The address as `--bind` takes it, complete and unambiguous.
  public var description: String {
    switch self {
    case .internet(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path, let mode): "unix:\(path)?mode=\(octalText(mode))"
    case .inherited(let number): "fd://\(number)"
    }
  }
}

extension Substring {
  /// The last place where `needle` stands.
  fileprivate func lastRange(of needle: String) -> Range<Index>? {
    var start = endIndex
    while start > startIndex {
      start = index(before: start)
      if self[start...].hasPrefix(needle) {
        return start..<index(start, offsetBy: needle.count)
      }
    }
    return nil
  }
}
