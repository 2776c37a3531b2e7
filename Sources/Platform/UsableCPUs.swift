// UsableCPUs: how many CPUs this process may use. Edge.

/// The smaller of the affinity mask and the cgroup's CPU quota.
public enum UsableCPUs {
  /// At least 1.
  public static var count: Int {
    var count = affinity
    if let quota = quota { count = min(count, quota) }
    return max(count, 1)
  }

  /// The CPUs of `Cpus_allowed_list: 0-3,8` in proc_pid_status(5); 1 where the kernel does not
  /// tell.
  private static var affinity: Int {
    let status = SmallFile.text("/proc/self/status", mostBytes: 65_536) ?? ""
    let key = "Cpus_allowed_list:"
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else {
      return 1
    }
    var count = 0
    for range in line.dropFirst(key.count).split(separator: ",") {
      let ends = range.split { $0 == "-" || $0 == " " || $0 == "\t" }.compactMap { Int($0) }
      if let first = ends.first, let last = ends.last, last >= first { count += last - first + 1 }
    }
    return count
  }

  /// CPUs that the control group's quota is worth, rounded up: the smallest on the way to the root.
  private static var quota: Int? {
    var smallest: Int?
    func consider(_ quota: Int64?, _ period: Int64?) {
      guard let quota, let period, quota > 0, period > 0 else { return }
      let cpus = Int((quota + period - 1) / period)
      smallest = min(smallest ?? cpus, cpus)
    }
    for line in (SmallFile.text("/proc/self/cgroup", mostBytes: 65_536) ?? "").split(
      separator: "\n")
    {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let isUnified = parts[1].isEmpty
      guard isUnified || parts[1].split(separator: ",").contains("cpu") else { continue }
      var path = String(parts[2])
      while true {
        if isUnified {
          let words = (SmallFile.text("/sys/fs/cgroup\(path)/cpu.max", mostBytes: 65_536) ?? "")
            .split { $0 == " " || $0 == "\n" }
          if words.count == 2 { consider(Int64(words[0]), Int64(words[1])) }
        } else {
          let base = "/sys/fs/cgroup/cpu\(path)/cpu.cfs_"
          consider(number(in: base + "quota_us"), number(in: base + "period_us"))
        }
        if path == "/" || path.isEmpty { break }
        path = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
      }
    }
    return smallest
  }

  private static func number(in path: String) -> Int64? {
    SmallFile.text(path, mostBytes: 65_536).flatMap { $0.split(separator: "\n").first }.flatMap {
      Int64($0)
    }
  }
}
