// Control groups: texts of both versions in a temporary tree, and real ones where that is possible.
import Foundation
import Glibc
import Testing

@testable import Platform

/// A tree of files that looks like a mounted hierarchy; removed when its owner goes.
final class GroupTree {
  let path: String

  init() {
    path = NSTemporaryDirectory() + "plimsoll-groups-\(UUID().uuidString)"
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func add(_ group: String, _ files: [String: String]) {
    let directory = path + group
    try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for (name, text) in files { write(text, to: "\(directory)/\(name)") }
  }

  /// A group of version 2.
  func unified(
    _ group: String, max: String = "max", high: String = "max", current: Int64,
    stat: String = "inactive_file 0\n"
  ) {
    add(
      group,
      [
        "memory.max": max + "\n", "memory.high": high + "\n", "memory.current": "\(current)\n",
        "memory.stat": stat, "memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 0\n",
      ])
  }
}

@Suite struct MemoryGroupTests {
  private func found(_ tree: GroupTree, _ path: String, root: String = "/") -> MemoryGroup? {
    MemoryGroup.find(
      groups: "0::\(path)\n",
      mounts: "30 23 0:26 \(root) / rw,nosuid shared:9 - cgroup2 cgroup2 rw\n", prefix: tree.path)
  }

  @Test func theSmallestLimitOnTheWayToTheRootHolds() throws {
    let tree = GroupTree()
    tree.add("", ["memory.stat": "inactive_file 9\n"])
    tree.unified("/pod", max: "1000", current: 900, stat: "inactive_file 300\n")
    tree.unified("/pod/site", max: "2000", current: 500, stat: "inactive_file 100\n")
    let group = try #require(found(tree, "/pod/site"))
    #expect(group.path == "/pod/site" && group.version == .two)
    let reading = try #require(group.read())
    #expect(reading.smallest?.path == "/pod" && reading.smallest?.limitBytes == 1000)
    #expect(reading.smallest?.workingSetBytes == 600 && reading.smallest?.roomBytes == 400)
    #expect(reading.own.path == "/pod/site" && reading.own.workingSetBytes == 400)
    #expect(group.outOfMemoryKills() == 2)
    #expect(OutOfMemoryCounter(group).kills == 2)
  }

  @Test func aFullGroupFurtherOutBinds() throws {
    let tree = GroupTree()
    tree.unified("/pod", max: "1000", current: 990)
    tree.unified("/pod/site", max: "500", current: 100)
    let reading = try #require(found(tree, "/pod/site")?.read())
    #expect(reading.smallest?.path == "/pod/site")
    #expect(reading.tightest?.path == "/pod" && reading.tightest?.roomBytes == 10)
  }

  @Test(
    arguments: [
      ("max", "max", nil, ""), ("100", "max", 100, "memory.max"), ("max", "90", 90, "memory.high"),
      ("100", "99", 99, "memory.high"), ("100", "100", 100, "memory.max"),
      ("100", "101", 100, "memory.max"), ("0", "max", 0, "memory.max"),
    ] as [(String, String, Int64?, String)])
  func theLineOfThrottlingIsALimitToo(max: String, high: String, limit: Int64?, file: String) throws
  {
    let tree = GroupTree()
    tree.unified("/site", max: max, high: high, current: 7)
    let reading = try #require(found(tree, "/site")?.read())
    #expect(reading.own.limitBytes == limit && reading.own.limitFile == file)
    #expect((reading.smallest == nil) == (limit == nil))
    #expect((reading.tightest == nil) == (limit == nil))
    #expect(reading.own.roomBytes == limit.map { $0 - 7 })
  }

  @Test func cacheThatCanBeDroppedDoesNotCount() throws {
    let tree = GroupTree()
    let stat = "anon 100\nfile 900\nshmem 50\nfile_mapped 150\ninactive_file 300\nactive_file 550\n"
    tree.unified("/site", max: "2000", current: 1100, stat: stat)
    let own = try #require(found(tree, "/site")?.read()).own
    #expect(own.workingSetBytes == 800)
    // Of the cache 100 bytes are mapped: the other 750 can go.
    #expect(own.heldBytes == 350)
  }

