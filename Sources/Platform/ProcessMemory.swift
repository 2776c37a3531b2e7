// ProcessMemory: what a process really takes. Edge.

/// Memory of a process as /proc/PID/smaps_rollup sums it up (Linux 4.14, proc_pid_smaps(5)). Bytes.
///
/// The kernel walks all pages of the process for it and holds its memory map meanwhile. Measured
/// (Linux 6.18, one core of a virtual machine): 0.75 ms of CPU time for a worker of the example
/// Django site that was forked from a mold, 0.6 to 1.2 ms in all, with one worker as with 150; all
/// 150 take 0.11 s. So at most 1 % of a core allows 13 readings a second, and ``ProcessGlance``
/// (10 µs) has to say which process is worth one.
public struct ProcessMemory: Equatable, Sendable {
  /// Proportional set size: each page divided by the number of processes that have it. The sum over
  /// all processes is what they take together.
  public var proportionalBytes: Int64
  /// Pages that no other process has, and that equal a file: the kernel may drop them.
  public var privateCleanBytes: Int64
  /// Pages that no other process has, and that stand in no file.
  public var privateDirtyBytes: Int64
  /// Pages that another process has as well: counted in full by each of them.
  public var sharedBytes: Int64
  /// Pages that were moved to swap, and would come back.
  public var swapBytes: Int64
  /// Pages that the kernel merged with equal ones (KSM, Linux 6.7); they count as shared. 0 where
  /// the kernel does not tell.
  public var mergedBytes: Int64

  /// What the end of this process gives back, without swap.
  public var privateBytes: Int64 { privateCleanBytes + privateDirtyBytes }
  /// Everything that is in memory: what a mold and its children share is in each of them.
  public var residentBytes: Int64 { privateBytes + sharedBytes }

  /// Looks at a process; nil where it is gone, or where this process may not look into it: that
  /// takes the same user, or CAP_SYS_PTRACE (ptrace(2), PTRACE_MODE_READ). In a container root
  /// often lacks it. A process may always look at itself.
  public static func read(_ pid: Int32) -> ProcessMemory? {
    KernelText.read("/proc/\(pid)/smaps_rollup") { parse($0) }
  }

  /// The sums in the text of a smaps_rollup; nil where it has none.
  static func parse(_ text: Span<UInt8>) -> ProcessMemory? {
    guard let proportional = text.bytes(ofKibibyteLine: "Pss"),
      let privateClean = text.bytes(ofKibibyteLine: "Private_Clean"),
      let privateDirty = text.bytes(ofKibibyteLine: "Private_Dirty")
    else { return nil }
    let sharedClean = text.bytes(ofKibibyteLine: "Shared_Clean") ?? 0
    let sharedDirty = text.bytes(ofKibibyteLine: "Shared_Dirty") ?? 0
    return ProcessMemory(
      proportionalBytes: proportional, privateCleanBytes: privateClean,
      privateDirtyBytes: privateDirty, sharedBytes: sharedClean + sharedDirty,
      swapBytes: text.bytes(ofKibibyteLine: "Swap") ?? 0,
      mergedBytes: text.bytes(ofKibibyteLine: "KSM") ?? 0)
  }
}

/// What the kernel holds for a process beside its pages, from /proc/PID/status. Bytes.
///
/// A control group is charged for it, and no figure of ``ProcessMemory`` has it. Costs 15 µs.
public struct ProcessKernelMemory: Equatable, Sendable {
  /// Page tables: some 1/500 of the memory that is mapped and was touched.
  public var pageTableBytes: Int64
  /// Kernel stacks of its threads, 16 KiB each (x86-64 and arm64).
  public var stackBytes: Int64

  /// Both together.
  public var bytes: Int64 { pageTableBytes + stackBytes }

  /// Looks at a process; nil where it is gone.
  public static func read(_ pid: Int32) -> ProcessKernelMemory? {
    KernelText.read("/proc/\(pid)/status") { parse($0) }
  }

  static func parse(_ text: Span<UInt8>) -> ProcessKernelMemory? {
    guard let pageTables = text.bytes(ofKibibyteLine: "VmPTE"),
      let threads = text.number(ofLine: "Threads")
    else { return nil }
    return ProcessKernelMemory(
      pageTableBytes: pageTables, stackBytes: threads.multipliedOrLargest(by: 16_384))
  }
}
