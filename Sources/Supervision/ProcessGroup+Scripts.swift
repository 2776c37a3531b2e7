// ProcessGroup+Scripts: files whose touch restarts a group (script reloading). Assembly.
internal import Configuration
internal import Platform

/// The scripts of a group as they were when it was last started.
struct ScriptWatch {
  /// Least time between two looks: stat(2) for each script.
  static let everyMs: Int64 = 1_000

  private let paths: [String]
  private var seen: [FileIdentity?]
  private var nextMs: Int64 = 0

  /// Watches the files among the applications of `settings`; nothing where that is turned off.
  /// Applications that are named as modules have no script.
  init(_ settings: ServerSettings) {
    paths =
      settings.scriptReloading && !settings.usesApachePolicy
      ? settings.applications.compactMap { Self.file($0.application) } : []
    seen = paths.map { SmallFile.identity($0) }
  }

  private static func file(_ application: String) -> String? {
    guard case .file(let path, _)? = try? ApplicationReference(parsing: application),
      path.hasPrefix("/")
    else { return nil }
    return path
  }

  /// A script that was changed or touched since the last look, if it is time for one. One that is
  /// gone is waited for: editors and deployments put the new file into the place of the old.
  mutating func changed(nowMs: Int64) -> String? {
    guard !paths.isEmpty, nowMs >= nextMs else { return nil }
    nextMs = nowMs + Self.everyMs
    var changed: String?
    for index in paths.indices {
      guard let now = SmallFile.identity(paths[index]), now != seen[index] else { continue }
      seen[index] = now
      changed = changed ?? paths[index]
    }
    return changed
  }
}

extension ProcessGroup {
  /// Restarts gracefully where a script was touched.
  func followScripts(nowMs: Int64) {
    guard let path = scripts.changed(nowMs: nowMs) else { return }
    restart(because: "\(path) was changed or touched", nowMs: nowMs)
  }
}
