// PidFile: the file that says which process serves. Edge.
internal import CLinux
internal import Glibc

/// Why a pid file could not be taken.
public enum PidFileError: Error, Equatable {
  /// A live process of ours holds it.
  case held(by: Int32)
  /// Something is there that no server wrote; it is left as it is.
  case notOurs
  /// The file cannot be written.
  case notWritable(SystemCallError)
}

/// A pid file of this process; removed when its owner goes, if it still names this process.
public struct PidFile: ~Copyable {
  /// Where it is.
  public let path: String

  /// Writes this process's pid, atomically: to a temporary file next to it, then rename(2).
  ///
  /// A file left behind by a dead process, or by one that is not called plimsoll, is replaced; one
  /// that holds anything but a number is not.
  public init(_ path: String) throws(PidFileError) {
    if let holder = Self.holder(path), holder != getpid(), Self.isAlive(holder) {
      throw .held(by: holder)
    }
    if let text = SmallFile.text(path, mostBytes: 32), Self.holder(path) == nil,
      !text.allSatisfy(\.isWhitespace)
    {
      throw .notOurs
    }
    let temporary = "\(path).\(getpid())"
    let file = try Self.create(temporary)
    let text = Array("\(getpid())\n".utf8)
    guard unsafe write(file.number, text, text.count) == text.count else {
      let error = SystemCallError("write")
      SmallFile.remove(temporary)
      throw .notWritable(error)
    }
    guard unsafe rename(temporary, path) == 0 else {
      let error = SystemCallError("rename")
      SmallFile.remove(temporary)
      throw .notWritable(error)
    }
    self.path = path
  }

  /// Makes a new file, and never opens one that is there: the directory may be another user's, who
  /// put a link to a file of ours in its place.
  private static func create(_ path: String) throws(PidFileError) -> FileDescriptor {
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    for isLast in [false, true] {
      let number = unsafe clinux_open(path, flags, 0o644)
      if number >= 0 { return FileDescriptor(owning: number) }
      if isLast || errno != EEXIST { break }
      SmallFile.remove(path)
    }
    throw .notWritable(SystemCallError("open"))
  }

  deinit { Self.remove(path) }

  /// Removes a pid file if it names this process.
  public static func remove(_ path: String) {
    if Self.holder(path) == getpid() { SmallFile.remove(path) }
  }

  /// The pid in the file; nil where there is no file or no number in it.
  static func holder(_ path: String) -> Int32? {
    guard let text = SmallFile.text(path, mostBytes: 32) else { return nil }
    let digits = text.prefix { $0.isNumber }
    guard let pid = Int32(digits), pid > 0 else { return nil }
    return pid
  }

  /// Whether `pid` runs and is one of ours by its short name or command line: pids are used again.
  static func isAlive(_ pid: Int32) -> Bool {
    guard let name = SmallFile.text("/proc/\(pid)/comm", mostBytes: 64) else { return false }
    return name.hasPrefix("plimsoll")
  }
}
