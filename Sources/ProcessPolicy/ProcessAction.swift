// ProcessAction: what a policy asks for. Pure.

/// What the caller shall do, in this order.
public enum ProcessAction: Equatable, Sendable {
  /// Start one process in each of these slots. The count is the number of slots.
  case spawn(slots: [Int])
  /// Tell the process in this slot to finish its requests and end.
  case endGracefully(slot: Int)
  /// Let each process have so many threads from now on, also those that are started later. Those
  /// that it has already stay.
  case allowThreads(perProcess: Int)
  /// Write a line to the error log.
  case log(PolicyMessage)
  /// Give up, because no process can live: Apache's worker and event stop then.
  case stopServer(PolicyMessage)

  /// Whether it starts or ends a process.
  var isAboutProcesses: Bool {
    switch self {
    case .spawn, .endGracefully, .stopServer: true
    case .allowThreads, .log: false
    }
  }

  /// How many processes the action starts.
  public var spawnCount: Int {
    if case .spawn(let slots) = self { slots.count } else { 0 }
  }
}

/// One sentence for the error log.
public struct PolicyMessage: Equatable, Sendable {
  /// How much a message matters; names of Apache's LogLevel.
  public enum Severity: Equatable, Sendable {
    /// Worth knowing.
    case info
    /// Something is not as it should be.
    case warning
    /// Clients are worse off.
    case error
  }

  /// How much it matters.
  public var severity: Severity
  /// What, where, why, what to do.
  public var text: String

  /// A message.
  public init(_ severity: Severity, _ text: String) {
    self.severity = severity
    self.text = text
  }
}
