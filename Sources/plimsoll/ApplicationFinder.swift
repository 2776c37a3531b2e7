// ApplicationFinder: is the application where it was said to be? Edge.
internal import Configuration
internal import Platform

/// An application whose place is known.
struct FoundApplication {
  /// For ``ServerSettings/application``: a module, or an absolute path, with its callable or not.
  var reference: String
  /// Directory of the script; nil for a module, which only Python can find.
  var directory: String?

  /// Looks for the application `text`.
  ///
  /// - Parameter base: absolute directory from which relative paths start.
  /// - Throws: a sentence; exit code ``ExitCode/application`` where there is no such file.
  init(_ text: String, base: String) throws(UsageError) {
    switch try ApplicationReference(parsing: text) {
    case .file(let path, let callable):
      let path = ServerSettings.absolutePath(path, from: base)
      try Self.requireFile(path)
      self.init(file: path, callable: callable)
    case .module(let name, let callable) where name.hasSuffix(".wsgi"):
      // Django's module and a script of mod_wsgi are called alike; the script wins where it exists.
      let path = ServerSettings.absolutePath(name, from: base)
      if FileFacts.kind(of: path) == .file {
        try Self.requireFile(path)
        self.init(file: path, callable: callable)
      } else {
        try Self.refuseMisspeltScript(name, base: base)
        self.init(reference: text, directory: nil)
      }
    case .module: self.init(reference: text, directory: nil)
    }
  }

  private init(reference: String, directory: String?) {
    self.reference = reference
    self.directory = directory
  }

  private init(file path: String, callable: String?) {
    self.init(
      reference: path + (callable.map { ":\($0)" } ?? ""), directory: FileFacts.parent(of: path))
  }

  /// A name that is neither a script nor begins with a module of this directory, but is nearly the
  /// name of a script, was meant to be that script.
  private static func refuseMisspeltScript(_ name: String, base: String) throws(UsageError) {
    let entries = SmallFile.entries(base)
    let package = String(name.prefix { $0 != "." })
    if entries.contains(package) || entries.contains(package + ".py") { return }
    let near = Suggestion.phrase(for: name, among: entries.filter { $0.hasSuffix(".wsgi") })
    guard !near.isEmpty else { return }
    throw UsageError(
      "there is neither a script \(base)/\(name) nor a module \(package) beside it\(near)",
      exitCode: .application)
  }

  private static func requireFile(_ path: String) throws(UsageError) {
    switch FileFacts.kind(of: path) {
    case .file:
      guard let reason = FileFacts.refusal(.read, path) else { return }
      throw UsageError(
        "the application \(path) cannot be read: \(reason); give this user the right to read it",
        exitCode: .application)
    case .hidden(let reason):
      throw UsageError(
        "the application \(path) cannot be reached: \(reason); give this user the right to enter "
          + "every directory on the way", exitCode: .application)
    case .directory:
      throw UsageError(
        "the application \(path) is a directory; give the file in it that has the callable, "
          + "or --chdir \(path) and module:callable", exitCode: .application)
    case .other:
      throw UsageError(
        "the application \(path) is not a file; give one", exitCode: .application)
    case .missing:
      throw UsageError(
        "there is no application \(path)\(hint(for: path, in: FileFacts.parent(of: path)))",
        exitCode: .application)
    }
  }

  private static func hint(for path: String, in parent: String) -> String {
    guard FileFacts.kind(of: parent) == .directory else {
      return ": the directory \(parent) does not exist"
        + Suggestion.phrase(
          for: FileFacts.lastPart(of: parent),
          among: SmallFile.entries(FileFacts.parent(of: parent)), limit: 2)
    }
    if let reason = FileFacts.refusal(.read, parent) {
      return "; what else is in \(parent) cannot be seen: \(reason)"
    }
    let scripts = SmallFile.entries(parent).sorted().filter {
      $0.hasSuffix(".py") || $0.hasSuffix(".wsgi")
    }
    let near = Suggestion.phrase(for: FileFacts.lastPart(of: path), among: scripts)
    if !near.isEmpty { return near }
    guard !scripts.isEmpty else { return "; \(parent) holds no .py or .wsgi file" }
    let shown = scripts.prefix(5).joined(separator: ", ")
    return "; \(parent) holds \(shown)\(scripts.count > 5 ? " and others" : "")"
  }
}
