// ProcessState: what a process is doing, in the letters of Apache's scoreboard. Pure.

/// What a process (or, with one thread, its only handler) is doing.
///
/// Source: the key that mod_status prints below its scoreboard. The raw value is the letter.
public enum ProcessState: Character, CaseIterable, Sendable {
  /// Waits for a connection.
  case ready = "_"
  /// Starts up and accepts nothing yet.
  case starting = "S"
  /// Reads a request.
  case reading = "R"
  /// Runs the application or sends a reply. A child that imports the application inside its first
  /// request is in this state: Apache cannot tell it from one that works.
  case writing = "W"
  /// Waits for the next request of a kept-alive connection.
  case keepAlive = "K"
  /// Looks a name up.
  case resolving = "D"
  /// Closes a connection.
  case closing = "C"
  /// Writes the log.
  case logging = "L"
  /// Finishes what it began and then ends.
  case graceful = "G"
  /// Is ended because it was idle.
  case idleCleanup = "I"
  /// No process is in the slot.
  case open = "."

  /// Whether Apache counts it as spare: ready, or soon ready.
  public var isSpare: Bool { self == .ready || self == .starting }

  /// Whether it will be gone once its requests are done.
  public var isLeaving: Bool { self == .graceful || self == .idleCleanup }

  /// Whether a client has to do with it. mod_status counts these letters as busy.
  public var isBusy: Bool {
    switch self {
    case .ready, .starting, .idleCleanup, .open: false
    case .reading, .writing, .keepAlive, .resolving, .closing, .logging, .graceful: true
    }
  }
}
