// StaticMount: one directory that is served, and where. Pure.

/// One `--static /url=dir`.
public struct StaticMount: Equatable, Sendable {
  /// URL prefix: starts with `/`, ends without one; `/` itself is the whole site. Escapes (`%20`)
  /// are decoded.
  public var prefix: String
  /// Directory served below it.
  public var directory: String
  /// Whether symbolic links below the directory are followed: relative ones that stay below it.
  public var followsSymlinks: Bool

  /// A directory at a prefix.
  public init(prefix: String, directory: String, followsSymlinks: Bool) {
    self.prefix = prefix
    self.directory = directory
    self.followsSymlinks = followsSymlinks
  }
}
