// CPUMeter: how much of the machine's CPU time the workers use. Assembly.
internal import Platform

/// The share of CPU time that the workers took lately, from /proc/PID/stat.
struct CPUMeter {
  /// Least time between two looks: the kernel counts in hundredths of a second.
  static let windowMs: Int64 = 500
  /// Share of all cores from which on more processes would only share what is there, in percent.
  static let saturatedPercent: Int64 = 90

  private var lastLookMs: Int64 = 0
  private var spentMs: Int64 = 0
  private var windowMs: Int64 = 0

  /// Looks what workers and fronts have used since the last look, unless that was just now.
  mutating func look(at groups: [ProcessGroup], fronts: [FrontHandle], nowMs: Int64) {
    guard nowMs - lastLookMs >= Self.windowMs else { return }
    windowMs = nowMs - lastLookMs
    lastLookMs = nowMs
    spentMs = 0
    for worker in groups.lazy.flatMap(\.workers) where worker.pid > 0 && worker.state != .empty {
      guard let used = ProcessGlance.read(worker.pid)?.cpuMs else { continue }
      spentMs += max(0, used - worker.cpuMs)
      worker.cpuMs = used
    }
    for front in fronts where front.pid > 0 {
      guard let used = ProcessGlance.read(front.pid)?.cpuMs else { continue }
      spentMs += max(0, used - front.cpuMs)
      front.cpuMs = used
    }
  }

  /// Whether nearly all CPU time of so many cores went to workers and fronts.
  func isSaturated(cores: Int) -> Bool {
    windowMs > 0 && spentMs * 100 >= windowMs * Int64(cores) * Self.saturatedPercent
  }
}
