// WorkerServer+Threads: how many handler threads there are, and which connections claim one.
// Assembly.
//
// A worker begins with as many threads as it has at least. Where there cannot be more workers the
// supervisor allows it more (``WorkerSlot/threadsAllowed``), and the monitor starts the next one
// whenever all are busy and somebody waits: a request that is here already, or a connection in the
// backlog. A thread stays until its worker ends: without work it costs its stack only, and the
// lowest ones are taken first (``IdleHandlers``).
internal import Configuration
internal import Platform
internal import ProcessPolicy
internal import Scoreboard
internal import Synchronization

extension WorkerServer {
  /// Pause after a thread could not be started.
  private static let threadPauseMs: Int64 = 5_000

  // MARK: Threads.

  /// Starts the threads that each worker has, but for the first, which is the caller.
  func startThreads() throws(SystemCallError) {
    while threads.count < rule.handlers { try startThread() }
    if let monitor {
      running.append(
        try Thread(name: "monitor", blocksSignals: true) { self.watch(monitor) })
    }
  }

  /// Starts one more handler thread.
  private func startThread() throws(SystemCallError) {
    let thread = spareThread ?? makeThread(index: threads.count)
    spareThread = thread
    // Its line is read from now on.
    slot.setStartedThreads(threads.count + 1)
    do {
      running.append(
        try Thread(name: "handler-\(thread.index)", blocksSignals: false) { self.handle(thread) })
    } catch {
      slot.setStartedThreads(threads.count)
      throw error
    }
    threads.append(thread)
    spareThread = nil
  }

  /// Starts another handler thread where one is allowed and somebody waits for it. By the monitor,
  /// which polls because no handler is idle.
  func addThreadIfNeeded() {
    guard threads.count < min(slot.threadsAllowed, rule.mostHandlers),
      // One at a time: this one may be enough.
      !isStartingThread.load(ordering: .acquiring), nowMs >= nextThreadMs, othersWait
    else { return }
    isStartingThread.store(true, ordering: .relaxed)
    do {
      try startThread()
    } catch {
      isStartingThread.store(false, ordering: .relaxed)
      nextThreadMs = nowMs + Self.threadPauseMs
      guard !hasWarnedOfThreads else { return }
      hasWarnedOfThreads = true
      ErrorLog.write(
        .warn,
        "This worker cannot start its handler thread \(threads.count): \(error.reason); requests "
          + "wait for the \(threads.count) that it has. Raise the limit of processes and threads "
          + "(ulimit -u, or pids.max of the control group), or lower --threads.")
    }
  }

  /// What the threads take that were started on top, in bytes.
  var addedThreadBytes: Int64 {
    Int64(threads.count &- rule.handlers) &* LoadlinePolicy.threadBytes
  }

  // MARK: Claims.

  /// Least time between two counts.
  static let claimsMs: Int64 = 10

  /// Connections that have a request running or waiting, or probably will within a moment. A count
  /// may be ``claimsMs`` old; who came or went since is reckoned in.
  func claimsNow() -> Int {
    if nowMs - claimsCountedMs >= Self.claimsMs {
      claimsCountedMs = nowMs
      claims = 0
      table.forEach { index in claims += isClaiming(index) ? 1 : 0 }
    }
    return claims
  }

  /// Whether a connection claims a handler.
  func isClaiming(_ index: Int32) -> Bool {
    unsafe table[index].pointee.claimsHandler(nowMs: nowMs, keepAliveMs: settings.keepAliveMs)
  }
}

extension Connection {
  /// How long a connection that was just taken, or from which a head is being read, may be expected
  /// to have its request here at any moment.
  private static let freshMs: Int64 = 20
  /// How long after a response the next request may be: longer than the way to the client and back.
  private static let soonMs: Int64 = 100

  /// Whether a request of it runs or waits, or probably will within a moment.
  func claimsHandler(nowMs: Int64, keepAliveMs: Int64) -> Bool {
    switch phase {
    case .inApplication: true
    case .waiting where answered > 0: nowMs - (deadlineMs - keepAliveMs) < Self.soonMs
    case .waiting, .readingHead: nowMs - readBeganMs < Self.freshMs
    case .free, .readingBody, .sending, .lingering: false
    }
  }
}
