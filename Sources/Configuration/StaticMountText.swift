// StaticMountText: the `/url=dir` of --static. Pure.
internal import Bytes

/// `/url=dir`: the URL ends at the first equals sign.
public enum StaticMountText {
  /// The two halves of a mount; the directory is empty where there is no equals sign.
  public static func split(_ text: String) -> (url: String, directory: String) {
    guard let sign = text.firstIndex(of: "=") else { return (text, "") }
    return (String(text[..<sign]), String(text[text.index(after: sign)...]))
  }

  /// `text` without the slashes at the end of its URL.
  ///
  /// - Parameter target: what stands at the URL, in a sentence.
  /// - Throws: the end of a sentence that begins with the value.
  static func parse(_ text: String, of target: String) throws(ValueProblem) -> String {
    guard text.hasPrefix("/") else { throw ValueProblem("does not begin with a slash") }
    var (url, directory) = split(text)
    guard !directory.isEmpty else { throw ValueProblem("names no \(target)") }
    while url.hasSuffix("/") { url.removeLast() }
    try requirePath(url)
    return "\(url.isEmpty ? "/" : url)=\(directory)"
  }

  /// - Throws: the end of a sentence, where no request for `url` would ever come through.
  static func requirePath(_ url: String) throws(ValueProblem) {
    guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x3F && $0 != 0x23 }) else {
      throw ValueProblem(
        "has characters in its URL that stand in no path", advice: "percent-encode them")
    }
    guard let path = decoded(url) else {
      throw ValueProblem(
        "has a % in its URL without two hexadecimal digits", advice: "write %25 for a percent sign")
    }
    guard
      path.allSatisfy({ $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\\") }),
      path.count(where: { $0 == UInt8(ascii: "/") }) == url.utf8.count(where: { $0 == 0x2F })
    else {
      throw ValueProblem(
        "has a backslash, a control character or an encoded slash in its URL",
        advice: "such paths are refused; choose another URL")
    }
    let segments = path.split(separator: 0x2F, omittingEmptySubsequences: false).dropFirst()
    guard
      segments.allSatisfy({
        !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
      })
    else { throw ValueProblem("has an empty, . or .. part in its URL") }
  }

  /// The bytes that paths are compared with; two mounts that share them exclude each other.
  static func path(of mount: String) -> [UInt8] {
    let url = split(mount).url
    return decoded(url) ?? Array(url.utf8)
  }

  /// `url` without escapes; nil where one is broken.
  private static func decoded(_ url: String) -> [UInt8]? {
    let text = Array(url.utf8)
    var bytes: [UInt8] = []
    var position = 0
    while position < text.count {
      guard text[position] == UInt8(ascii: "%") else {
        bytes.append(text[position])
        position += 1
        continue
      }
      guard position + 2 < text.count else { return nil }
      let high = ASCII.hexValue(text[position + 1])
      let low = ASCII.hexValue(text[position + 2])
      guard high >= 0, low >= 0 else { return nil }
      bytes.append(UInt8(high << 4 | low))
      position += 3
    }
    return bytes
  }
}
