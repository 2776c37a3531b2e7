// ProcessGlance: what can be known of a process for a few microseconds. Edge.
internal import Glibc

/// A cheap look at a process: /proc/PID/stat, 10 µs whatever its size.
///
/// A forked worker's resident size says nothing about what it costs, because it has all pages of
/// its mold from the start. But each page that it makes its own, by writing to it or by asking for
/// it, is one page fault: while ``faults`` stands still, ``ProcessMemory/privateBytes`` does too,
/// and it cannot have grown by more than ``growthBytes(since:)``.
public struct ProcessGlance: Equatable, Sendable {
  /// Page faults so far, with and without input from a disk.
  public var faults: Int64
  /// Pages in memory, in bytes, shared ones included.
  public var residentBytes: Int64
  /// Threads.
  public var threads: Int64
  /// CPU time used, user and system, ms; the kernel counts in hundredths of a second.
  public var cpuMs: Int64

  /// Looks at a process; nil where it is gone. Everybody may, unless /proc is mounted with hidepid.
  public static func read(_ pid: Int32) -> ProcessGlance? {
    KernelText.read("/proc/\(pid)/stat") { parse($0) }
  }

  /// Most bytes that a process made its own since an earlier look. Faults that only map what is in
  /// memory already count too, so it may have been much less; a huge page is one fault, so growth
  /// of the resident size counts where it is more.
  public func growthBytes(since earlier: ProcessGlance) -> Int64 {
    let faulted = max(0, faults - earlier.faults).multipliedOrLargest(by: Self.pageBytes)
    return max(faulted, residentBytes - earlier.residentBytes)
  }

  /// Size of a page.
  public static let pageBytes = Int64(sysconf(Int32(_SC_PAGESIZE)))

  /// The fields of proc_pid_stat(5); nil where some are missing.
  static func parse(_ text: Span<UInt8>) -> ProcessGlance? {
    // The second field is in parentheses and may hold anything, parentheses included.
    var at = text.count - 1
    while at >= 0, text[at] != UInt8(ascii: ")") { at -= 1 }
    guard at >= 0 else { return nil }
    var glance = ProcessGlance(faults: 0, residentBytes: 0, threads: 0, cpuMs: 0)
    var field = 2
    while at < text.count {
      // Each blank ends a field.
      guard text[at] == UInt8(ascii: " ") else {
        at += 1
        continue
      }
      field += 1
      if let value = text.number(at: at)?.value {
        switch field {
        case 10, 12: glance.faults += value
        case 14, 15: glance.cpuMs += value.multipliedOrLargest(by: 10)
        case 20: glance.threads = value
        case 24:
          glance.residentBytes = value.multipliedOrLargest(by: pageBytes)
          return glance
        default: break
        }
      }
      at += 1
    }
    return nil
  }
}

/// What a process can know of itself after each request.
public enum OwnMemory {
  /// Page faults of this process so far (getrusage(2)): a system call of less than 1 µs. Where the
  /// count rose by n, the process made at most n pages its own.
  public static func faults() -> Int64 { faults(of: RUSAGE_SELF.rawValue) }

  /// The same of the calling thread alone (RUSAGE_THREAD): half as dear, whatever else runs.
  public static func threadFaults() -> Int64 { faults(of: 1) }

  private static func faults(of who: Int32) -> Int64 {
    var usage = rusage()
    unsafe getrusage(__rusage_who_t(who), &usage)
    return Int64(usage.ru_minflt) &+ Int64(usage.ru_majflt)
  }

  /// Pages in memory that belong to no file and no shared memory, in bytes, from /proc/self/statm
  /// (proc_pid_statm(5)): 8 µs. What a worker shares with its mold is in it, so only its growth
  /// says what the worker took. nil where /proc is missing.
  public static func anonymousBytes() -> Int64? {
    KernelText.read("/proc/self/statm") { anonymousBytes($0) }
  }

  static func anonymousBytes(_ text: Span<UInt8>) -> Int64? {
    guard let size = text.number(at: 0), let resident = text.number(at: size.end),
      let file = text.number(at: resident.end)
    else { return nil }
    return max(0, resident.value - file.value).multipliedOrLargest(by: ProcessGlance.pageBytes)
  }
}
