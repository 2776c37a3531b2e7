// WorkerServer+Poll: the threads of a worker and the loop that one of them runs. Assembly.
internal import Configuration
internal import Control
internal import Platform
internal import Scoreboard
internal import Synchronization

extension WorkerServer {
  /// Longest stay inside the application before the role is taken away, while requests are short.
  private static let patienceMs: Int64 = 4
  /// The same while requests are known to be slow.
  private static let shortPatienceMs: Int64 = 1
  /// Rounds without any request after which the monitor rests.
  private static let restAfterRounds = 64
  /// How often a front looks whether what it posted ahead is taken up, while it has nothing else to
  /// do.
  private static let postsLookMs: Int64 = 2
  /// Events, less one and a power of two less one, after which a front looks for answers.
  private static let answersEach = 15

  // MARK: Handler threads.

  /// The life of a handler thread.
  func handle(_ thread: HandlerThread) {
    application.attachThread(thread.index)
    isStartingThread.store(false, ordering: .releasing)
    while !finished.load(ordering: .acquiring) {
      if thread.mayPoll {
        thread.mayPoll = false
        poll(thread)
      }
      serveReady(thread)
      application.threadWillBlock(thread.index)
      guard rest(thread) else { continue }
      _ = thread.parker.park()
    }
    // The main thread first waits for the others, which need the lock that it would hold.
    if thread.index != 0 { application.detachThread(thread.index) }
  }

  /// Puts the thread among the idle; false where there is something to do instead.
  private func rest(_ thread: HandlerThread) -> Bool {
    lock.take()
    defer { lock.give() }
    if thread.mayPoll || ready.count > 0 { return false }
    idle.insert(thread.index)
    // The monitor gives the role back as soon as somebody can run the application again, and a gate
    // opens for each handler that becomes free.
    if monitorPolls || gateIsClosed { wakeup.ring() }
    return true
  }

  /// Answers requests that were queued while no handler was free. Without the role.
  private func serveReady(_ thread: HandlerThread) {
    while true {
      lock.take()
      let index = ready.pop()
      if index >= 0 { showReadyQueue() }
      lock.give()
      guard index >= 0 else { return }
      let nowMs = Clock.monotonicMs()
      takenUpMs.store(nowMs, ordering: .relaxed)
      _ = serveQueued(index, thread, nowMs: nowMs, holdsRole: false)
    }
  }

  /// Gives the role to an idle handler; false where none is idle. Called by the holder.
  func passRole() -> Bool {
    lock.take()
    guard let index = idle.popLowest() else {
      lock.give()
      return false
    }
    threads[index].mayPoll = true
    monitorPolls = false
    lock.give()
    threads[index].parker.unpark()
    return true
  }

  // MARK: The loop.

  /// Polls until the role is lost or the server is finished.
  func poll(_ thread: HandlerThread) {
    pollerIsHandler = !thread.isMonitor
    stuckSinceMs = nowMs
    // Who finds all handlers busy for a moment only closes nobody.
    if !connectionsHoldHandlers {
      nextIdleLookMs = thread.isMonitor && relay == nil ? nowMs + Self.idleLookMs : .max
    }
    if !thread.isMonitor {
      // The monitor leaves what waits for a handler where it is, and does not say so.
      hasHandBacks.store(true, ordering: .relaxed)
    }
    while true {
      while batchPosition < batch.count {
        let position = batchPosition
        batchPosition += 1
        guard dispatch(batch.token(position), batch.events(position), thread) else { return }
        if let relay, position & Self.answersEach == Self.answersEach { takeAnswers(relay, thread) }
      }
      if hasHandBacks.load(ordering: .acquiring) {
        guard takeHandBacks(thread) else { return }
        readWaitingLanes(thread)
        if let relay { feedWaitingUploads(relay, thread) }
      }
      if let relay {
        takeAnswers(relay, thread)
      } else if !letterboxes.isEmpty {
        guard servePosted(thread) else { return }
      }
      while true {
        let index = timers.expired(nowMs: nowMs)
        if index < 0 { break }
        expire(index, thread)
      }
      if nowMs >= shedDueMs { shedOverdue(thread) }
      if nowMs != growthLookMs { lookAtGrowth() }
      if retireAfter != .max && served.load(ordering: .relaxed) >= retireAfter { hasServedEnough() }
      if rule.lifetimeConnections != .max && rule.isSpent(acceptLoad) {
        retire(.connections)
      }
      if hasReleases.load(ordering: .relaxed) && !thread.isMonitor {
        // This waits for the interpreter's lock, so the role can be taken away meanwhile.
        let token = role.enterApplication()
        wakeMonitor()
        releaseOwners(thread)
        guard role.leaveApplication(token) else { return }
      }
      if let accessLog, nowMs >= accessLog.dueMs { accessLog.flush() }
      if nowMs >= censusDueMs { takeCensus() }
      if finishIfDrained() { return }
      if thread.isMonitor && relay == nil {
        if passRole() { return }
      } else {
        application.threadWillBlock(thread.index)
      }
      if nowMs >= nextIdleLookMs { lookBeyondHandlers() }
      let standsIn = thread.isMonitor && relay == nil
      if !isListening || standsIn || rule.gate != nil || knowsClaims { reviewListening() }
      if standsIn { addThreadIfNeeded() }
      let isIdle = !hasHandBacks.load(ordering: .relaxed)
      wait(atMostMs: isIdle && saysThatItSleeps() ? waitMs() : 0)
      saysThatItWoke()
      batchPosition = 0
      if batch.count > 0 { noteChange() }
    }
  }

