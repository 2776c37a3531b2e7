// LogFiles: the files that the logs go to, opened and opened again. Assembly.
internal import Configuration
internal import Platform

/// The error log, which is standard error of every process, and the access log.
final class LogFiles {
  private let errorPath: String
  private let accessPath: String
  private var access: FileDescriptor?
  /// Descriptor of the access log; -1 where there is none.
  private(set) var accessNumber: Int32 = -1

  /// Opens both; the error log becomes standard error of this process.
  init(_ settings: ServerSettings) throws(StartFailure) {
    errorPath = settings.errorLogfile == "-" ? "" : settings.errorLogfile
    accessPath = settings.accessLogfile
    if accessPath == "-" { accessNumber = 1 }
    do {
      try open()
    } catch {
      throw Self.failure(error)
    }
  }

  /// Says why the logs could not be written.
  static func check(_ settings: ServerSettings) throws(StartFailure) {
    for path in [settings.errorLogfile, settings.accessLogfile] where !["", "-"].contains(path) {
      do {
        _ = try SmallFile.openLog(path)
      } catch { throw failure(OpenError(path: path, cause: error)) }
    }
  }

  private static func failure(_ error: OpenError) -> StartFailure {
    StartFailure(
      .internalError,
      "Cannot write the log \(error.path): \(error.cause); its directory must "
        + "exist and be writable for this user.")
  }

  /// What a `reopenLogs` message carries: error log, then access log.
  var descriptors: [Int32] { accessNumber < 0 ? [2] : [2, accessNumber] }

  /// A log that cannot be opened.
  struct OpenError: Error {
    var path: String
    var cause: SystemCallError
  }

  /// Opens files that may have been renamed. Where that fails the old ones stay in use.
  func open() throws(OpenError) {
    if !errorPath.isEmpty {
      do {
        try SmallFile.openLog(errorPath).install(as: 2)
      } catch { throw OpenError(path: errorPath, cause: error) }
    }
    if !accessPath.isEmpty && accessPath != "-" {
      do {
        let file = try SmallFile.openLog(accessPath)
        accessNumber = file.number
        access = consume file
      } catch { throw OpenError(path: accessPath, cause: error) }
    }
  }
}
