// Directory: opens files below a directory, and never one outside it. Edge.
internal import CLinux
internal import Glibc

/// An open directory below which files are opened by relative path.
///
/// The kernel keeps every step of the look-up below the directory (openat2(2), Linux 5.6), also
/// while somebody renames parts of the tree. Where openat2 is missing or forbidden by a sandbox,
/// the path is walked one name at a time without following any symbolic link.
///
/// The directory is the one that was opened: if its path is renamed or replaced, the old one stays
/// in use.
public struct Directory: ~Copyable {
  private let descriptor: FileDescriptor
  /// Whether openat2(2) is used; otherwise symbolic links are never followed.
  public let usesOpenat2: Bool

  /// Opens the directory at `path`, whose own symbolic links are followed.
  ///
  /// - Parameter allowsOpenat2: false walks the path name by name even where openat2(2) works.
  /// - Throws: openat's errno: ENOENT, ENOTDIR, EACCES and so on.
  public init(_ path: String, allowsOpenat2: Bool = true) throws(SystemCallError) {
    let number = unsafe path.withCString {
      unsafe clinux_open_name_at(AT_FDCWD, $0, clinux_open_directory_flags)
    }
    guard number >= 0 else { throw SystemCallError("openat", code: -number) }
    descriptor = FileDescriptor(owning: number)
    usesOpenat2 = allowsOpenat2 && Self.kernelHasOpenat2(number)
  }

  /// Opens a file for reading: close-on-exec, non-blocking. Directories can be opened too.
  ///
  /// `path` is relative and ends with a NUL. With `followsSymlinks`, links are followed as long as
  /// they are relative and stay below the directory. Allocates: never.
  ///
  /// - Throws: openat2's errno. ELOOP or ENOTDIR: a link that may not be followed. EXDEV: a path or
  ///   a link that leaves the directory. EAGAIN: the tree changed too often during the look-up.
  public borrowing func openFile(
    _ path: UnsafePointer<UInt8>, followsSymlinks: Bool
  ) throws(SystemCallError) -> FileDescriptor {
    let text = unsafe UnsafeRawPointer(path).assumingMemoryBound(to: CChar.self)
    guard usesOpenat2 else {
      let number = unsafe Self.walk(from: descriptor.number, text)
      guard number >= 0 else { throw SystemCallError("openat", code: -number) }
      return FileDescriptor(owning: number)
    }
    var resolve = UInt64(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
    if !followsSymlinks { resolve |= UInt64(RESOLVE_NO_SYMLINKS) }
    var attempts = 0
    while true {
      let number = unsafe clinux_openat2(
        descriptor.number, text, UInt64(clinux_open_file_flags), resolve)
      if number >= 0 { return FileDescriptor(owning: number) }
      attempts += 1
      // EAGAIN: a `..` in a link raced with a rename, and the kernel asks for another try.
      guard number == -EINTR || number == -EAGAIN, attempts < Self.maximumAttempts else {
        throw SystemCallError("openat2", code: -number)
      }
    }
  }

  private static let maximumAttempts = 16

  /// ENOSYS before Linux 5.6 and in some sandboxes; EPERM from seccomp filters that do not know it.
  private static func kernelHasOpenat2(_ directory: Int32) -> Bool {
    let number = unsafe clinux_openat2(
      directory, ".", UInt64(clinux_open_directory_flags), UInt64(RESOLVE_BENEATH))
    if number >= 0 { _ = close(number) }
    return number != -ENOSYS && number != -EPERM && number != -EINVAL && number != -E2BIG
  }

  /// Opens `path` one name at a time, refusing `..`, absolute paths and symbolic links.
  ///
  /// Returns a descriptor, or a negative errno.
  private static func walk(from directory: Int32, _ path: UnsafePointer<CChar>) -> Int32 {
    let slash = CChar(bitPattern: UInt8(ascii: "/"))
    let dot = CChar(bitPattern: UInt8(ascii: "."))
    guard unsafe path[0] != 0 else { return -ENOENT }
    guard unsafe path[0] != slash else { return -EXDEV }
    return unsafe withUnsafeTemporaryAllocation(
      of: CChar.self, capacity: Int(NAME_MAX) + 1
    ) { name in
      var current = directory
      var position = 0
      while true {
        var length = 0
        while unsafe path[position] != 0, unsafe path[position] != slash {
          guard length < Int(NAME_MAX) else {
            if current != directory { _ = close(current) }
            return -ENAMETOOLONG
          }
          unsafe name[length] = unsafe path[position]
          length += 1
          position += 1
        }
        unsafe name[length] = 0
        while unsafe path[position] == slash { position += 1 }
        let isLast = unsafe path[position] == 0
        let climbs = unsafe length == 2 && name[0] == dot && name[1] == dot
        let flags = isLast ? clinux_open_file_flags : clinux_open_directory_flags
        let next =
          climbs
          ? -EXDEV : unsafe clinux_open_name_at(current, name.baseAddress!, flags | O_NOFOLLOW)
        if current != directory { _ = close(current) }
        if isLast || next < 0 { return next }
        current = next
      }
    }
  }
}
