// WorkerLimits: what a worker may use up before it is replaced. Pure.
internal import Configuration
internal import ProcessPolicy

/// The limits of one worker's life that the supervisor watches. Each is graceful: the worker
/// finishes what it has in hand.
struct WorkerLimits: Equatable {
  /// CPU time, ms; 0: no limit.
  let cpuMs: Int64
  /// Own memory, bytes; 0: no limit. Workers look themselves after each response, and sooner: this
  /// is for growth that costs few page faults (huge pages).
  let memoryBytes: Int64
  /// Time of service, ms; 0: no limit.
  let serviceMs: Int64

  /// The limits that `settings` set.
  init(_ settings: ServerSettings) {
    cpuMs = settings.cpuTimeLimitMs
    memoryBytes = settings.memoryLimitBytes
    serviceMs = settings.restartIntervalMs
  }

  /// Whether there is any.
  var areSet: Bool { cpuMs > 0 || memoryBytes > 0 || serviceMs > 0 }

  /// Time of service of the worker in a slot, ms: up to a fifth less than the limit, so that
  /// workers that were started together do not go together. Neighbours are far apart: the golden
  /// section spreads any number of slots evenly.
  func serviceMs(slot: Int) -> Int64 {
    // 20 bits.
    let share = (UInt64(truncatingIfNeeded: slot) &* 0x9E37_79B9_7F4A_7C15) >> 44
    return serviceMs - ((serviceMs / 5 * Int64(share)) >> 20)
  }

  /// Why the worker in a slot has to go, as the end of a sentence that begins with it; nil where it
  /// may stay.
  func reason(slot: Int, servingMs: Int64, cpuMs used: Int64, memoryBytes own: Int64) -> String? {
    if cpuMs > 0 && used > cpuMs {
      return "has used \(used / 1000) s of CPU time, more than --cpu-time-limit \(cpuMs / 1000)"
    }
    if memoryBytes > 0 && own > memoryBytes {
      return "has \(own.asSize) for itself, more than --memory-limit \(memoryBytes.asSize)"
    }
    if serviceMs > 0 && servingMs >= serviceMs(slot: slot) {
      return "has served for \(servingMs / 1000) s, the end of its --restart-interval"
    }
    return nil
  }
}
