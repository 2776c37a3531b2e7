// ExitCode: what the programs' exit codes mean. Pure.

/// Exit codes of `plimsolld`, and of the mold where it cannot go on; listed in docs/operations.md.
public enum ExitCode {
  /// Stopped as told.
  public static let stopped: Int32 = 0
  /// Something failed that has no code of its own; the message says what.
  public static let failed: Int32 = 1
  /// The command line or a setting is wrong.
  public static let usage: Int32 = 2
  /// An address cannot be listened on.
  public static let cannotListen: Int32 = 4
  /// Python is too old, is no CPython, cannot be started, or cannot load the extension.
  public static let python: Int32 = 5
  /// A file of the server cannot be used: pid file, log, user or group.
  public static let environment: Int32 = 6
  /// No worker of the first start became ready.
  public static let workersDie: Int32 = 7
}

/// Why the server cannot start, as one sentence, and the code to exit with.
public struct StartFailure: Error, Equatable {
  /// One of ``ExitCode``.
  public var code: Int32
  /// What, where, why, and what to do.
  public var message: String

  /// A failure.
  public init(_ code: Int32, _ message: String) {
    self.code = code
    self.message = message
  }
}
