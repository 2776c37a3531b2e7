// MountTable: the open directories, found by URL prefix. Assembly.
internal import Bytes
internal import Platform

/// The mounts, longest prefix first, so that the first one that covers a path is the right one.
@safe struct MountTable: ~Copyable {
  /// A mount with its directory open.
  @safe struct Mount: ~Copyable {
    /// The prefix, decoded; empty for the whole site.
    let prefix: UnsafeMutableBufferPointer<UInt8>
    let directory: Directory
    let followsSymlinks: Bool

    deinit { unsafe prefix.deallocate() }
  }

  /// Number of mounts.
  private(set) var count = 0
  private let mounts: UnsafeMutablePointer<Mount>

  /// Opens every directory.
  ///
  /// - Throws: the first mount that cannot be served, with the reason.
  init(_ configured: [StaticMount], allowsOpenat2: Bool) throws(StaticSiteError) {
    unsafe mounts = .allocate(capacity: max(configured.count, 1))
    var decoded: [(prefix: [UInt8], mount: StaticMount)] = []
    for mount in configured {
      guard let prefix = PathPrefix.decode(mount.prefix) else {
        throw StaticSiteError(mount: mount, problem: .prefixForm)
      }
      guard !decoded.contains(where: { $0.prefix == prefix }) else {
        throw StaticSiteError(mount: mount, problem: .prefixTwice)
      }
      decoded.append((prefix, mount))
    }
    decoded.sort { $0.prefix.count > $1.prefix.count }
    for (bytes, mount) in decoded {
      let directory: Directory
      do throws(SystemCallError) {
        directory = try Directory(mount.directory, allowsOpenat2: allowsOpenat2)
      } catch {
        throw StaticSiteError(mount: mount, problem: .directory(error))
      }
      let prefix = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
      _ = unsafe prefix.initialize(from: bytes)
      unsafe (mounts + count).initialize(
        to: Mount(
          prefix: prefix, directory: directory, followsSymlinks: mount.followsSymlinks))
      count += 1
    }
  }

  deinit {
    unsafe mounts.deinitialize(count: count)
    unsafe mounts.deallocate()
  }

  /// The prefix of the mount at `index`, 0..<``count``; empty for the whole site. Valid as long as
  /// the table.
  borrowing func prefix(of index: Int) -> UnsafeBufferPointer<UInt8> {
    precondition(index >= 0 && index < count)
    return unsafe UnsafeBufferPointer(mounts[index].prefix)
  }

  /// Opens a file below the mount at `index`; see ``Directory/openFile(_:followsSymlinks:)``.
  borrowing func openFile(
    _ path: borrowing StaticPath, below index: Int
  ) throws(SystemCallError) -> FileDescriptor {
    precondition(index >= 0 && index < count)
    return try unsafe mounts[index].directory.openFile(
      path.bytes, followsSymlinks: mounts[index].followsSymlinks)
  }

  /// Index of the first mount that covers `path`, or -1. Allocates: never.
  borrowing func index(covering path: Span<UInt8>) -> Int {
    guard !path.isEmpty, path[0] == UInt8(ascii: "/") else { return -1 }
    for index in 0..<count
    where unsafe PathPrefix.covered(by: UnsafeBufferPointer(mounts[index].prefix), path) >= 0 {
      return index
    }
    return -1
  }
}
