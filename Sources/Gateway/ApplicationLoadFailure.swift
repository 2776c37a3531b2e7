// ApplicationLoadFailure: why an application could not be loaded. Pure.
public import Configuration

/// Why an application could not be loaded: the exit code, one sentence, and the traceback if
/// Python code of the user's failed.
public struct ApplicationLoadFailure: Error, Equatable {
  /// What went wrong.
  public enum Kind: Equatable, Sendable {
    /// What was typed is neither a module nor a file.
    case badSpecification
    /// The application's own module or file does not exist.
    case notFound
    /// The module is there and its import raised.
    case importFailed
    /// The module has no such attribute.
    case attributeMissing
    /// The attribute is not callable.
    case notCallable
  }

  /// What went wrong.
  public var kind: Kind
  /// One sentence: what, where, why, what to do.
  public var message: String
  /// The Python traceback, as Python prints it; empty where there is none.
  public var traceback = ""

  /// What the process exits with: ``ExitCode/application``, or ``ExitCode/usage`` where what was
  /// typed cannot be understood.
  public var exitCode: ExitCode { kind == .badSpecification ? .usage : .application }
}