  /// Waits for events, and notes whether anybody was in the backlog.
  private func wait(atMostMs: Int32) {
    let isWhole: Bool
    if isListening && rule.sleepsApart {
      isWhole = idleEpoll?.wait(into: batch, timeoutMs: atMostMs) ?? false
    } else {
      isWhole = epoll.wait(into: batch, timeoutMs: atMostMs)
    }
    setClock(Clock.monotonicMicroseconds())
    guard isListening else { return }
    calmBeforeMs = calmMs
    // Taken back by ``accept(_:)``, where a listening socket was in the batch.
    if isWhole && batch.count < batch.capacity { calmMs = nowMs }
  }

  /// Says to those who share memory with this process that it is about to sleep. False where there
  /// is something to do already.
  private func saysThatItSleeps() -> Bool {
    guard let relay else { return letterboxes.isEmpty || sleepsUnposted() }
    return relay.sleepsUnanswered()
  }

  private func saysThatItWoke() {
    guard let relay else { return wokeUp() }
    relay.wokeUp()
  }

  private func waitMs() -> Int32 {
    var wait = timers.waitMs(nowMs: nowMs)
    if let relay, relay.hasPostsAhead {
      wait = wait < 0 ? Self.postsLookMs : min(wait, Self.postsLookMs)
    }
    if let accessLog, accessLog.dueMs != .max {
      let due = max(0, accessLog.dueMs - nowMs)
      wait = wait < 0 ? due : min(wait, due)
    }
    var next = min(listenAgainMs, censusDueMs, nextIdleLookMs, shedDueMs)
    if claimsForbid { next = min(next, claimsCountedMs + Self.claimsMs) }
    if next != .max {
      let due = max(0, next - nowMs)
      wait = wait < 0 ? due : min(wait, due)
    }
    return Int32(clamping: wait)
  }

  /// Handles one event; false when the role was lost meanwhile.
  private func dispatch(
    _ token: UInt64, _ events: Epoll.Events, _ thread: HandlerThread
  ) -> Bool {
    guard token & Token.special == 0 else {
      switch token {
      case Token.wakeup: wakeup.silence()
      case Token.bell: break
      case Token.control: readControl()
      case Token.stopSignal: retire(.signal)
      case let lane where lane & Token.laneBit != 0: laneEvent(lane, events, thread)
      default: accept(Int(token & ~Token.special) - 16)
      }
      return true
    }
    let index = table.index(of: token)
    guard index >= 0 else { return true }
    let connection = unsafe table[index]
    if events.contains(.peerClosed) { unsafe connection.pointee.peerClosed = true }
    switch unsafe connection.pointee.phase {
    case .free:
      return true
    case .inApplication:
      unsafe connection.pointee.hasNews = true
      guard relay != nil else { return true }
      if !events.isDisjoint(with: [.hangup, .error]) {
        clientLeft(index)
      } else {
        feedArriving(index, thread)
      }
      return true
    case .sending:
      unsafe connection.pointee.hasNews = true
      if unsafe arriving(connection) != nil {
        feedArriving(index, thread)
        guard table.index(of: token) == index else { return true }
      }
      guard unsafe !connection.pointee.isQueued,
        !events.isDisjoint(with: [.writable, .hangup, .error])
      else { return true }
      return pushTail(index, thread)
    case .lingering:
      if unsafe !connection.pointee.isQueued { drainLingering(index) }
      return true
    case .waiting, .readingHead, .readingBody:
      if unsafe connection.pointee.isQueued {
        unsafe connection.pointee.hasNews = true
        return true
      }
      guard !events.isDisjoint(with: [.readable, .peerClosed, .hangup, .error]) else {
        return true
      }
      return receive(index, thread)
    }
  }

