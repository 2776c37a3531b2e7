// Process: fork, exec, wait, and what a process is called. Edge.
internal import CLinux
internal import Glibc

/// How a process ended.
public enum ExitStatus: Equatable, Sendable {
  /// It exited with this code.
  case exited(code: Int32)
  /// A signal killed it.
  case signalled(signal: Int32, dumpedCore: Bool)

  /// The status that wait(2) gave.
  init(waitStatus: Int32) {
    var value: Int32 = 0
    if unsafe clinux_wait_kind(waitStatus, &value) == 1 {
      self = .exited(code: value)
    } else {
      self = .signalled(signal: value & 255, dumpedCore: value & 256 != 0)
    }
  }
}

/// The calling process and its children.
public enum Process {
  /// getpid(2).
  public static var id: Int32 { getpid() }

  /// fork(2), with all that the C library does around it. The caller has one thread.
  ///
  /// - Returns: 0 in the child, its pid in the parent.
  public static func fork() throws(SystemCallError) -> Int32 {
    let pid = clinux_fork()
    guard pid >= 0 else { throw SystemCallError("fork") }
    return pid
  }

  /// Forks a child whose parent is whoever adopts this process's orphans, ``adoptOrphans()``. The
  /// caller has one thread; it goes on when the child is an orphan.
  ///
  /// - Returns: 0 in the child, its pid in the caller.
  public static func forkOrphan() throws(SystemCallError) -> Int32 {
    let pid = clinux_fork_orphan()
    guard pid >= 0 else { throw SystemCallError("fork") }
    return pid
  }

  /// execv(3): returns only where it failed.
  public static func execute(_ path: String, arguments: [String]) -> SystemCallError {
    var pointers: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    unsafe execv(path, pointers)
    let error = SystemCallError("execv")
    for index in unsafe pointers.indices { unsafe free(pointers[index]) }
    return error
  }

  /// The path that execve(2) was given for this program (getauxval(3), AT_EXECFN), relative to the
  /// directory that it was started in; symbolic links are kept. nil where it is not known.
  public static var programPath: String? {
    guard let path = unsafe clinux_program_path() else { return nil }
    return unsafe String(cString: path)
  }

  /// Ends the process at once: no exit handlers, no buffers written.
  public static func exitAtOnce(_ code: Int32) -> Never { _exit(code) }

  /// The next child that ended, if one did.
  public static func reap() -> (pid: Int32, status: ExitStatus)? {
    var status: Int32 = 0
    while true {
      let pid = unsafe waitpid(-1, &status, WNOHANG)
      if pid < 0 && errno == EINTR { continue }
      return pid > 0 ? (pid, ExitStatus(waitStatus: status)) : nil
    }
  }

  /// Whether `pid` is a child of this process, running or ended but not reaped.
  public static func isChild(_ pid: Int32) -> Bool { clinux_is_child(pid) == 1 }

  /// Waits for one child.
  public static func wait(for pid: Int32) {
    var status: Int32 = 0
    while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
  }

  /// Makes this process the parent of orphans among its descendants (PR_SET_CHILD_SUBREAPER).
  public static func adoptOrphans() throws(SystemCallError) {
    guard clinux_prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 else { throw SystemCallError("prctl") }
  }

  /// Gives free pages of the heap back to the kernel (malloc_trim(3)).
  public static func trimHeap() { clinux_trim_heap() }

  /// Bytes at the end of the heap that were never given out (mallinfo(3), keepcost).
  public static var heapEndBytes: Int { clinux_heap_end_bytes() }

  /// Sets one variable of the environment; nil takes it away.
  public static func setEnvironment(_ name: String, _ value: String?) {
    if let value {
      unsafe setenv(name, value, 1)
    } else {
      unsafe unsetenv(name)
    }
  }

  /// One variable of the environment; nil where it is not set.
  public static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }

  /// chdir(2).
  public static func changeDirectory(_ path: String) throws(SystemCallError) {
    guard unsafe chdir(path) == 0 else { throw SystemCallError("chdir") }
  }

  /// umask(2).
  public static func setFileMask(_ mask: Int32) { _ = umask(mode_t(mask)) }

  /// Waits until one of `descriptors` is readable (or closed by the other side), or `timeoutMs`
  /// passed; -1 waits without end.
  ///
  /// - Returns: for each descriptor whether it is readable.
  public static func waitReadable(_ descriptors: [Int32], timeoutMs: Int64) -> [Bool] {
    var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    let limit = Int32(clamping: timeoutMs)
    let ready = unsafe poll(&polled, nfds_t(polled.count), limit)
    guard ready > 0 else { return descriptors.map { _ in false } }
    return polled.map { $0.revents != 0 }
  }

  /// What a wait for room came to.
  public enum Writability: Equatable, Sendable {
    /// Bytes may be taken now.
    case writable
    /// The other side is closed.
    case closed
  }

  /// Waits until `descriptor` takes bytes or is closed by the other side.
  public static func waitWritable(_ descriptor: Int32) -> Writability {
    var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    _ = unsafe poll(&polled, 1, -1)
    return polled.revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0 ? .closed : .writable
  }
}

/// The name that ps and top show for this process.
public enum ProcessTitle {
  /// Writes `title` over the memory of the program's arguments, and sets the thread's short name.
  ///
  /// Nothing may use the original arguments any more. A title that is longer than the arguments
  /// were is cut.
  public static func set(_ title: String, shortName: String) {
    unsafe clinux_set_name(shortName)
    // Fields 48 and 49 of proc_pid_stat(5), counted from 1, are arg_start and arg_end; the second
    // field is in parentheses and may hold spaces.
    guard let stat = SmallFile.text("/proc/self/stat", mostBytes: 4096),
      let close = stat.lastIndex(of: ")")
    else { return }
    let fields = stat[close...].split(separator: " ")
    guard fields.count > 47, let start = UInt(fields[46]), let end = UInt(fields[47]), end > start,
      let area = unsafe UnsafeMutablePointer<UInt8>(bitPattern: start)
    else { return }
    let room = Int(end - start)
    var written = 0
    for byte in title.utf8.prefix(max(0, room - 2)) {
      unsafe area[written] = byte
      written += 1
    }
    while written < room {
      unsafe area[written] = 0
      written += 1
    }
    // A last byte other than zero tells the kernel to show the text up to the first zero byte.
    unsafe area[room - 1] = UInt8(ascii: " ")
  }
}
