// ProcessPriority: how the scheduler prefers this process. Edge.
internal import Glibc

/// The nice value of the calling process, -20 (served first) to 19 (last); sched(7).
public enum ProcessPriority {
  private static let processes = Int32(bitPattern: PRIO_PROCESS.rawValue)

  /// The present one.
  public static var current: Int { Int(getpriority(processes, 0)) }

  /// Sets it, setpriority(2); children inherit it.
  public static func set(_ nice: Int) throws(SystemCallError) {
    guard setpriority(processes, 0, Int32(clamping: nice)) == 0 else {
      throw SystemCallError("setpriority")
    }
  }

  /// Whether a process without root's rights may set `nice`: not below its present one, but for
  /// what RLIMIT_NICE grants; getrlimit(2).
  public static func mayBecomeUnprivileged(_ nice: Int) -> Bool {
    if nice >= current { return true }
    var limit = rlimit()
    let which = Int32(bitPattern: __RLIMIT_NICE.rawValue)
    guard unsafe getrlimit(which, &limit) == 0 else { return false }
    return nice >= 20 - Int(min(limit.rlim_cur, 40))
  }
}
