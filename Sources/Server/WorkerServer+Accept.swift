// WorkerServer+Accept: joining and leaving the listening sockets, and taking connections. Assembly.
//
// No connection may wait for a worker that is not coming
// -------------------------------------------------------
// All workers wait for the same sockets, level-triggered and with EPOLLEXCLUSIVE: for a new
// connection the kernel notes the socket as ready in every worker's epoll instance, and wakes one
// of those that sleep in epoll_wait. A worker that does not sleep finds the socket ready when it
// next waits, and one that joins finds it ready at once, as long as a connection is there. So a
// connection is stranded in one case only: one sleeping worker was woken for it, all others sleep
// on, and that worker leaves without an accept. A worker owes at most one accept for each time it
// slept, because only who sleeps is woken alone. The debt is paid thus:
//
// - Who joins and is not full takes one at least when the event comes (``take(_:share:)``).
// - prefork (and worker with one thread) never leaves. It sleeps in one of two instances: while it
//   holds nothing in `idleEpoll`, which has the listening sockets and what concerns the process,
//   else in `epoll`, which has no listening socket. An instance in which nobody sleeps is passed
//   over, and only notes the socket as ready. So it is woken alone only while it is free, and then
//   takes a connection before it can be anything else; what came while it was not free, it finds
//   when it sleeps in `idleEpoll` again. (Before a pause and a drain: as below.)
// - worker leaves only because it took a connection from that very socket.
// - With several sockets prefork and worker could be woken for one and be filled by another, so
//   there they are woken like everybody else, without EPOLLEXCLUSIVE: many are woken, and none is
//   alone.
// - event leaves because no handler is free, or by its gate. The event then still stands in the
//   batch, and one connection is taken when its turn comes; or it stands in the kernel behind a
//   full batch, and then one is taken from each socket at once.
// - Out of descriptors, or of slots with nobody idle in them: it comes back after a short pause.
// - drain takes what was announced if it listened, and owes nothing if it did not: whoever left
//   the sockets has paid. stop and finish take all that waits, because nobody else will.
//
// Who gets a connection
// ---------------------
// The kernel goes through the workers in the order in which they joined (add_wait_queue_exclusive
// puts them at the end, a wake-up starts at the front), and takes the first that sleeps. Who stays
// joined keeps its place: at low load always the same one or two workers serve, and the others stay
// as small as they were forked. That is why prefork does not leave for a connection, which would
// put it behind all others: the least recently used would be next. worker and event leave when all
// their handlers are busy, so only under load does the order change. (With several sockets prefork
// and worker have no order: who runs first gets the connection.)
internal import Configuration
internal import Control
internal import Platform
internal import Scoreboard
internal import Synchronization

extension WorkerServer {
  /// Pause after the process ran out of descriptors.
  private static let exhaustedPauseMs: Int64 = 1_000
  /// Pause after the table was full and nobody in it was idle.
  private static let fullPauseMs: Int64 = 100

  // MARK: Joining and leaving.

  /// Listens or does not, as the rule says. Called before each wait where that may have changed.
  func reviewListening() {
    if listenAgainMs != .max && nowMs < listenAgainMs { return }
    listenAgainMs = .max
    if mayAccept() { listen() } else { leaveListeners() }
    guard connectionsHoldHandlers && rule.closesIdleConnections else { return }
    // Nobody tells a worker that holds all it may that others wait: it looks itself.
    if isListening {
      nextIdleLookMs = .max
    } else if nextIdleLookMs == .max {
      nextIdleLookMs = nowMs + Self.shortestIdleMs
    }
  }

  /// Starts accepting.
  func listen() {
    guard drainMode == .none, !isListening else { return }
    if !hasJoined { joinListeners() }
    isListening = true
    slot.setAccepting(true)
  }

  private func joinListeners() {
    hasJoined = rule.sleepsApart
    let isExclusive = rule.mayBeWokenAlone(listeners: listeners.count)
    let events: Epoll.Events = isExclusive ? [.readable, .exclusive] : .readable
    for (position, listener) in listeners.enumerated() {
      let token = Token.firstListener + UInt64(position)
      do {
        if rule.sleepsApart {
          try idleEpoll?.add(listener, events, token: token)
        } else {
          try epoll.add(listener, events, token: token)
        }
      } catch {
        ErrorLog.write(.error, "Cannot wait for connections on descriptor \(listener): \(error).")
      }
    }
  }

  /// Stops accepting for now.
  func leaveListeners() {
    guard isListening else { return }
    removeListeners()
    guard rule.takesLateAnnouncements && batch.count == batch.capacity else { return }
    for position in listeners.indices { take(position, share: 1) }
  }

