// FileStatus: what fstat(2) says about an open file. Edge.
internal import CLinux
internal import Glibc

/// The parts of stat(3type) that decide whether and how a file is served.
public struct FileStatus: Equatable, Sendable {
  /// What kind of thing a descriptor refers to.
  public enum Kind: Equatable, Sendable {
    case regular, directory, other
  }

  /// The kind.
  public var kind: Kind
  /// Size in bytes.
  public var sizeBytes: Int64
  /// Time of the last change of the content: whole seconds since 1970.
  public var modifiedSeconds: Int64
  /// Rest of that time; 0...999,999,999.
  public var modifiedNanoseconds: Int64
  /// Inode number.
  public var inode: UInt64

  /// Asks about an open descriptor. Allocates: never.
  ///
  /// - Throws: fstat's errno; EIO and the like from network file systems.
  public init(of file: borrowing FileDescriptor) throws(SystemCallError) {
    var status = stat()
    guard unsafe fstat(file.number, &status) == 0 else { throw SystemCallError("fstat") }
    switch status.st_mode & S_IFMT {
    case S_IFREG: kind = .regular
    case S_IFDIR: kind = .directory
    default: kind = .other
    }
    sizeBytes = Int64(status.st_size)
    modifiedSeconds = Int64(status.st_mtim.tv_sec)
    modifiedNanoseconds = Int64(status.st_mtim.tv_nsec)
    inode = UInt64(status.st_ino)
  }
}
