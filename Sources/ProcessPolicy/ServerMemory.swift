// ServerMemory: what the whole server takes, as a named sum. Pure.

/// The memory of the server, part by part. Bytes; none is negative.
///
/// Workers count with what is their own, so that what they share is counted once, in the molds:
/// such a sum does not depend on when each process was looked at, as one of proportional sizes
/// does.
public struct ServerMemory: Equatable, Sendable {
  /// The supervisor's own pages.
  public var supervisorBytes: Int64
  /// The fronts' own pages, all together.
  public var frontsBytes: Int64
  /// Everything that is in the molds, with what their workers share with them. A mold that ended
  /// counts as long as one of its workers lives.
  public var moldsBytes: Int64
  /// The workers' own pages, all together.
  public var workersBytes: Int64
  /// Other process groups, with what they will still take.
  public var othersBytes: Int64
  /// Buffers of connections that are outside of the processes above, such as those of sockets.
  public var connectionsBytes: Int64
  /// Requests that wait, with their bodies.
  public var queuesBytes: Int64
  /// The scoreboard and other shared memory.
  public var sharedMemoryBytes: Int64
  /// What the kernel holds for the processes: page tables and stacks.
  public var kernelBytes: Int64

  /// A sum; what is not said is 0.
  public init(
    supervisorBytes: Int64 = 0, frontsBytes: Int64 = 0, moldsBytes: Int64 = 0,
    workersBytes: Int64 = 0, othersBytes: Int64 = 0, connectionsBytes: Int64 = 0,
    queuesBytes: Int64 = 0, sharedMemoryBytes: Int64 = 0, kernelBytes: Int64 = 0
  ) {
    self.supervisorBytes = supervisorBytes
    self.frontsBytes = frontsBytes
    self.moldsBytes = moldsBytes
    self.workersBytes = workersBytes
    self.othersBytes = othersBytes
    self.connectionsBytes = connectionsBytes
    self.queuesBytes = queuesBytes
    self.sharedMemoryBytes = sharedMemoryBytes
    self.kernelBytes = kernelBytes
  }

  /// All parts; the largest number where they do not fit into one.
  public var totalBytes: Int64 {
    baseBytes.plusOrLargest(workersBytes)
  }

  /// All parts but the workers: what is needed before the first of them.
  public var baseBytes: Int64 {
    supervisorBytes.plusOrLargest(frontsBytes).plusOrLargest(moldsBytes)
      .plusOrLargest(othersBytes)
      .plusOrLargest(connectionsBytes).plusOrLargest(queuesBytes)
      .plusOrLargest(sharedMemoryBytes).plusOrLargest(kernelBytes)
  }

  /// The parts with their names for people, in the order in which they are shown. Allocates: for
  /// pages and logs.
  public var parts: [(name: String, bytes: Int64)] {
    [
      ("supervisor", supervisorBytes), ("fronts", frontsBytes), ("molds", moldsBytes),
      ("workers", workersBytes), ("other process groups", othersBytes),
      ("connections", connectionsBytes), ("queues", queuesBytes),
      ("shared memory", sharedMemoryBytes),
      ("kernel", kernelBytes),
    ]
  }
}

extension Int64 {
  /// A sum of sizes: negative ones count as 0, and what does not fit is the largest number.
  func plusOrLargest(_ other: Int64) -> Int64 {
    let (sum, isTooLarge) = Swift.max(0, self).addingReportingOverflow(Swift.max(0, other))
    return isTooLarge ? .max : sum
  }

  /// `812 B`, `7.5 MB`, `256 MB`: powers of 1024, a digit behind the point below 100.
  public var asSize: String {
    let sign = self < 0 ? "-" : ""
    var rest = magnitude
    if rest < 1024 { return "\(sign)\(rest) B" }
    // In tenths, so that nothing is lost on the way up.
    var unit = "kB"
    var scale: UInt64 = 1024
    for next in ["MB", "GB", "TB", "PB"] where rest / scale >= 1000 {
      scale *= 1024
      unit = next
    }
    let tenths = rest / scale * 10 + (rest % scale * 10 + scale / 2) / scale
    rest = tenths / 10
    if rest >= 100 || tenths % 10 == 0 { return "\(sign)\((tenths + 5) / 10) \(unit)" }
    return "\(sign)\(rest).\(tenths % 10) \(unit)"
  }
}
