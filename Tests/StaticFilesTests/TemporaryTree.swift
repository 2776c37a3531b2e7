// TemporaryTree: a directory tree in the file system, removed at the end of a test. Edge.
import Glibc

/// A temporary directory with what a test puts into it.
final class TemporaryTree {
  let path: String

  init() {
    var template = Array("/tmp/plimsoll-static-XXXXXX".utf8CString)
    unsafe template.withUnsafeMutableBufferPointer { _ = unsafe mkdtemp($0.baseAddress!) }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit { Self.remove(path) }

  func directory(_ name: String) {
    precondition(unsafe mkdir("\(path)/\(name)", 0o755) == 0 || errno == EEXIST)
  }

  /// Writes a file last changed at `modified` seconds.
  func file(_ name: String, _ content: String, modified: Int = 1_700_000_000, nanoseconds: Int = 0)
  {
    let number = unsafe open("\(path)/\(name)", O_CREAT | O_WRONLY | O_TRUNC, 0o644)
    precondition(number >= 0, "cannot create \(name)")
    let bytes = Array(content.utf8)
    precondition(unsafe write(number, bytes, bytes.count) == bytes.count)
    let time = timespec(tv_sec: modified, tv_nsec: nanoseconds)
    unsafe futimens(number, [time, time])
    close(number)
  }

  func link(_ name: String, to target: String) {
    precondition(unsafe symlink(target, "\(path)/\(name)") == 0)
  }

  func fifo(_ name: String) { precondition(unsafe mkfifo("\(path)/\(name)", 0o644) == 0) }

  func rename(_ name: String, to other: String) {
    precondition(unsafe Glibc.rename("\(path)/\(name)", "\(path)/\(other)") == 0)
  }

  /// Takes all permissions from a file; the way to it stays open for everybody.
  func forbid(_ name: String) {
    precondition(unsafe chmod("\(path)/\(name)", 0) == 0 && chmod(path, 0o755) == 0)
  }

  /// Runs `body` without the superuser's right to read everything, on this thread only.
  static func asOrdinaryUser<Result>(_ body: () -> Result) -> Result {
    guard geteuid() == 0 else { return body() }
    // Swift's Glibc module does not have setfsuid(2).
    typealias SetUser = @convention(c) (UInt32) -> Int32
    let setUser = unsafe unsafeBitCast(dlsym(nil, "setfsuid"), to: SetUser.self)
    _ = setUser(65534)
    defer { _ = setUser(0) }
    return body()
  }

  func remove(_ name: String) { Self.remove("\(path)/\(name)") }

  private static func remove(_ path: String) {
    if unsafe unlink(path) == 0 { return }
    guard let directory = unsafe opendir(path) else { return }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    unsafe closedir(directory)
    for name in names { remove("\(path)/\(name)") }
    unsafe rmdir(path)
  }
}
