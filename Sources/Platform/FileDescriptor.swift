// FileDescriptor: a descriptor that is owned once and closed once. Edge.
internal import CLinux
internal import Glibc

/// An open file descriptor, closed when its owner goes.
public struct FileDescriptor: ~Copyable {
  /// The descriptor's number, for calls that borrow it.
  public let number: Int32

  /// Takes ownership of an open descriptor.
  public init(owning number: Int32) {
    precondition(number >= 0)
    self.number = number
  }

  deinit { _ = Glibc.close(number) }

  /// Gives ownership away; the caller closes the number.
  public consuming func release() -> Int32 {
    let number = self.number
    discard self
    return number
  }

  /// write(2) until all of `bytes` is written, or until the first error: for logs.
  ///
  /// - Returns: the error, if there was one; what was not written is lost.
  public borrowing func writeAll(_ bytes: UnsafeBufferPointer<UInt8>) -> SystemCallError? {
    var done = 0
    while done < bytes.count {
      let wrote = unsafe Glibc.write(number, bytes.baseAddress! + done, bytes.count - done)
      if wrote < 0 && errno == EINTR { continue }
      guard wrote > 0 else { return SystemCallError("write") }
      done += wrote
    }
    return nil
  }

  /// A copy (close-on-exec) of a descriptor that somebody else owns.
  public static func duplicate(of number: Int32) throws(SystemCallError) -> FileDescriptor {
    let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
    guard copy >= 0 else { throw SystemCallError("fcntl") }
    return FileDescriptor(owning: copy)
  }
}
