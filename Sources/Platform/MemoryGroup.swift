// MemoryGroup: the control group that bounds this process's memory. Edge.

/// The memory control group of this process, and those around it, in either version
/// (Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst).
///
/// Each group on the way to the root may have a limit, and all of them hold. In a container the
/// groups above its own are out of sight; version 1 still tells the smallest of their limits.
public struct MemoryGroup: Equatable, Sendable {
  /// The two forms of control groups; they differ in the names and the meaning of files.
  public enum Version: Equatable, Sendable {
    /// One hierarchy for each controller.
    case one
    /// The unified hierarchy.
    case two
  }

  /// A group, and where its files are.
  struct Place: Equatable, Sendable {
    /// The group's path for people, from the root that is in sight.
    var path: String
    /// Its directory, without a slash at the end.
    var directory: String
  }

  /// Which files there are.
  public let version: Version
  /// The path of this process's group.
  public var path: String { places[0].path }
  /// This process's group first, the outermost that is in sight last; at least one.
  let places: [Place]

  /// The groups of `path` below the directory `mountPoint`, where the hierarchy's group `root` is
  /// mounted (`/`, or in a container the container's own). nil where memory is not controlled.
  init?(_ version: Version, mountPoint: String, root: String = "/", path: String) {
    self.version = version
    var below = Self.below(root, path)
    var places: [Place] = []
    while true {
      let directory = mountPoint + below
      let place = Place(path: below.isEmpty ? "/" : below, directory: directory)
      if Self.isControlled(directory) { places.append(place) }
      if below.isEmpty { break }
      below = String(below[..<(below.lastIndex(of: "/") ?? below.startIndex)])
      // Before Linux 5.11 a parent of version 1 may leave its children alone.
      if version == .one, !places.isEmpty,
        KernelText.number("\(mountPoint)\(below)/memory.use_hierarchy") == 0
      {
        break
      }
    }
    guard !places.isEmpty else { return nil }
    self.places = places
  }

  /// A group's path relative to the group that is mounted: empty for that one itself, and also
  /// where the path lies outside of it, as `/../other` does.
  private static func below(_ root: String, _ path: String) -> String {
    if path == "/" || path == "/.." || path.hasPrefix("/../") { return "" }
    if root == "/" { return path }
    if path.hasPrefix(root + "/") { return String(path.dropFirst(root.count)) }
    return ""
  }

  private static func isControlled(_ directory: String) -> Bool {
    // The root of version 2 has no usage, but it counts what goes on.
    KernelText.read("\(directory)/memory.stat") { _ in true } ?? false
  }

  // MARK: reading

  /// What a group's files say.
  public struct Level: Equatable, Sendable {
    /// The group's path, from the root that is in sight.
    public var path: String
    /// Which file the limit comes from, for people: `memory.max`, `memory.high`,
    /// `memory.limit_in_bytes`, `hierarchical_memory_limit`; empty where there is no limit.
    public var limitFile: String
    /// Bytes that all processes of the group may take; nil without a limit. Beyond memory.high the
    /// kernel stops them for longer and longer, so that is a limit too.
    public var limitBytes: Int64?
    /// Everything that is charged to the group: pages, page cache, kernel memory.
    public var usageBytes: Int64
    /// Page cache that was not used lately: the kernel drops it before it does anything worse.
    public var inactiveFileBytes: Int64
    /// Page cache that was used more than once.
    public var activeFileBytes: Int64
    /// Page cache and shared memory that some process has mapped.
    public var mappedFileBytes: Int64
    /// Shared memory; it is in none of the two kinds of page cache.
    public var sharedMemoryBytes: Int64

    /// Usage without the page cache that can be dropped at once; as the kubelet counts.
    public var workingSetBytes: Int64 { max(0, usageBytes - inactiveFileBytes) }

    /// Usage without all page cache that no process has mapped: the least that the kernel could
    /// bring it down to. Files that were read twice are active, and count in ``workingSetBytes``,
    /// although the kernel drops them before it kills.
    public var heldBytes: Int64 {
      let mapped = max(0, mappedFileBytes - sharedMemoryBytes)
      let dropped = max(inactiveFileBytes, inactiveFileBytes + activeFileBytes - mapped)
      return max(0, usageBytes - dropped)
    }

    /// What is left below the limit, by the working set; negative above it; nil without a limit.
    public var roomBytes: Int64? { limitBytes.map { $0 - workingSetBytes } }
  }

