// FileFacts: what is known of paths, asked of the kernel. Edge.
internal import Glibc
internal import Platform

/// Questions about files; every path is absolute.
enum FileFacts {
  /// What a path leads to, symbolic links followed.
  enum Kind {
    case file, directory, other, missing
  }

  static func kind(of path: String) -> Kind {
    var facts = stat()
    guard unsafe stat(path, &facts) == 0 else { return .missing }
    switch facts.st_mode & S_IFMT {
    case S_IFREG: return .file
    case S_IFDIR: return .directory
    default: return .other
    }
  }

  /// Whether `path` is a file that this process may execute.
  static func isExecutable(_ path: String) -> Bool {
    unsafe kind(of: path) == .file && access(path, X_OK) == 0
  }

  static func isReadable(_ path: String) -> Bool { unsafe access(path, R_OK) == 0 }

  /// The directory this process works in.
  static var workingDirectory: String {
    guard let path = unsafe getcwd(nil, 0) else { return "/" }
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
