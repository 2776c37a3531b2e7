// ProcessFiles: what /proc and the cgroup files say about processes. Edge.

/// Readings of /proc.
public enum ProcessFiles {
  /// Threads of this process.
  public static var ownThreads: Int { SmallFile.entries("/proc/self/task").count }

  /// The short name of a process; nil where it is gone.
  public static func shortName(of pid: Int32) -> String? {
    SmallFile.text("/proc/\(pid)/comm", mostBytes: 64).map { $0.split(separator: "\n").first ?? "" }
      .map(String.init)
  }

  /// The process that listens on a TCP port; nil where it is not visible to this user.
  public static func listener(onPort port: UInt16) -> (pid: Int32, name: String)? {
    var inodes: Set<String> = []
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
      guard let text = SmallFile.text(table, mostBytes: 1 << 20) else { continue }
      inodes.formUnion(listeningInodes(in: text, port: port))
    }
    guard !inodes.isEmpty else { return nil }
    let links = Set(inodes.map { "socket:[\($0)]" })
    for entry in SmallFile.entries("/proc") {
      guard let pid = Int32(entry) else { continue }
      let directory = "/proc/\(pid)/fd"
      for number in SmallFile.entries(directory) {
        if let link = SmallFile.linkTarget("\(directory)/\(number)"), links.contains(link) {
          return (pid, shortName(of: pid) ?? "?")
        }
      }
    }
    return nil
  }

  /// The inodes of listening sockets with this local port in a text like /proc/net/tcp's.
  static func listeningInodes(in table: String, port: UInt16) -> [String] {
    let hex = String(port, radix: 16, uppercase: true)
    let suffix = ":" + String(repeating: "0", count: 4 - hex.count) + hex
    var inodes: [String] = []
    for line in table.split(separator: "\n").dropFirst() {
      // sl, local_address, rem_address, st (0A: listening), …, inode is the tenth.
      let fields = line.split(separator: " ")
      if fields.count > 9, fields[1].hasSuffix(suffix), fields[3] == "0A" {
        inodes.append(String(fields[9]))
      }
    }
    return inodes
  }

  /// The first TCP port that needs no privilege.
  public static var firstUnprivilegedPort: Int {
    let text = SmallFile.text("/proc/sys/net/ipv4/ip_unprivileged_port_start", mostBytes: 32)
    return text.flatMap { Int($0.split(separator: "\n").first ?? "") } ?? 1024
  }

  /// Closes every descriptor of this process but those in `keeping`: after a fork.
  public static func closeOthers(keeping: [Int32]) {
    for name in SmallFile.entries("/proc/self/fd") {
      guard let number = Int32(name), !keeping.contains(number) else { continue }
      SocketIO.close(number)
    }
  }
}