  /// What the groups say at one moment.
  public struct Reading: Equatable, Sendable {
    /// The group with the smallest limit on the way to the root; nil where none has one.
    public var smallest: Level?
    /// The group with the least room: what binds now. Another than ``smallest`` where a group
    /// further out is full of others.
    public var tightest: Level?
    /// This process's own group.
    public var own: Level
  }

  /// Reads all groups that have a limit, and the own; nil where the group is gone. Costs some 35 µs
  /// for each of them. Allocates: paths.
  public func read() -> Reading? {
    guard let own = level(of: places[0]) else { return nil }
    var reading = Reading(own: own)
    reading.consider(own)
    for place in places.dropFirst() where limit(of: place).bytes != nil {
      if let level = level(of: place) { reading.consider(level) }
    }
    if let hidden = hiddenLevel(smallestBytes: reading.smallest?.limitBytes) {
      reading.consider(hidden)
    }
    return reading
  }

  /// How often the kernel killed a process of the own group for want of memory; in version 2 those
  /// of groups below it too. nil where it does not count.
  public func outOfMemoryKills() -> Int64? {
    let file = version == .one ? "memory.oom_control" : "memory.events"
    return KernelText.read("\(places[0].directory)/\(file)") { $0.number(ofLine: "oom_kill") }
  }

  /// How long the own group waited for memory; nil in version 1, and where the kernel has none.
  public func pressure() -> MemoryPressure? {
    version == .one ? nil : MemoryPressure.read("\(places[0].directory)/memory.pressure")
  }

  private func level(of place: Place) -> Level? {
    let usage = KernelText.number(
      "\(place.directory)/\(version == .one ? "memory.usage_in_bytes" : "memory.current")")
    let limit = limit(of: place)
    return KernelText.read("\(place.directory)/memory.stat") { stat in
      // In version 1 the names without `total_` leave out the groups below.
      let isOne = version == .one
      return Level(
        path: place.path, limitFile: limit.file, limitBytes: limit.bytes,
        usageBytes: usage ?? 0,
        inactiveFileBytes: stat.number(ofLine: isOne ? "total_inactive_file" : "inactive_file")
          ?? 0,
        activeFileBytes: stat.number(ofLine: isOne ? "total_active_file" : "active_file") ?? 0,
        mappedFileBytes: stat.number(ofLine: isOne ? "total_mapped_file" : "file_mapped") ?? 0,
        sharedMemoryBytes: stat.number(ofLine: isOne ? "total_shmem" : "shmem") ?? 0)
    }
  }

  private func limit(of place: Place) -> (bytes: Int64?, file: String) {
    switch version {
    case .one:
      let bytes = Self.limit("\(place.directory)/memory.limit_in_bytes")
      return (bytes, bytes == nil ? "" : "memory.limit_in_bytes")
    case .two:
      let most = Self.limit("\(place.directory)/memory.max")
      let high = Self.limit("\(place.directory)/memory.high")
      if let high, high < most ?? .max { return (high, "memory.high") }
      return (most, most == nil ? "" : "memory.max")
    }
  }

  /// A limit above this one is none: version 1 says 2^63 less a page where nobody set one.
  private static let leastUnlimitedBytes: Int64 = 1 << 60

  private static func limit(_ file: String) -> Int64? {
    // `max` is no number.
    KernelText.number(file).flatMap { $0 < leastUnlimitedBytes ? $0 : nil }
  }

  /// The limit of a group that is out of sight, which version 1 tells if it is smaller than those
  /// in sight. Its usage is at least that of the outermost group in sight.
  private func hiddenLevel(smallestBytes: Int64?) -> Level? {
    guard version == .one, let outermost = places.last else { return nil }
    let limit = KernelText.read("\(outermost.directory)/memory.stat") {
      $0.number(ofLine: "hierarchical_memory_limit")
    }
    guard let limit, limit < Self.leastUnlimitedBytes, limit < smallestBytes ?? .max,
      var level = level(of: outermost)
    else { return nil }
    level.path = "above \(outermost.path)"
    level.limitBytes = limit
    level.limitFile = "hierarchical_memory_limit"
    return level
  }
}

extension MemoryGroup.Reading {
  fileprivate init(own: MemoryGroup.Level) {
    self.own = own
    smallest = nil
    tightest = nil
  }

  /// Takes a level into account; of equals the one that came first stays.
  fileprivate mutating func consider(_ level: MemoryGroup.Level) {
    guard let limit = level.limitBytes, let room = level.roomBytes else { return }
    if limit < smallest?.limitBytes ?? .max { smallest = level }
    if room < tightest?.roomBytes ?? .max { tightest = level }
  }
}
