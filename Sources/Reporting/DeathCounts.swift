// DeathCounts: how many processes ended otherwise than they should, and why. Pure.

/// Why a process ended otherwise than it should.
public enum DeathCause: Int, CaseIterable, Sendable {
  /// A signal that the server did not send: a crash in native code, or somebody's `kill`.
  case signal
  /// The kernel killed it for want of memory.
  case outOfMemory
  /// The server killed it: a stuck request, a start or an end that took too long.
  case timeout
  /// It exited by itself.
  case exit
  /// It could not get the descriptors, memory or threads that it needs.
  case resourceShortage
  /// The server killed it: nobody in it could get Python's lock.
  case deadlock
}

/// What a process of the server is.
public enum ServerProcess: Int, CaseIterable, Sendable {
  /// Runs the application.
  case worker
  /// Has the clients' connections in daemon mode.
  case front
  /// Has the application loaded, and is forked from.
  case mold
}

/// Deaths of each kind of process by their causes, since the start of the server.
public struct DeathCounts: Equatable, Sendable {
  private var counts = [Int64](
    repeating: 0, count: ServerProcess.allCases.count * DeathCause.allCases.count)

  /// None.
  public init() {}

  /// How many of these died of that.
  public subscript(_ process: ServerProcess, _ cause: DeathCause) -> Int64 {
    get { counts[process.rawValue * DeathCause.allCases.count + cause.rawValue] }
    set { counts[process.rawValue * DeathCause.allCases.count + cause.rawValue] = newValue }
  }
}

extension DeathCause {
  /// The word for it in JSON and in metrics.
  var label: String {
    switch self {
    case .signal: "signal"
    case .outOfMemory: "out_of_memory"
    case .timeout: "timeout"
    case .exit: "exit"
    case .resourceShortage: "resource_shortage"
    case .deadlock: "deadlock"
    }
  }
}

extension ServerProcess {
  /// The word for it in JSON and in metrics.
  var label: String {
    switch self {
    case .worker: "worker"
    case .front: "front"
    case .mold: "mold"
    }
  }
}
