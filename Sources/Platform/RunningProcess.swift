// RunningProcess: another process that is asked, signalled and waited for. Edge.
internal import CLinux
internal import Glibc

/// A process of somebody, held by a pidfd (pidfd_open(2), Linux 5.3): its number may be given to
/// another process after its end, but this never means that one.
public struct RunningProcess: ~Copyable {
  /// Its process id.
  public let pid: Int32
  private let descriptor: FileDescriptor

  /// Takes hold of the process `pid`; nil where none runs. One that ended, but that its parent did
  /// not ask about, does not run any more.
  ///
  /// - Throws: where the kernel does not give a pidfd.
  public static func hold(_ pid: Int32) throws(SystemCallError) -> RunningProcess? {
    guard pid > 0 else { return nil }
    let number = clinux_pidfd_open(pid)
    guard number >= 0 else {
      // EINVAL: the number is one of a thread, not of a process.
      if number == -ESRCH || number == -EINVAL { return nil }
      throw SystemCallError("pidfd_open", code: -number)
    }
    let process = RunningProcess(pid: pid, descriptor: FileDescriptor(owning: number))
    if process.waitForEnd(timeoutMs: 0) { return nil }
    return process
  }

  private init(pid: Int32, descriptor: consuming FileDescriptor) {
    self.pid = pid
    self.descriptor = descriptor
  }

  /// Waits until it ended, or `timeoutMs` passed.
  ///
  /// - Returns: whether it ended.
  public borrowing func waitForEnd(timeoutMs: Int64) -> Bool {
    Process.waitReadable([descriptor.number], timeoutMs: timeoutMs)[0]
  }

  /// Sends a signal; 0 only asks whether that is allowed.
  ///
  /// - Throws: EPERM where this user may not, ESRCH where the process is gone.
  public borrowing func send(_ signal: Int32) throws(SystemCallError) {
    let result = clinux_pidfd_send_signal(descriptor.number, signal)
    guard result == 0 else { throw SystemCallError("pidfd_send_signal", code: -result) }
  }

  /// Sends a signal with a number, which ``SignalDescriptor/next()`` gives to the receiver.
  ///
  /// - Throws: EPERM where this user may not, ESRCH where the process is gone, EAGAIN where too
  ///   many wait for it.
  public borrowing func send(_ signal: Int32, value: Int32) throws(SystemCallError) {
    let result = clinux_pidfd_queue_signal(descriptor.number, signal, value)
    guard result == 0 else { throw SystemCallError("pidfd_send_signal", code: -result) }
  }

  // MARK: what /proc says

  /// Every process that is visible, in ascending order.
  public static var all: [Int32] { SmallFile.entries("/proc").compactMap { Int32($0) }.sorted() }

  /// What ps shows for a process: its arguments, joined by spaces; empty where it has none or is
  /// gone.
  public static func title(of pid: Int32) -> String {
    let bytes = SmallFile.bytes("/proc/\(pid)/cmdline", mostBytes: 4096) ?? []
    var text = String(decoding: bytes.map { $0 == 0 ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
    while text.hasSuffix(" ") { text.removeLast() }
    return text
  }

  /// The parent of a process; nil where it is gone.
  public static func parent(of pid: Int32) -> Int32? {
    let text = SmallFile.text("/proc/\(pid)/status", mostBytes: 4096) ?? ""
    for line in text.split(separator: "\n") where line.hasPrefix("PPid:") {
      return line.split(separator: "\t").last.flatMap { Int32($0) }
    }
    return nil
  }

  /// Opens every memfd of a process whose name is `name`, for reading, and gives each to `body`,
  /// which may map it; it is closed afterwards.
  ///
  /// - Throws: EACCES or EPERM where this user may not look into the process, and what `body`
  ///   throws.
  /// - Returns: what `body` made of them, in the order of their descriptors as text.
  public static func mapMemoryFiles<Mapped>(
    _ name: String, of pid: Int32, _ body: (Int32) throws(SystemCallError) -> Mapped
  ) throws(SystemCallError) -> [Mapped] {
    let directory = "/proc/\(pid)/fd"
    let reading = unsafe access(directory, R_OK)
    if reading != 0 { throw SystemCallError("access") }
    var found: [Mapped] = []
    for entry in SmallFile.entries(directory).sorted() {
      let path = "\(directory)/\(entry)"
      guard let link = SmallFile.linkTarget(path), isMemoryFile(link, name) else { continue }
      let number = unsafe clinux_open(path, O_RDONLY | O_CLOEXEC, 0)
      guard number >= 0 else { throw SystemCallError("open") }
      let file = FileDescriptor(owning: number)
      found.append(try body(file.number))
    }
    return found
  }

  /// Whether a link of /proc/PID/fd is that of a memfd called `name`; the kernel adds ` (deleted)`.
  static func isMemoryFile(_ link: String, _ name: String) -> Bool {
    link == "/memfd:\(name)" || link.hasPrefix("/memfd:\(name) ")
  }
}
