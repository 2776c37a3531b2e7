// ReloadWatch: source files whose change restarts the application (--reload). Edge.
internal import Platform

/// The files of the application, looked at once a second.
///
/// Watched are the files of all modules that the mold loaded, the Python files below the
/// application's directory (modules that workers import late are mostly there), and those named
/// with `--reload-extra-file`.
struct ReloadWatch {
  /// Most files that are watched; a development tree has fewer.
  static let mostFiles = 20_000
  /// Most files of the application's directory that are looked for.
  static let mostOwnFiles = 5_000

  private var files: [String: FileIdentity?] = [:]

  /// Watches files, and the Python files below a directory.
  init(files paths: [String], directory: String) {
    for path in paths + Self.sources(below: directory) where files.count < Self.mostFiles {
      files[path] = .some(SmallFile.identity(path))
    }
  }

  /// A file that changed, came or went since the last look.
  mutating func changedFile() -> String? {
    var changed: String?
    for (path, before) in files {
      let now = SmallFile.identity(path)
      if now != before {
        files[path] = .some(now)
        changed = changed ?? path
      }
    }
    return changed
  }

  /// Python files below a directory; not in hidden directories, virtual environments, or
  /// node_modules.
  static func sources(below directory: String) -> [String] {
    var found: [String] = []
    var waiting = [directory]
    while let next = waiting.popLast(), found.count < mostOwnFiles, waiting.count < mostOwnFiles {
      let entries = SmallFile.entries(next)
      if entries.contains("pyvenv.cfg") { continue }
      for entry in entries where !entry.hasPrefix(".") && entry != "node_modules" {
        let path = next == "/" ? "/\(entry)" : "\(next)/\(entry)"
        if entry.hasSuffix(".py") || entry.hasSuffix(".wsgi") {
          found.append(path)
        } else if !entry.contains("."), SmallFile.isDirectory(path) {
          waiting.append(path)
        }
      }
    }
    return found
  }
}
