// Installation: where the other parts of Plimsoll are, seen from this program. Edge.
internal import Configuration

/// The server program and the extension that belong to this `plimsoll`.
struct Installation {
  /// Absolute path of plimsolld.
  var server: String
  /// Absolute path of the extension that Python loads.
  var pythonExtension: String

  /// Looks relative to this program: the installed layout first, then a build directory.
  ///
  /// - Throws: a sentence; exit code ``ExitCode/internalError``, or ``ExitCode/python`` for the
  ///   extension.
  init() throws(UsageError) {
    guard let program = FileFacts.resolved("/proc/self/exe") else {
      throw UsageError(
        "/proc is not mounted, and Plimsoll finds its parts through it; mount it",
        exitCode: .internalError)
    }
    let here = FileFacts.parent(of: program)
    let prefix = FileFacts.parent(of: here)
    let servers = ["\(prefix)/libexec/plimsoll/plimsolld", "\(here)/plimsolld"]
    guard let server = servers.first(where: FileFacts.isExecutable) else {
      throw UsageError(
        "plimsolld is neither at \(servers[0]) nor at \(servers[1]); install Plimsoll again",
        exitCode: .internalError)
    }
    let extensions = [
      "\(prefix)/lib/plimsoll/_plimsoll.abi3.so", "\(here)/lib_plimsoll.so",
    ]
    guard
      let pythonExtension = extensions.first(where: {
        FileFacts.kind(of: $0) == .file && FileFacts.isReadable($0)
      })
    else {
      throw UsageError(
        "the Python extension can be read neither at \(extensions[0]) nor at \(extensions[1]); "
          + "install Plimsoll again", exitCode: .python)
    }
    self.server = server
    self.pythonExtension = pythonExtension
  }
}
