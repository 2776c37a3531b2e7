// Terminal: text to the person who typed the command. Edge.
internal import Glibc

/// Standard output and standard error, written without buffers.
enum Terminal {
  /// Writes to standard output, as it is.
  static func print(_ text: String) {
    write(Array(text.utf8), to: 1)
  }

  /// Writes a line to standard error. Control bytes of what somebody typed are made visible, so
  /// that they cannot drive the terminal.
  static func complain(_ text: String) {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if (byte < 0x20 && byte != 0x0A) || byte == 0x7F {
        bytes += "\\x\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8
      } else {
        bytes.append(byte)
      }
    }
    if bytes.last != 0x0A { bytes.append(0x0A) }
    write(bytes, to: 2)
  }

  /// Writes all of `bytes`; false where that fails.
  @discardableResult
  static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes[written...].withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return false }
      written += count
    }
    return true
  }
}