  /// Stops accepting for good: takes what was announced to this process, or everything that waits
  /// where no other process will (``DrainMode``).
  func stopListening(takingAll: Bool) {
    let mayOwe = isListening || listenAgainMs != .max
    leaveListeners()
    listenAgainMs = .max
    guard takingAll || mayOwe else { return }
    for position in listeners.indices {
      take(position, share: takingAll ? .max : rule.lastShare(acceptLoad))
    }
    for listener in listeners { idleEpoll?.remove(listener) }
    guard takingAll else { return }
    // The last process that closes its copy makes the kernel refuse new clients, instead of letting
    // them wait for nobody.
    for listener in listeners { SocketIO.close(listener) }
    listeners = []
  }

  private func pauseListening(forMs pause: Int64) {
    guard isListening else { return }
    removeListeners()
    listenAgainMs = nowMs + pause
  }

  private func removeListeners() {
    isListening = false
    slot.setAccepting(false)
    // Where nobody sleeps the kernel wakes nobody: the place in the order is kept.
    guard !rule.sleepsApart else { return }
    for listener in listeners { epoll.remove(listener) }
  }

  // MARK: The rule's view.

  /// What the rule looks at. Without a gate it matters only whether some handler is free, and the
  /// one that polls is.
  var acceptLoad: AcceptRule.Load {
    AcceptRule.Load(
      connections: table.count, lingering: lingering, freeHandlers: pollerIsHandler ? 1 : 0,
      taken: taken, gateIsClosed: gateIsClosed)
  }

  /// Whether claims matter: others could take a connection, and requests are so slow that it makes
  /// a difference who does.
  var knowsClaims: Bool { rule.heedsClaims && slowness.load(ordering: .relaxed) > 0 }

  private func mayAccept() -> Bool {
    var load = acceptLoad
    claimsForbid = false
    guard rule.gate != nil else {
      guard rule.accepts(load), knowsClaims else { return rule.accepts(load) }
      (load.claims, load.handlers) = (claimsNow(), threads.count)
      claimsForbid = !rule.accepts(load)
      return !claimsForbid
    }
    lock.take()
    load.freeHandlers += idle.count
    let accepts = rule.accepts(load)
    gateIsClosed = !accepts
    lock.give()
    return accepts
  }

  // MARK: Taking connections.

  /// Somebody connected to the socket at `position`, as an event says.
  func accept(_ position: Int) {
    guard listeners.indices.contains(position) else { return }
    calmMs = calmBeforeMs
    if isListening {
      take(position, share: rule.share(acceptLoad))
    } else if rule.takesLateAnnouncements && listenAgainMs == .max {
      take(position, share: 1)
    }
  }

  private func take(_ position: Int, share: Int) {
    var left = share
    while left > 0 {
      left -= 1
      let isFull = table.count == table.capacity
      let longestIdle = isFull && rule.closesIdleConnections ? longestIdle() : -1
      if isFull && longestIdle < 0 { return tableIsFull() }
      switch SocketIO.accept(listeners[position]) {
      case .connection(let socket):
        if longestIdle >= 0 { close(longestIdle) }
        open(socket, isUnix: listenersAreUnix[position])
        if isListening && !mayAccept() { return leaveListeners() }
      case .none:
        return
      case .exhausted(let code):
        ErrorLog.write(
          .error,
          "Cannot accept a connection: \(SystemCallError("accept4", code: code).reason); "
            + "trying again in a second. Raise the limit of open files (ulimit -n), or lower "
            + "--worker-connections (now \(settings.maxConnections)).")
        return pauseListening(forMs: Self.exhaustedPauseMs)
      }
    }
  }

  private func tableIsFull() {
    guard isListening else { return }
    ErrorLog.write(
      .warn,
      "This worker holds \(table.count) connections, its limit (--worker-connections), and none is "
        + "idle; new ones wait in the backlog.")
    pauseListening(forMs: Self.fullPauseMs)
  }

