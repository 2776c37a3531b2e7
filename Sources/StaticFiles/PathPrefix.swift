// PathPrefix: whether a path stands below the URL of a mount. Pure.

/// The URL of a mount, in the form in which paths are compared with it: bytes without escapes,
/// empty for the whole site.
///
/// Mounts of directories and of applications are compared alike, so that the longest of them wins.
public enum PathPrefix {
  /// How many bytes of `path`, percent-encoded, are the prefix; -1 where the path is neither
  /// `prefix` nor continues it after a slash.
  ///
  /// An application cannot tell `%2F` from a slash (WSGI decodes both), so neither must a mount:
  /// what it shadows has to stay shadowed in every spelling. Allocates: never.
  @inline(__always)
  public static func covered(
    by prefix: UnsafeBufferPointer<UInt8>, _ path: Span<UInt8>
  ) -> Int {
    var position = 0
    for index in 0..<prefix.count {
      guard position < path.count else { return -1 }
      let byte = path[position]
      if byte == UInt8(ascii: "%") {
        guard unsafe StaticPath.escape(in: path, at: position) == prefix[index] else { return -1 }
        position += 3
      } else {
        guard unsafe byte == prefix[index] else { return -1 }
        position += 1
      }
    }
    guard position < path.count, path[position] != UInt8(ascii: "/") else { return position }
    return path[position] == UInt8(ascii: "%")
      && StaticPath.escape(in: path, at: position) == UInt8(ascii: "/") ? position : -1
  }

  /// The bytes of a prefix without escapes, empty for `/`; nil where no path can start with it.
  public static func decode(_ prefix: String) -> [UInt8]? {
    if prefix == "/" { return [] }
    let text = Array(prefix.utf8)
    guard text.first == UInt8(ascii: "/"), text.last != UInt8(ascii: "/") else { return nil }
    var bytes: [UInt8] = []
    var position = 0
    while position < text.count {
      var byte = text[position]
      let isEscape = byte == UInt8(ascii: "%")
      if isEscape {
        guard let value = StaticPath.escape(in: text.span, at: position) else { return nil }
        byte = value
      }
      position += isEscape ? 3 : 1
      let isSlash = byte == UInt8(ascii: "/")
      guard byte >= 0x20, byte != 0x7F, byte != UInt8(ascii: "\\"), !(isSlash && isEscape) else {
        return nil
      }
      bytes.append(byte)
    }
    let names = bytes.dropFirst().split(
      separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    for name in names
    where name.isEmpty || name.elementsEqual(".".utf8)
      || name.elementsEqual("..".utf8)
    {
      return nil
    }
    return bytes
  }
}