  @Test func containersAreFoundByTheirMount() throws {
    let tree = GroupTree()
    tree.unified("", max: "1000", current: 1)
    tree.unified("/inner", max: "800", current: 1)
    // Without a namespace of its own the path is the host's, and the mount shows a part.
    #expect(found(tree, "/docker/abc", root: "/docker/abc")?.path == "/")
    #expect(found(tree, "/docker/abc/inner", root: "/docker/abc")?.path == "/inner")
    #expect(found(tree, "/docker/abcd", root: "/docker/abc")?.path == "/")
    // With one it is the root, or lies outside of it.
    #expect(found(tree, "/")?.path == "/")
    #expect(found(tree, "/../other")?.path == "/")
    // A group without the controller is bound by its parent.
    #expect(found(tree, "/inner/session/unit")?.path == "/inner")
    #expect(found(tree, "/inner/session/unit")?.read()?.smallest?.limitBytes == 800)
  }

  @Test func whatIsNotThereIsNotFound() {
    let tree = GroupTree()
    #expect(found(tree, "/site") == nil)
    #expect(MemoryGroup.find(groups: "", mounts: "") == nil)
    #expect(MemoryGroup.find(groups: "0::/\n", mounts: "nonsense\n1 2 3 4 5 6 -\n") == nil)
    tree.unified("", current: 1)
    #expect(MemoryGroup.find(groups: "0::/\n", mounts: "", prefix: tree.path) == nil)
  }

  /// A group of version 1.
  private func files(
    _ limit: String, _ usage: Int64, hierarchical: String = "9223372036854771712",
    useHierarchy: Int = 1
  ) -> [String: String] {
    [
      "memory.limit_in_bytes": limit + "\n", "memory.usage_in_bytes": "\(usage)\n",
      "memory.use_hierarchy": "\(useHierarchy)\n",
      "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n",
      "memory.stat":
        "inactive_file 1\nhierarchical_memory_limit \(hierarchical)\ntotal_shmem 0\n"
        + "total_inactive_file 30\ntotal_active_file 0\ntotal_mapped_file 0\n",
    ]
  }

  private func foundOne(_ tree: GroupTree, _ path: String, root: String = "/") -> MemoryGroup? {
    MemoryGroup.find(
      groups: "9:name=systemd:/\n4:cpuset,memory:\(path)\n0::/else\n",
      mounts: """
        30 23 0:25 / /unified rw - cgroup2 cgroup2 rw
        31 23 0:26 / /cpu rw - cgroup cgroup rw,cpu
        32 23 0:27 \(root) /a\\040b rw shared:9 master:3 - cgroup cgroup rw,cpuset,memory

        """, prefix: tree.path)
  }

  @Test func versionOneIsReadInHybridSystems() throws {
    let tree = GroupTree()
    tree.add("/a b", files("9223372036854771712", 5000))
    tree.add("/a b/pod", files("1000", 700))
    tree.add("/a b/pod/site", files("9223372036854771712", 500, hierarchical: "1000"))
    let group = try #require(foundOne(tree, "/pod/site"))
    #expect(group.version == .one && group.path == "/pod/site")
    #expect(group.outOfMemoryKills() == 5 && group.pressure() == nil)
    let reading = try #require(group.read())
    #expect(reading.smallest?.path == "/pod" && reading.smallest?.workingSetBytes == 670)
    #expect(reading.own.limitBytes == nil && reading.own.workingSetBytes == 470)
  }

  @Test(arguments: [("900", "above /"), ("1000", "/"), ("1001", "/")])
  func versionOneTellsLimitsOutOfSight(hierarchical: String, path: String) throws {
    let tree = GroupTree()
    tree.add("/a b", files("1000", 700, hierarchical: hierarchical))
    let group = try #require(foundOne(tree, "/docker/abc", root: "/docker/abc"))
    let smallest = try #require(group.read()?.smallest)
    #expect(smallest.path == path)
    #expect(smallest.limitBytes == min(1000, Int64(hierarchical) ?? 0))
    #expect(smallest.workingSetBytes == 670)
  }

