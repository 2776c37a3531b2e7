// StaticSiteError: why a directory cannot be served. Assembly.
public import Platform

/// A mount that cannot be served.
public struct StaticSiteError: Error, Equatable, CustomStringConvertible {
  /// What is wrong with a mount.
  public enum Problem: Equatable, Sendable {
    /// The directory cannot be opened.
    case directory(SystemCallError)
    /// Another mount has the same prefix.
    case prefixTwice
    /// The prefix does not start with `/`, ends with one, has empty, `.` or `..` segments, a broken
    /// escape, or bytes that are refused in paths.
    case prefixForm
  }

  /// The mount, as configured.
  public var mount: StaticMount
  /// What is wrong.
  public var problem: Problem

  /// A mount with its problem.
  public init(mount: StaticMount, problem: Problem) {
    self.mount = mount
    self.problem = problem
  }

  /// One sentence for the operator.
  public var description: String {
    let words = "static files \(mount.prefix)=\(mount.directory)"
    switch problem {
    case .directory(let error):
      return "\(words): the directory cannot be opened (\(error.reason)); "
        + "create it, correct the path, or give the server's user access to it"
    case .prefixTwice:
      return "\(words): the URL \(mount.prefix) is given twice; keep one directory for it"
    case .prefixForm:
      return "\(words): the URL has to start with /, must not end with one, and cannot have "
        + "empty, . or .. segments, broken % escapes, backslashes or control characters; "
        + "write it like /static"
    }
  }
}