  private func open(_ socket: Int32, isUnix: Bool) {
    let index = table.open(socket)
    guard index >= 0 else {
      SocketIO.close(socket)
      return
    }
    taken += 1
    let connection = unsafe table[index]
    unsafe (connection.pointee.isUnixSocket, connection.pointee.readBeganMs) = (isUnix, nowMs)
    unsafe connection.pointee.mayBeOld =
      !isUnix && queueLimit.isOn
      && (!isListening || queueLimit.mayBeOld(calmForMs: nowMs - calmMs))
    // At a stop more may be taken than there are handlers.
    unsafe connection.pointee.line = UInt16(min(Int(index), max(0, rule.handlers - 1)))
    unsafe show(connection, .reading)
    if !isUnix {
      unsafe connection.pointee.peer = EndpointText(.peer, of: socket)
      unsafe connection.pointee.local = EndpointText(.local, of: socket)
    }
    unsafe judgePeer(connection)
    unsafe connection.pointee.awaitsProxyHeader =
      unsafe settings.proxyProtocol && connection.pointee.peerIsTrusted
    do {
      try epoll.add(
        socket, [.readable, .writable, .peerClosed, .edgeTriggered], token: table.token(index))
    } catch {
      close(index)
      return
    }
    slot.setConnections(table.count)
    claims += 1
    if !isListening { probe = table.token(index) }
    timers.schedule(
      index, deadlineMs: settings.headTimeoutMs > 0 ? nowMs + settings.headTimeoutMs : .max - 1)
    if drainMode != .none || rule.endsConnections {
      unsafe connection.pointee.closesAfterResponse = true
    }
  }

  // MARK: Idle connections in the way of others.

  /// Idle for a shorter time, a connection is likely to be used at this very moment.
  private static let shortestIdleMs: Int64 = 1_000
  /// How often idle connections are looked for while no handler is free.
  static let idleLookMs: Int64 = 100
  /// The same where a connection holds a handler: each process looks for itself.
  private static let heldLookMs: Int64 = 500
  /// Connections that may turn out not to be idle while one is looked for.
  private static let mostIdleTries = 8

  /// No handler has been free for a while: idle connections go, and what nobody took comes in.
  func lookBeyondHandlers() {
    closeIdleConnections()
    guard drainMode == .none else { return }
    for position in listeners.indices { take(position, share: rule.overdueShare(acceptLoad)) }
    probeBacklog()
  }

  /// Takes one connection for its age, as ``AcceptRule`` allows. What has waited too long is turned
  /// away as soon as it is read, and asks for the next look (``shed(_:_:waitedMs:)``).
  private func probeBacklog() {
    guard !isListening, listenAgainMs == .max else { return }
    let stuckForMs = nowMs - max(stuckSinceMs, takenUpMs.load(ordering: .relaxed))
    let share = rule.probeShare(
      limit: queueLimit, stuckForMs: stuckForMs, probeWaits: probeWaits, acceptLoad)
    guard share > 0 else { return }
    let before = taken
    for position in listeners.indices where taken == before { take(position, share: share) }
  }

  /// Whether the probe is in the hands of a handler, or waits for one.
  private var probeWaits: Bool {
    let index = table.index(of: probe)
    return unsafe index >= 0 && table[index].pointee.phase == .inApplication
  }

  /// Closes kept-alive connections that have been idle for a while: no handler is free, others wait
  /// for one, and their clients may find one in another process.
  private func closeIdleConnections() {
    nextIdleLookMs = nowMs + (connectionsHoldHandlers ? Self.heldLookMs : Self.idleLookMs)
    guard drainMode == .none, othersWait else { return }
    let latest = nowMs - Self.shortestIdleMs
    table.forEach { index in
      if idleSinceMs(index) <= latest && staysIdle(index) { close(index) }
    }
  }

  /// The kept-alive connection that has been idle longest, or -1.
  private func longestIdle() -> Int32 {
    for _ in 0..<Self.mostIdleTries {
      var longest: Int32 = -1
      var since = Int64.max
      table.forEach { index in
        let candidate = idleSinceMs(index)
        if candidate < since {
          since = candidate
          longest = index
        }
      }
      if longest < 0 || staysIdle(longest) { return longest }
    }
    return -1
  }

  /// Since when a kept-alive connection has been waiting for its next request; .max for others.
  private func idleSinceMs(_ index: Int32) -> Int64 {
    let connection = unsafe table[index]
    guard
      unsafe connection.pointee.isIdle && connection.pointee.answered > 0
        && !connection.pointee.isQueued && !connection.pointee.hasNews
    else { return .max }
    return unsafe connection.pointee.deadlineMs - settings.keepAliveMs
  }

  /// Looks into the socket of an idle connection. One that has something is passed over from now
  /// on; the event that tells of it is on its way.
  private func staysIdle(_ index: Int32) -> Bool {
    let connection = unsafe table[index]
    guard unsafe SocketIO.wait(connection.pointee.socket, toWrite: false, timeoutMs: 0) else {
      return true
    }
    unsafe connection.pointee.hasNews = true
    return false
  }
}
