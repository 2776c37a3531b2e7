// RequestInterrupter: raises an exception in threads whose request is stuck. Edge.
internal import CPython
internal import Platform
internal import Server

/// Interrupts the requests that have made no progress since a given time. On a thread that is no
/// handler, and holds no lock.
///
/// The interpreter raises the exception as soon as the thread runs Python code: not while it waits
/// in the kernel, and not while native code runs (PyThreadState_SetAsyncExc). Only the main thread
/// can be made to run Python code there: by a signal. Which request a
/// thread has in hand changes with the GIL held only, so what is looked up here is the request that
/// the exception hits, or that takes it back at its end: ``HandlerThread/end(_:)``.
struct RequestInterrupter {
  let application: WSGIApplication
  /// Requests without progress since before then are stuck; ms of CLOCK_MONOTONIC.
  let limitMs: Int64
  /// The worker ends: that is the reason, and not `--timeout`.
  let isLast: Bool

  /// Interrupts all that are stuck and were not interrupted yet.
  ///
  /// - Returns: how many these were.
  func interruptAll() -> Int {
    let state = PyGILState_Ensure()
    defer { PyGILState_Release(state) }
    let gil = GIL.held()
    var count = 0
    for index in 0..<application.handlerLimit where interrupt(index, gil) { count += 1 }
    return count
  }

  /// A request that is stuck, and since when.
  private struct Stuck: Equatable {
    let request: UInt64
    let sinceMs: Int64
  }

  private func stuck(_ index: Int, _ gil: borrowing GIL) -> Stuck? {
    guard let handler = application.handler(index, gil), let exchange = unsafe handler.exchange,
      let sinceMs = exchange.stuckSinceMs, sinceMs < limitMs, handler.interruptedSinceMs != sinceMs
    else { return nil }
    return Stuck(request: exchange.requestID, sinceMs: sinceMs)
  }

  private func interrupt(_ index: Int, _ gil: borrowing GIL) -> Bool {
    guard let stuck = stuck(index, gil), let handler = application.handler(index, gil),
      let exchange = unsafe handler.exchange
    else { return false }
    let seconds = (Clock.monotonicMs() - stuck.sinceMs) / 1000
    let label = exchange.label
    // Other threads run while the stack is written down.
    let stack = MoldScript.stack(ofThread: handler.interpreterThread, gil)
    let exception = MoldScript.requestTimeout(gil)
    // Standard error may be a pipe that nobody reads.
    let threadState = unsafe PyEval_SaveThread()
    let why = isLast ? "and its worker ends (--graceful-timeout)" : "longer than --timeout"
    ErrorLog.write(
      .error,
      "\(label): no progress for \(seconds) s, \(why); plimsoll.RequestTimeout is "
        + "raised in its thread, which is here:\n\(stack)")
    unsafe PyEval_RestoreThread(threadState)
    // From the look to the exception nobody else has the GIL.
    guard let exception, self.stuck(index, gil) == stuck,
      let handler = application.handler(index, gil)
    else { return false }
    unsafe handler.interrupt(with: exception.object, sinceMs: stuck.sinceMs, gil)
    application.lockWaits?.countInterrupted()
    if index == 0 && application.mainThreadHearsSignals { handler.wakeFromWait() }
    return true
  }
}
