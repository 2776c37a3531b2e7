// StartFailure: why the server cannot start. Pure.
public import Configuration

/// Why the server cannot start, as one sentence, and the code to exit with.
public struct StartFailure: Error, Equatable {
  /// What the program exits with.
  public var code: ExitCode
  /// What, where, why, and what to do.
  public var message: String

  /// A failure.
  public init(_ code: ExitCode, _ message: String) {
    self.code = code
    self.message = message
  }
}
