// LostRequest: a request that a process had in hand when it died, in words. Pure.

/// A request whose worker died before it answered.
public struct LostRequest: Equatable, Sendable {
  /// Its number in logs.
  public var id: UInt64
  /// Method and path: neither query nor fields, which hold secrets.
  public var what: String
  /// How long it ran, in milliseconds.
  public var ranMs: Int64

  /// - Parameter request: its request line as far as the scoreboard keeps it. The application can
  ///   write there, so it is not believed to be one.
  public init(id: UInt64, request: String, ranMs: Int64) {
    self.id = id
    what = Self.withoutSecrets(request)
    self.ranMs = max(0, ranMs)
  }

  /// `[00000000000000a1] GET /path after 0.3 s`.
  var text: String {
    let hex = String(id, radix: 16)
    let padding = String(repeating: "0", count: max(0, 16 - hex.utf8.count))
    return "[\(padding)\(hex)] \(what) after \(ranMs / 1000).\(ranMs / 100 % 10) s"
  }

  /// `GET /path` of `GET http://user@host/path?query HTTP/1.1`.
  private static func withoutSecrets(_ line: String) -> String {
    let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard words.count >= 2 else { return "a request" }
    var target = words[1].prefix { $0 != "?" && $0 != "#" }
    let isCut = words.count == 2 && target.count == words[1].count
    if !target.hasPrefix("/"), let colon = target.firstIndex(of: ":") {
      let rest = target[colon...]
      guard rest.hasPrefix("://") else { return String(words[0]) }
      let path = rest.dropFirst(3)
      target = path.firstIndex(of: "/").map { path[$0...] } ?? "/"
    }
    let text = String(words[0]) + " " + target + (isCut ? "…" : "")
    return String(text.map { $0.isNewline || $0.asciiValue.map { $0 < 0x20 } == true ? "?" : $0 })
  }
}