  @Test func parentsThatLeaveTheirChildrenAloneDoNotBind() throws {
    let tree = GroupTree()
    tree.add("/a b", files("9223372036854771712", 5000))
    tree.add("/a b/pod", files("1000", 700, useHierarchy: 0))
    tree.add("/a b/pod/site", files("2000", 500))
    #expect(try #require(foundOne(tree, "/pod/site")?.read()).smallest?.limitBytes == 2000)
  }

  @Test func thisProcessIsInAGroupOrInNone() {
    guard let group = MemoryGroup.find() else { return }
    #expect(group.read() != nil)
    #expect((OutOfMemoryCounter().kills ?? 0) >= 0)
  }
}

/// Groups of version 1 that the kernel keeps: they need root and the mounted hierarchy.
@Suite(
  .enabled(
    if: geteuid() == 0
      && FileManager.default.fileExists(atPath: "/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    "needs root and a mounted memory hierarchy of control groups version 1"))
struct RealMemoryGroupTests {
  static let mount = "/sys/fs/cgroup/memory"

  /// A group that is removed when its owner goes; its processes have to be gone by then.
  final class RealGroup {
    let path: String
    var directory: String { RealMemoryGroupTests.mount + path }

    /// nil where making groups is not allowed, as in many containers.
    init?(_ path: String, limitBytes: Int64?) {
      self.path = path
      guard unsafe mkdir(RealMemoryGroupTests.mount + path, 0o755) == 0 else { return nil }
      if let limitBytes { write("\(limitBytes)\n", to: "\(directory)/memory.limit_in_bytes") }
    }

    /// Runs a command in the group, and waits for its end. With system(3): Foundation's Process
    /// sees an end only when those that other tests started meanwhile have ended too.
    func run(_ command: String) {
      let line = "echo $$ > \(directory)/cgroup.procs && \(command)"
      let code = unsafe system("/bin/sh -c '\(line)'")
      precondition(code != -1 && code != 127 << 8)
    }

    deinit { unsafe rmdir(directory) }
  }

  @Test func nestedLimitsAndUsageAreRead() throws {
    let name = "/plimsoll-test-\(UUID().uuidString)"
    guard let outer = RealGroup(name, limitBytes: 64 << 20),
      let inner = RealGroup("\(name)/inner", limitBytes: 128 << 20)
    else {
      print("skipped: this user may not make control groups here")
      return
    }
    let group = try #require(MemoryGroup(.one, mountPoint: Self.mount, path: inner.path))
    #expect(group.path == inner.path)
    let reading = try #require(group.read())
    #expect(reading.smallest?.path == outer.path)
    #expect(reading.smallest?.limitBytes == 64 << 20)
    #expect(reading.own.limitBytes == 128 << 20)
    #expect(reading.own.workingSetBytes >= 0)
    #expect(group.outOfMemoryKills() == 0)
    // Page cache of a file that was written once can be dropped, and does not count.
    let file = NSTemporaryDirectory() + "plimsoll-cache-\(UUID().uuidString)"
    defer { _ = unsafe unlink(file) }
    inner.run("dd if=/dev/zero of=\(file) bs=1M count=16 status=none && sync \(file)")
    let own = try #require(group.read()).own
    #expect(own.workingSetBytes < 12 << 20)
    #expect(own.heldBytes <= own.workingSetBytes)
  }

  @Test func killsAreCounted() throws {
    let name = "/plimsoll-test-\(UUID().uuidString)"
    guard let made = RealGroup(name, limitBytes: 8 << 20) else {
      print("skipped: this user may not make control groups here")
      return
    }
    let group = try #require(MemoryGroup(.one, mountPoint: Self.mount, path: made.path))
    let counter = OutOfMemoryCounter(group)
    #expect(counter.kills == 0)
    // Without an end of line tail keeps all of it. Swap is off for the group.
    write("0\n", to: "\(made.directory)/memory.swappiness")
    made.run("exec tail /dev/zero")
    #expect(counter.kills == 1)
    #expect(group.read()?.smallest?.limitBytes == 8 << 20)
  }
}
