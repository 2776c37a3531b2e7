// StaticPath: turns the path of a request into a path below a directory. Pure.
internal import Bytes

/// The path of one file, relative to its mount's directory, in memory that is used again for each
/// request.
///
/// Decoding is strict instead of clever. What a client has no honest reason to send is refused
/// before the file system sees it, so nothing depends on who resolves `..` in which order:
///
/// - Escapes are decoded once. A broken one, and NUL: ``Outcome/malformed``.
/// - An escaped slash, a backslash and control bytes: ``Outcome/absent``.
/// - A name that starts with a dot (so also `.` and `..`), except `.well-known`: absent.
/// - Empty names (`//`) are dropped, as httpd and nginx do.
/// - Paths of more than 4095 bytes: absent, since Linux can name no such file.
@safe struct StaticPath: ~Copyable {
  /// What a path asks for.
  enum Outcome: Equatable {
    /// A file, or a directory whose slash is missing.
    case file
    /// A directory: the path ends with a slash.
    case directory
    /// 400.
    case malformed
    /// 404.
    case absent
  }

  /// PATH_MAX of Linux, which counts the NUL.
  private static var limitBytes: Int { 4096 }
  /// Room for what is appended: `index.html`, `.gz`.
  private static var spareBytes: Int { 16 }

  /// The bytes and a NUL, for system calls; valid until the next change.
  let bytes: UnsafeMutablePointer<UInt8>
  /// Bytes of the path, without the NUL.
  private(set) var count = 0

  init() {
    unsafe bytes = .allocate(capacity: Self.limitBytes + Self.spareBytes)
    unsafe bytes.initialize(repeating: 0, count: Self.limitBytes + Self.spareBytes)
  }

  deinit { unsafe bytes.deallocate() }

  /// Decodes `path`, the first `prefixCount` decoded bytes of which are the mount's prefix.
  ///
  /// Allocates: never.
  mutating func decode(_ path: Span<UInt8>, prefixCount: Int) -> Outcome {
    clear()
    var position = 0
    var decodedCount = 0
    var lastIsSlash = false
    while position < path.count {
      var byte = path[position]
      let isEscape = byte == UInt8(ascii: "%")
      if isEscape {
        guard let value = Self.escape(in: path, at: position) else { return .malformed }
        byte = value
      }
      position += isEscape ? 3 : 1
      if byte == 0 { return .malformed }
      let isSlash = byte == UInt8(ascii: "/")
      if byte < 0x20 || byte == 0x7F || byte == UInt8(ascii: "\\") || (isSlash && isEscape) {
        return .absent
      }
      decodedCount += 1
      guard decodedCount > prefixCount else { continue }
      lastIsSlash = isSlash
      if unsafe isSlash && (count == 0 || bytes[count - 1] == byte) { continue }
      guard count < Self.limitBytes - 1 else { return .absent }
      unsafe bytes[count] = byte
      count += 1
    }
    unsafe bytes[count] = 0
    guard namesAreVisible() else { return .absent }
    return lastIsSlash ? .directory : .file
  }

  /// Appends a literal of at most 16 bytes in all. Allocates: never.
  mutating func append(_ suffix: StaticString) {
    precondition(count + suffix.utf8CodeUnitCount < Self.limitBytes + Self.spareBytes)
    unsafe (bytes + count).update(from: suffix.utf8Start, count: suffix.utf8CodeUnitCount)
    truncate(to: count + suffix.utf8CodeUnitCount)
  }

  /// Forgets what follows the first `count` bytes.
  mutating func truncate(to count: Int) {
    precondition(count >= 0 && count < Self.limitBytes + Self.spareBytes)
    self.count = count
    unsafe bytes[count] = 0
  }

  /// The bytes of the path; valid until the next change.
  var written: UnsafeBufferPointer<UInt8> {
    unsafe UnsafeBufferPointer(start: bytes, count: count)
  }

  /// The path as text, for the error log.
  borrowing func text() -> String {
    unsafe String(decoding: written, as: UTF8.self)
  }

  /// The byte that the escape at `position` stands for; nil where it is broken.
  static func escape(in path: Span<UInt8>, at position: Int) -> UInt8? {
    guard position + 2 < path.count else { return nil }
    let high = ASCII.hexValue(path[position + 1])
    let low = ASCII.hexValue(path[position + 2])
    return high < 0 || low < 0 ? nil : UInt8(high << 4 | low)
  }

  private mutating func clear() {
    count = 0
    unsafe bytes[0] = 0
  }

  /// Whether no name starts with a dot, except `.well-known` (RFC 8615).
  private borrowing func namesAreVisible() -> Bool {
    let slash = UInt8(ascii: "/")
    var start = 0
    while start < count {
      var end = start
      while end < count, unsafe bytes[end] != slash { end += 1 }
      if unsafe bytes[start] == UInt8(ascii: "."), !isWellKnown(start..<end) { return false }
      start = end + 1
    }
    return true
  }

  private borrowing func isWellKnown(_ range: Range<Int>) -> Bool {
    let name: StaticString = ".well-known"
    guard range.count == name.utf8CodeUnitCount else { return false }
    for index in 0..<range.count
    where unsafe bytes[range.lowerBound + index] != name.utf8Start[index] {
      return false
    }
    return true
  }
}
