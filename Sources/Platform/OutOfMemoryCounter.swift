// OutOfMemoryCounter: how often the kernel killed for want of memory. Edge.

/// The kernel's count of processes that it killed for want of memory: those of this process's
/// control group, or of the whole machine where the group does not count.
public struct OutOfMemoryCounter: Sendable {
  private let group: MemoryGroup?

  /// Finds the file that counts; there may be none.
  public init() { self.init(MemoryGroup.find()) }

  init(_ group: MemoryGroup?) { self.group = group?.outOfMemoryKills() == nil ? nil : group }

  /// Kills so far; nil where it cannot be known.
  public var kills: Int? {
    // The machine's are counted since Linux 4.13.
    (group.map { $0.outOfMemoryKills() }
      ?? KernelText.read("/proc/vmstat") { $0.number(ofLine: "oom_kill") })
      .map { Int($0) }
  }
}
