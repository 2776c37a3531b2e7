// FileFacts: what is known of paths, asked of the kernel. Edge.
internal import Glibc
internal import Platform

/// Questions about files; every path is absolute.
enum FileFacts {
  /// What a path leads to, symbolic links followed.
  enum Kind: Equatable {
    case file, directory, other
    case missing
    /// Something may be there, but the kernel does not tell; `reason` as in strerror(3).
    case hidden(reason: String)
  }

  /// What a process wants to do with a file or directory, as in access(2).
  struct Access: OptionSet {
    var rawValue: Int32
    static let read = Access(rawValue: R_OK)
    static let write = Access(rawValue: W_OK)
    /// Execute a file, or reach what is in a directory.
    static let execute = Access(rawValue: X_OK)
  }

  static func kind(of path: String) -> Kind {
    var facts = stat()
    guard unsafe stat(path, &facts) == 0 else {
      let error = SystemCallError("stat")
      switch error.code {
      case ENOENT, ENOTDIR: return .missing
      default: return .hidden(reason: error.reason)
      }
    }
    switch facts.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .directory
    default: return .other
    }
  }

  /// Whether `path` is a file that this process may execute.
  static func isExecutable(_ path: String) -> Bool {
    kind(of: path) == .file && refusal(.execute, path) == nil
  }

  static func isReadable(_ path: String) -> Bool { refusal(.read, path) == nil }

  /// Why this process may not do `wanted` with `path`, as in strerror(3); nil where it may.
  static func refusal(_ wanted: Access, _ path: String) -> String? {
    unsafe access(path, wanted.rawValue) == 0 ? nil : SystemCallError("access").reason
  }

  /// The directory this process works in; nil where it was deleted.
  static var workingDirectory: String? {
    guard let path = unsafe getcwd(nil, 0) else { return nil }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
  }

  /// `path` without symbolic links; nil where it leads nowhere.
  static func resolved(_ path: String) -> String? {
    guard let resolved = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  /// `path` without its last part.
  static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  /// The last part of `path`.
  static func lastPart(of path: String) -> String {
    String(path.split(separator: "/").last ?? "")
  }
}

/// An environment variable; nil where it is not set or empty.
func environmentVariable(_ name: String) -> String? {
  Process.environment(name).flatMap { $0.isEmpty ? nil : $0 }
}
