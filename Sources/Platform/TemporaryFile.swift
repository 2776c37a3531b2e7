// TemporaryFile: a file without a name, gone when it is closed. Edge.
internal import CLinux
internal import Glibc

/// An unnamed file (open(2), O_TMPFILE; where the file system has none, a named one that is
/// unlinked at once), appended to and read by position.
public final class TemporaryFile {
  private let descriptor: FileDescriptor

  /// The file's number, for calls that borrow it.
  public var number: Int32 { descriptor.number }

  /// Takes a file that another process made.
  public init(owning number: Int32) { descriptor = FileDescriptor(owning: number) }

  /// Makes a file in `directory`, readable by this user only.
  public init(directory: String) throws(SystemCallError) {
    var number = unsafe Glibc.open(directory, clinux_o_tmpfile() | O_RDWR | O_CLOEXEC, 0o600)
    if number < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL)
    {
      var template = Array("\(directory)/plimsoll-XXXXXX".utf8CString)
      number = unsafe template.withUnsafeMutableBufferPointer { name in
        let made = unsafe clinux_mkostemp(name.baseAddress!)
        if made >= 0 { _ = unsafe unlink(name.baseAddress!) }
        return made
      }
    }
    guard number >= 0 else { throw SystemCallError("open") }
    descriptor = FileDescriptor(owning: number)
  }

  /// Writes all of `bytes` at the end.
  public func append(_ bytes: UnsafeBufferPointer<UInt8>) throws(SystemCallError) {
    var done = 0
    while done < bytes.count {
      let wrote = unsafe Glibc.write(
        descriptor.number, bytes.baseAddress! + done, bytes.count - done)
      if wrote < 0 && errno == EINTR { continue }
      guard wrote > 0 else { throw SystemCallError("write") }
      done += wrote
    }
  }

  /// Reads at most `buffer.count` bytes at `offset`; 0 at the end, -1 on failure.
  public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int {
    while true {
      let got = unsafe pread(descriptor.number, buffer.baseAddress, buffer.count, off_t(offset))
      if got >= 0 || errno != EINTR { return got }
    }
  }
}
