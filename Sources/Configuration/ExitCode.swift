// ExitCode: how the programs say why they ended. Pure.

/// Exit codes of `plimsoll`, `plimsolld` and the processes below it;
/// `docs/reference/exit-codes.md`.
public enum ExitCode: Int32, CaseIterable, Sendable {
  /// Ended as asked.
  case ok = 0
  /// A fault of Plimsoll itself, or of its installation.
  case internalError = 1
  /// The command line or a setting is wrong.
  case usage = 2
  /// The application was not found or cannot be imported, or its callable is not one.
  case application = 3
  /// An address cannot be bound.
  case bind = 4
  /// The Python interpreter is missing, too old, or cannot load the extension.
  case python = 5
  /// A permission is missing, or the user or group is unknown.
  case permission = 6
  /// Workers keep dying at their start.
  case workersDie = 7
  /// The machine is short of something a process needs: descriptors, memory, threads.
  case resources = 8
  /// `status` and `ctl`: no server runs where one is asked for, or it ended meanwhile.
  case noServer = 9
  /// `ctl`: what was asked for did not happen in time; it still may.
  case notInTime = 10
}

/// What was wrong with the words a person typed, as one sentence, and the code to exit with.
public struct UsageError: Error, Equatable, Sendable {
  /// One sentence: what was given, where, why it cannot be, what to do.
  public var message: String
  /// What the program exits with.
  public var exitCode: ExitCode

  /// A sentence; the exit code is ``ExitCode/usage`` unless another is given.
  public init(_ message: String, exitCode: ExitCode = .usage) {
    self.message = message
    self.exitCode = exitCode
  }
}

/// The release of this build.
public enum Release {
  /// Version as in `plimsoll --version`; semantic versioning.
  public static let version = "0.1.0"
}