  /// Takes connections back that handler threads are done with, or that had their turn; false when
  /// the role was lost. What is handed back meanwhile waits for the next turn.
  private func takeHandBacks(_ thread: HandlerThread) -> Bool {
    lock.take()
    var left = returned.count + ready.count
    lock.give()
    while true {
      lock.take()
      guard left > 0 || returned.count + ready.count == 0 else {
        lock.give()
        return true
      }
      left -= 1
      var index = returned.pop()
      let isReturned = index >= 0
      if !isReturned && !thread.isMonitor {
        index = ready.pop()
        if index >= 0 { showReadyQueue() }
      }
      if index < 0 {
        hasHandBacks.store(false, ordering: .releasing)
        lock.give()
        return true
      }
      lock.give()
      if isReturned {
        guard goOn(index, thread) else { return false }
      } else {
        guard serveQueued(index, thread, nowMs: nowMs, holdsRole: true) else { return false }
      }
    }
  }

  // MARK: The monitor.

  /// The life of the monitor thread: relieves a holder that is inside the application for too long.
  func watch(_ monitor: HandlerThread) {
    var seen: UInt64 = 0
    var quietRounds = 0
    while !finished.load(ordering: .acquiring) {
      let observed = role.observed
      if observed & 1 == 1 && observed == seen {
        relieve(observed, by: monitor)
        seen = 0
        quietRounds = 0
      } else {
        quietRounds = observed == seen ? quietRounds + 1 : 0
        seen = observed
      }
      if quietRounds >= Self.restAfterRounds {
        // Announced before the last look, so that a holder going in either is seen here or sees us.
        monitorRests.store(true, ordering: .sequentiallyConsistent)
        if role.observed == seen && !finished.load(ordering: .sequentiallyConsistent) {
          _ = monitor.parker.park()
        }
        monitorRests.store(false, ordering: .sequentiallyConsistent)
        quietRounds = 0
      } else {
        let patience =
          slowness.load(ordering: .relaxed) > 0 ? Self.shortPatienceMs : Self.patienceMs
        _ = monitor.parker.park(timeoutMs: patience)
      }
    }
  }

  /// Takes the role; hands it on, or polls until a handler is idle again.
  private func relieve(_ observed: UInt64, by monitor: HandlerThread) {
    guard role.steal(observed) else { return }
    slowness.store(
      min(slowness.load(ordering: .relaxed) + 16, 64), ordering: .relaxed)
    setClock(Clock.monotonicMicroseconds())
    if passRole() { return }
    lock.take()
    monitorPolls = true
    lock.give()
    // Somebody may have become idle between the two.
    if passRole() { return }
    poll(monitor)
    lock.take()
    monitorPolls = false
    lock.give()
  }

  /// Wakes the monitor if it rests; called by the holder after it went into the application.
  func wakeMonitor() {
    if monitorRests.load(ordering: .sequentiallyConsistent) { monitor?.parker.unpark() }
  }

  /// Ends all threads once the last connection is gone; true when the server is finished.
  private func finishIfDrained() -> Bool {
    guard drainMode != .none, table.count == 0 else { return false }
    finished.store(true, ordering: .sequentiallyConsistent)
    for thread in threads { thread.parker.unpark() }
    monitor?.parker.unpark()
    watchdogParker.unpark()
    return true
  }
}
