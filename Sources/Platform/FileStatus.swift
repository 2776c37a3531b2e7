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

/// Why a file that was asked for by name could not be opened, as far as the asker has to care.
public enum FileFailure: Equatable, Sendable {
  /// There is no such file, or it is not allowed to be reached this way (a link, a device).
  case absent
  /// The permissions forbid it.
  case forbidden
  /// No descriptor or memory is left at the moment.
  case exhausted
  /// Anything else: a disk or network file system that fails.
  case broken

  /// Classifies an error of ``Directory/openFile(_:followsSymlinks:)`` or
  /// ``FileStatus/init(of:)``.
  public init(_ error: SystemCallError) {
    switch error.code {
    case ENOENT, ENOTDIR, ELOOP, EXDEV, ENAMETOOLONG, ENXIO, ENODEV, EISDIR: self = .absent
    case EACCES, EPERM: self = .forbidden
    case EMFILE, ENFILE, ENOMEM, EAGAIN, EINTR: self = .exhausted
    default: self = .broken
    }
  }
}
