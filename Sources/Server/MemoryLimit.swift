// MemoryLimit: notices when the process has more memory for itself than it may. Assembly.
internal import Platform

/// A bound of the process's own memory, `--memory-limit`.
///
/// Every page that a process makes its own costs it a fault first, the pages that it copies from
/// its mold as well, and the number of faults costs less than a microsecond to ask for. So a proper
/// look (about a millisecond, ``ProcessMemory``) is worth it only after as many as could fill half
/// of what is left.
struct MemoryLimit {
  /// Growth that is worth a proper look, bytes.
  private static let leastStepBytes: Int64 = 1 << 20

  private let bytes: Int64
  private var nextFaults: Int64 = 0

  /// - Parameter bytes: the bound; 0: none.
  init(bytes: Int64) { self.bytes = bytes }

  /// What the process has for itself, in bytes, where that is more than it may; nil where it is
  /// not. Allocates: never, unless there is reason to look properly.
  mutating func excess() -> Int64? {
    guard bytes > 0 else { return nil }
    let faults = OwnMemory.faults()
    guard faults >= nextFaults, let now = ProcessMemory.read(Process.id) else { return nil }
    let own = now.privateBytes + now.swapBytes
    if own > bytes { return own }
    nextFaults = faults + max(Self.leastStepBytes, (bytes - own) / 2) / ProcessGlance.pageBytes
    return nil
  }
}
