// ProcessGroup+Limits: workers that have used up what they may. Assembly.
internal import Configuration
internal import Control
internal import Platform
internal import ProcessPolicy
internal import Scoreboard

extension ProcessGroup {
  /// Time between two looks at what workers have used, ms.
  private static let limitsMs: Int64 = 500

  /// Replaces workers that are over a limit, after what they have in hand. A scout serves for a
  /// short time only.
  func checkLimits(nowMs: Int64) {
    guard limits.areSet, nowMs >= nextLimitsMs, phase == .running else { return }
    nextLimitsMs = nowMs + Self.limitsMs
    for worker in workers where worker.state == .ready && !worker.isScout {
      let cpuMs = limits.cpuMs > 0 ? ProcessGlance.read(worker.pid)?.cpuMs ?? 0 : 0
      guard
        let reason = limits.reason(
          slot: worker.slot, servingMs: nowMs - (worker.readySinceMs ?? nowMs), cpuMs: cpuMs,
          memoryBytes: worker.memoryBytes ?? 0)
      else { continue }
      ErrorLog.write(
        .notice, "\(worker.name) (pid \(worker.pid)) \(reason); it finishes and is replaced")
      drain(worker, nowMs: nowMs)
    }
  }

  /// A worker goes by itself.
  func retires(
    _ worker: WorkerHandle, because reason: RetireReason, kibibytes: Int32, nowMs: Int64
  ) {
    worker.scoutIsCancelled = true
    let text: String
    switch reason {
    case .requests: text = "has served --max-requests"
    case .connections: text = "has had --max-connections-per-child"
    case .signal: text = "was sent SIGTERM"
    case .memory:
      text =
        "has \((Int64(kibibytes) << 10).asSize) for itself, more than --memory-limit "
        + settings.memoryLimitBytes.asSize
    }
    ErrorLog.write(
      reason == .memory ? .notice : .info,
      "\(worker.name) (pid \(worker.pid)) \(text); it finishes and is replaced")
    beginDraining(worker, isEvicted: reason == .signal, nowMs: nowMs)
  }

  /// A worker has no more requests, and runs Python's exit handlers.
  func isExiting(_ worker: WorkerHandle, nowMs: Int64) {
    guard worker.state == .ready || worker.state == .draining else { return }
    worker.state = .draining
    worker.lateReason = .shutdownTimeout(seconds: settings.shutdownTimeoutMs / 1000)
    worker.deadlineMs = nowMs + settings.shutdownTimeoutMs
  }

  /// A worker has had its time for requests. They are interrupted where that is possible, and what
  /// comes after them gets `--shutdown-timeout`; else there is time for its stacks only.
  func giveUpRequests(of worker: WorkerHandle, nowMs: Int64) {
    Signal.send(Signal.dumpStacks, to: worker.pid)
    let interrupts = settings.interruptTimeoutMs > 0 && !worker.isScout
    let isTold = interrupts && worker.link?.send(.giveUp) == true
    worker.deadlineMs = nowMs + (isTold ? settings.shutdownTimeoutMs : Self.lastWordsMs)
  }
}
