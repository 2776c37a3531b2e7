// MachineMemory: how much memory the machine has. Edge.

/// Figures of /proc/meminfo (proc_meminfo(5)). Bytes.
public struct MachineMemory: Equatable, Sendable {
  /// Memory that the kernel can use at all.
  public var totalBytes: Int64
  /// What processes could still take without swapping: free pages and caches that can be dropped.
  public var availableBytes: Int64
  /// Swap that is not used; 0 where there is none.
  public var freeSwapBytes: Int64

  /// Looks at the machine; in a container too it is the whole machine. nil where /proc is missing.
  public static func read() -> MachineMemory? { KernelText.read("/proc/meminfo") { parse($0) } }

  static func parse(_ text: Span<UInt8>) -> MachineMemory? {
    guard let total = text.bytes(ofKibibyteLine: "MemTotal"),
      let available = text.bytes(ofKibibyteLine: "MemAvailable")
    else { return nil }
    return MachineMemory(
      totalBytes: total, availableBytes: available,
      freeSwapBytes: text.bytes(ofKibibyteLine: "SwapFree") ?? 0)
  }
}
