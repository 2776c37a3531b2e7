// WorkerServer+Watchdog: requests that make no progress, seen from inside their worker. Assembly.
//
// A thread of its own, as it waits for the interpreter's lock: the monitor, which relieves whoever
// polls, may not. It looks at the scoreboard's lines only, so handlers need not know of it. Where
// it can do nothing (native code that runs or waits) the supervisor sees the same lines, and kills.
internal import Platform
internal import Scoreboard
internal import Synchronization

extension WorkerServer {
  /// Starts the watchdog where there is something to watch: not in fronts, and not in a scout,
  /// which must have one thread.
  func startWatchdog() throws(SystemCallError) {
    guard relay == nil, !isScout, watchRule.isNeeded else { return }
    running.append(try Thread(name: "watchdog", blocksSignals: true) { self.watchRequests() })
  }

  private func watchRequests() {
    while !finished.load(ordering: .acquiring) {
      if givesUp.load(ordering: .acquiring) {
        _ = application.interruptRequests(stuckSinceBefore: .max, isLast: true)
      }
      let nowMs = Clock.monotonicMs()
      let ageMs = slot.oldestRequest.map { nowMs - $0.sinceMs }
      if let ageMs, watchRule.probes(ageMs: ageMs) { probeLock(nowMs: nowMs) }
      if let ageMs, watchRule.interrupts(ageMs: ageMs) {
        _ = application.interruptRequests(
          stuckSinceBefore: nowMs - watchRule.interruptMs, isLast: false)
      }
      _ = watchdogParker.park(timeoutMs: watchRule.restMs(ageMs: ageMs))
    }
  }

  /// Lets the supervisor see for how long nobody gets the interpreter's lock: CPython gives it to
  /// those who wait for it every few milliseconds, if whoever has it runs Python code.
  private func probeLock(nowMs: Int64) {
    slot.setLockWanted(sinceMs: nowMs)
    application.waitForLock()
    slot.setLockWanted(sinceMs: 0)
  }
}
