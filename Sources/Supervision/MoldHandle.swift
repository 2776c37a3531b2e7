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
  var link: ChildLink?
  var state = State.loading
  var deadlineMs: Int64
  /// Version of its Python, once told.
  var python = ""
  /// Why it cannot go on, once told.
  var failure: (code: Int32, message: String)?
  var timedOut = false
  /// Whether it was a worker before: it has the code of the mold that it was forked from.
  let isRefork: Bool

  init(
    generation: Int, pid: Int32, link: ChildLink, deadlineMs: Int64, isRefork: Bool = false
  ) {
    self.generation = generation
    self.pid = pid
    self.link = link
    self.deadlineMs = deadlineMs
    self.isRefork = isRefork
    if isRefork { state = .ready }
  }

  /// Ends it. It first does what it was asked before, so the channel stays open until it is gone.
  func beginClosing(deadlineMs: Int64) {
    _ = link?.send(.stop)
    state = .closing
    self.deadlineMs = deadlineMs
  }
}
