// MemoryGroup+Find: which control group this process is in, and where its files are. Edge.

extension MemoryGroup {
  /// The group of this process; nil where the kernel controls no memory, or shows nothing of it.
  public static func find() -> MemoryGroup? {
    find(
      groups: SmallFile.text("/proc/self/cgroup", mostBytes: 1 << 16) ?? "",
      // One line for each mount: long on machines that run many containers.
      mounts: SmallFile.text("/proc/self/mountinfo", mostBytes: 1 << 20) ?? "")
  }

  /// The group that these texts, of /proc/self/cgroup and /proc/self/mountinfo, tell of. `prefix`
  /// is put in front of every mount point, for tests.
  static func find(groups: String, mounts: String, prefix: String = "") -> MemoryGroup? {
    guard let (version, path) = place(in: groups) else { return nil }
    for mount in Mount.all(in: mounts) where mount.holds(version) {
      if let group = MemoryGroup(
        version, mountPoint: prefix + mount.point, root: mount.root, path: path)
      {
        return group
      }
    }
    return nil
  }

  /// Version and path for a text like /proc/self/cgroup's (cgroups(7)): `4:memory:/site` or
  /// `0::/site`. Where both exist the line of version 1 counts: a controller is in one only.
  private static func place(in groups: String) -> (Version, String)? {
    var unified: String?
    for line in groups.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      if parts[1].split(separator: ",").contains("memory") { return (.one, String(parts[2])) }
      if parts[0] == "0", parts[1].isEmpty { unified = String(parts[2]) }
    }
    return unified.map { (.two, $0) }
  }

  /// A mounted hierarchy of control groups: one line of proc_pid_mountinfo(5).
  private struct Mount {
    /// The group that stands at the mount point.
    var root: String
    var point: String
    var kind: Substring
    var options: Substring

    func holds(_ version: Version) -> Bool {
      switch version {
      case .one: kind == "cgroup" && options.split(separator: ",").contains("memory")
      case .two: kind == "cgroup2"
      }
    }

    static func all(in mounts: String) -> [Mount] {
      mounts.split(separator: "\n").compactMap { line in
        // 35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory
        let fields = line.split(separator: " ")
        guard let dash = fields.firstIndex(of: "-"), dash >= 6, fields.count > dash + 3 else {
          return nil
        }
        return Mount(
          root: plain(fields[3]), point: plain(fields[4]), kind: fields[dash + 1],
          options: fields[dash + 3])
      }
    }

    /// A path with `\040` for a blank and so on taken back.
    private static func plain(_ text: Substring) -> String {
      guard text.utf8.contains(UInt8(ascii: "\\")) else { return String(text) }
      let bytes = Array(text.utf8)
      var out: [UInt8] = []
      var at = 0
      while at < bytes.count {
        if bytes[at] == UInt8(ascii: "\\"), at + 3 < bytes.count,
          let code = UInt8(String(decoding: bytes[at + 1...at + 3], as: UTF8.self), radix: 8)
        {
          out.append(code)
          at += 4
        } else {
          out.append(bytes[at])
          at += 1
        }
      }
      return String(decoding: out, as: UTF8.self)
    }
  }
}
