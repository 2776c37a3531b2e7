// SmallFile: whole small files, mostly of /proc and /sys. Edge.
internal import CLinux
internal import Glibc

/// What stat(2) tells files apart by.
public struct FileIdentity: Hashable, Sendable {
  /// Device.
  public var device: UInt64
  /// Inode.
  public var inode: UInt64
  /// Size in bytes.
  public var size: Int64
  /// Nanoseconds since 1970 of the last modification.
  public var modifiedNs: Int64
}

/// Small files, read whole.
public enum SmallFile {
  /// The file's bytes; nil where it cannot be read. A longer file is cut at `mostBytes`.
  public static func bytes(_ path: String, mostBytes: Int) -> [UInt8]? {
    let number = unsafe clinux_open(path, O_RDONLY | O_CLOEXEC, 0)
    guard number >= 0 else { return nil }
    let descriptor = FileDescriptor(owning: number)
    return bytes(of: descriptor.number, mostBytes: mostBytes)
  }

  /// The file's bytes, all of them. Does not wait where it is a pipe.
  ///
  /// - Throws: EFBIG where there are more than `mostBytes`; EISDIR for a directory; what open(2)
  ///   and read(2) say.
  public static func whole(_ path: String, mostBytes: Int) throws(SystemCallError) -> [UInt8] {
    let number = unsafe clinux_open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0)
    guard number >= 0 else { throw SystemCallError("open") }
    let descriptor = FileDescriptor(owning: number)
    guard let bytes = bytes(of: descriptor.number, mostBytes: mostBytes + 1) else {
      throw SystemCallError("read")
    }
    guard bytes.count <= mostBytes else { throw SystemCallError("read", code: EFBIG) }
    return bytes
  }

  /// The bytes of an open file from its current position on.
  public static func bytes(of descriptor: Int32, mostBytes: Int) -> [UInt8]? {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while all.count < mostBytes {
      let got = unsafe read(descriptor, &chunk, min(chunk.count, mostBytes - all.count))
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { return nil }
      if got == 0 { break }
      all.append(contentsOf: chunk.prefix(got))
    }
    return all
  }

  /// The bytes of an open file from its start, wherever its position is: several processes share
  /// that. nil where it cannot be read.
  public static func allBytes(of descriptor: Int32, mostBytes: Int) -> [UInt8]? {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while all.count < mostBytes {
      let got = unsafe pread(
        descriptor, &chunk, min(chunk.count, mostBytes - all.count), off_t(all.count))
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { return nil }
      if got == 0 { break }
      all.append(contentsOf: chunk.prefix(got))
    }
    return all
  }

  /// The file as text.
  public static func text(_ path: String, mostBytes: Int) -> String? {
    guard let bytes = bytes(path, mostBytes: mostBytes) else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// stat(2), following links; nil where there is no such file.
  public static func identity(_ path: String) -> FileIdentity? {
    var info = stat()
    guard unsafe stat(path, &info) == 0 else { return nil }
    return FileIdentity(info)
  }

  /// Whether `path` is a directory itself, and no link to one.
  public static func isDirectory(_ path: String) -> Bool {
    var info = stat()
    return unsafe lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
  }

  /// The working directory; empty where it is gone.
  public static var currentDirectory: String { linkTarget("/proc/self/cwd") ?? "" }

  /// The entries of a directory without `.` and `..`; empty where it cannot be read.
  public static func entries(_ directory: String) -> [String] {
    guard let stream = unsafe opendir(directory) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// What a symbolic link says; nil where it is none.
  public static func linkTarget(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = unsafe buffer.withUnsafeMutableBytes {
      unsafe readlink(path, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    guard count > 0 else { return nil }
    return String(decoding: buffer.prefix(count), as: UTF8.self)
  }

  /// Opens a log for appending, creates it with mode 0644 less the umask.
  public static func openLog(_ path: String) throws(SystemCallError) -> FileDescriptor {
    let number = unsafe clinux_open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
    guard number >= 0 else { throw SystemCallError("open") }
    return FileDescriptor(owning: number)
  }

  /// write(2), for a few bytes.
  public static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int {
    unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
  }

  /// Writes a line of text with write(2); what is not taken at once is lost.
  public static func writeLine(_ text: String, to descriptor: Int32) {
    let bytes = Array("\(text)\n".utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write($0, to: descriptor) }
  }

  /// unlink(2).
  public static func remove(_ path: String) { _ = unsafe unlink(path) }
}

extension FileIdentity {
  init(_ info: stat) {
    device = UInt64(info.st_dev)
    inode = UInt64(info.st_ino)
    size = Int64(info.st_size)
    modifiedNs = Int64(info.st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(info.st_mtim.tv_nsec)
  }
}

extension FileDescriptor {
  /// Makes this descriptor's file also `number` (dup2(2)), which exec keeps open.
  public borrowing func install(as number: Int32) throws(SystemCallError) {
    guard dup2(self.number, number) >= 0 else { throw SystemCallError("dup2") }
  }

  /// Whether a new program started by exec keeps `number`.
  public static func setKeptByExec(_ number: Int32, _ kept: Bool) throws(SystemCallError) {
    guard clinux_fcntl(number, F_SETFD, kept ? 0 : FD_CLOEXEC) >= 0 else {
      throw SystemCallError("fcntl")
    }
  }

  /// A descriptor from a pipe2(2) pair, both close-on-exec: `(read, write)`, owned by the caller.
  public static func pipe() throws(SystemCallError) -> (read: Int32, write: Int32) {
    var numbers: (Int32, Int32) = (-1, -1)
    guard unsafe clinux_pipe(&numbers.0, &numbers.1) == 0 else { throw SystemCallError("pipe2") }
    return (numbers.0, numbers.1)
  }
}
