// GrowthGuard: notices in time that the application takes more and more memory. Assembly.
internal import Platform

/// What the process took since it began to serve, looked at so cheaply that it can be done all the
/// time.
///
/// Every page that a process takes is one fault first, and the number of faults costs less than a
/// microsecond to ask for. Memory that is given back and taken again faults as well, so a rise is
/// only a reason to look properly (8 µs). What is copied from the mold's pages does not count: it
/// cannot be more than the mold has, and the supervisor measures it.
struct GrowthGuard {
  /// Growth that is worth a proper look, bytes.
  private static let leastStepBytes: Int64 = 256 << 10

  private let baseBytes: Int64
  private var nextFaults: Int64

  /// Begins now.
  init() {
    baseBytes = OwnMemory.anonymousBytes() ?? 0
    nextFaults = OwnMemory.faults() + Self.leastStepBytes / ProcessGlance.pageBytes
  }

  /// How much the process has grown, in bytes; negative where it gave memory back. 8 µs.
  var bytes: Int64 { (OwnMemory.anonymousBytes() ?? baseBytes) - baseBytes }

  /// How much the process has grown, in bytes, where that is more than `allowanceBytes`; nil where
  /// it is not. Allocates: never, unless there is reason to look properly.
  mutating func excess(over allowanceBytes: Int64) -> Int64? {
    let faults = OwnMemory.faults()
    guard faults >= nextFaults, let now = OwnMemory.anonymousBytes() else { return nil }
    let growth = now - baseBytes
    if growth > allowanceBytes { return growth }
    // So many pages may come before the next look.
    let step = max(Self.leastStepBytes, (allowanceBytes - growth) / 4)
    nextFaults = faults + step / ProcessGlance.pageBytes
    return nil
  }
}
