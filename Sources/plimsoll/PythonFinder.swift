// PythonFinder: which interpreter runs the application. Edge.
internal import Configuration
internal import Platform

/// An interpreter and why it is the one.
struct FoundPython {
  /// Absolute path. Symbolic links are kept: they are what makes a virtual environment one.
  var path: String
  /// Where it comes from.
  var origin: SettingOrigin

  /// Names that people give to the virtual environment of a project.
  private static let environmentNames = [".venv", "venv", "env"]

  /// Looks for the interpreter: what was asked for, else the active virtual environment's, else
  /// that of an environment next to the application, else python3 on PATH.
  ///
  /// - Parameter asked: value of `--python`; empty where it was not given.
  /// - Parameter directories: where the application is, nearest first.
  /// - Parameter base: absolute directory from which relative paths start.
  /// - Throws: a sentence; exit code ``ExitCode/python``.
  init(asked: String, directories: [String], base: String) throws(UsageError) {
    if !asked.isEmpty {
      path = try Self.resolve(asked, base: base)
      origin = .option("--python")
      return
    }
    if let environment = environmentVariable("VIRTUAL_ENV") {
      guard let found = Self.interpreter(ofEnvironment: environment) else {
        throw UsageError(
          "VIRTUAL_ENV names \(environment), which holds no executable bin/python; deactivate it "
            + "or give --python", exitCode: .python)
      }
      path = found
      origin = .environment("VIRTUAL_ENV")
      return
    }
    for directory in directories {
      for name in Self.environmentNames {
        let environment = ServerSettings.absolutePath(name, from: directory)
        if let found = Self.interpreter(ofEnvironment: environment) {
          path = found
          origin = .decided("\(environment) is next to the application")
          return
        }
      }
    }
    guard let found = Self.onPath("python3") else {
      throw UsageError(
        "there is no Python: no virtual environment is active or next to the application, and "
          + "python3 is not on PATH; install Python 3.11 or newer, or give --python",
        exitCode: .python)
    }
    path = found
    origin = .decided(
      "python3 on PATH, as no virtual environment is active or next to the application")
  }

  /// What `--python` names: an environment's directory, a file, or a program on PATH.
  private static func resolve(_ asked: String, base: String) throws(UsageError) -> String {
    let absolute = ServerSettings.absolutePath(asked, from: base)
    switch FileFacts.kind(of: absolute) {
    case .directory:
      if let found = interpreter(ofEnvironment: absolute) { return found }
      throw UsageError(
        "--python \"\(asked)\" is a directory without an executable bin/python; give a virtual "
          + "environment or an interpreter", exitCode: .python)
    case .file where FileFacts.isExecutable(absolute): return absolute
    case .file, .other:
      if !asked.contains("/"), let found = onPath(asked) { return found }
      throw UsageError(
        "--python \"\(asked)\" cannot be executed; give an interpreter, for example "
          + "/usr/bin/python3", exitCode: .python)
    case .hidden(let reason):
      throw UsageError(
        "--python \"\(asked)\": \(absolute) cannot be reached: \(reason); give this user the right "
          + "to enter every directory on the way", exitCode: .python)
    case .missing:
      if !asked.contains("/"), let found = onPath(asked) { return found }
      throw UsageError(
        "--python \"\(asked)\": there is no \(absolute)"
          + (asked.contains("/") ? "" : ", and no \(asked) on PATH")
          + hint(asked, absolute: absolute, base: base), exitCode: .python)
    }
  }

  /// What to do about an interpreter that does not exist. A shell completes paths from where the
  /// person stands, while here they start from --chdir: that is the likeliest mistake.
  private static func hint(_ asked: String, absolute: String, base: String) -> String {
    if let here = FileFacts.workingDirectory, here != base {
      let meant = ServerSettings.absolutePath(asked, from: here)
      switch FileFacts.kind(of: meant) {
      case .file, .directory:
        return "; relative paths start from --chdir: give --python \(meant)"
      default: break
      }
    }
    let near = Suggestion.phrase(
      for: FileFacts.lastPart(of: absolute),
      among: SmallFile.entries(FileFacts.parent(of: absolute)))
    return near.isEmpty ? "; give an interpreter or a virtual environment that exists" : near
  }

  private static func interpreter(ofEnvironment directory: String) -> String? {
    for name in ["python", "python3"] {
      let path = ServerSettings.absolutePath("bin/\(name)", from: directory)
      if FileFacts.isExecutable(path) { return path }
    }
    return nil
  }

  private static func onPath(_ name: String) -> String? {
    let path = environmentVariable("PATH") ?? "/usr/local/bin:/usr/bin:/bin"
    for directory in path.split(separator: ":") where directory.hasPrefix("/") {
      let candidate = ServerSettings.absolutePath(name, from: String(directory))
      if FileFacts.isExecutable(candidate) { return candidate }
    }
    return nil
  }
}
