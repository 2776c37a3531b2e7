// MoldHandle: what the supervisor knows about one mold. Assembly.
internal import Control
internal import Platform

/// A mold: a Python process that has the application loaded and only forks.
final class MoldHandle {
  enum State {
    /// Starting Python, loading the application.
    case loading
    /// Forks on command.
    case ready
    /// Was told to go.
    case closing
  }

  let generation: Int
  let pid: Int32
  var channel: ControlChannel?
  var state = State.loading
  var deadlineMs: Int64
  /// Version of its Python, once told.
  var python = ""
  /// Why it cannot go on, once told.
  var failure: (code: Int32, message: String)?
  var timedOut = false

  init(
    generation: Int, pid: Int32, channel: consuming ControlChannel, deadlineMs: Int64
  ) {
    self.generation = generation
    self.pid = pid
    self.channel = consume channel
    self.deadlineMs = deadlineMs
  }

  var channelNumber: Int32? {
    guard channel != nil else { return nil }
    return channel!.socket.number
  }

  func send(_ message: ControlMessage, descriptors: [Int32] = []) -> Bool {
    guard channel != nil else { return false }
    return channel!.send(message, descriptors: descriptors)
  }

  func receive() -> ControlArrival {
    guard channel != nil else { return .wouldBlock }
    return channel!.receive()
  }

  /// Ends it: a mold that sees the end of its channel exits.
  func close(deadlineMs: Int64) {
    channel = nil
    state = .closing
    self.deadlineMs = deadlineMs
  }
}
