// PercentDecoding: %41 becomes A. Pure.
public import Bytes

/// Decodes escapes of a URL (RFC 3986, section 2.1), as PATH_INFO needs it (RFC 3875, section
/// 4.1.5).
public enum PercentDecoding {
  /// Appends `bytes` with each `%` and two hexadecimal digits replaced by the byte they stand for.
  ///
  /// A `%` that no two digits follow stays as it is; a `+` is a plus. Never more bytes than came
  /// in; what does not fit sets ``ByteWriter/overflowed``. Allocates: never.
  public static func decode(_ bytes: UnsafeBufferPointer<UInt8>, into writer: inout ByteWriter) {
    let span = unsafe bytes.span
    var start = 0
    while true {
      // Runs without an escape, most often the whole path, are copied at once.
      let percent = span.firstIndex(of: UInt8(ascii: "%"), from: start, to: span.count)
      unsafe writer.append(copying: UnsafeBufferPointer(rebasing: bytes[start..<percent]))
      guard percent < span.count else { return }
      start = percent &+ 1
      if percent &+ 2 < span.count {
        let high = ASCII.hexValue(span[percent &+ 1])
        let low = ASCII.hexValue(span[percent &+ 2])
        if high >= 0 && low >= 0 {
          writer.append(UInt8(truncatingIfNeeded: high &<< 4 | low))
          start = percent &+ 3
          continue
        }
      }
      writer.append(UInt8(ascii: "%"))
    }
  }
}
