// WorkerSlot: one worker's part of the shared memory that the supervisor reads. Edge.
internal import ProcessPolicy
public import Reporting

/// A worker's view of its own slot. One writer for each line, any reader; never a lock.
///
///     line 0         written by the supervisor: generation, phase, memory
///     line 1, 2      written by the worker: what it is, its connections
///     line 3         written by whoever holds the interpreter's lock: the waits for that
///     line 4, 5      added to by its threads: how many requests took how long
///     line 6         written by its threads, one at a time: requests that were turned away
///     line 7         written by the worker: its birth, its queue
///     line 8, 9      in a front's slot: how many requests waited for how long
///     4 lines each   written by handler threads: ``HandlerLine``, one more than there are handlers
///     2 lines each   for eight lanes: which request the worker began on each, and on which the
///     front
///                    does not wait for any more
///
/// The last handler line belongs to the monitor thread, which answers what needs no application
/// while every handler is busy. A worker that dies leaves its last words; the supervisor counts
/// them and clears the slot for the next one.
@safe public struct WorkerSlot {
  /// Lines before those of the handlers.
  static let headerLines = waitLine + serviceLines
  /// The first line of the service times, and how many they take.
  private static let serviceLine = 4
  static let serviceLines = (ServiceTimes.classes + SharedLine.fields - 1) / SharedLine.fields
  /// The line of the requests that were turned away: how many for each reason, and behind these
  /// how long the last of each had waited.
  private static let shedLine = serviceLine + serviceLines
  /// The line of the worker's birth and its queue.
  static let queueLine = shedLine + 1
  /// The first line of the times that requests waited, of which there are as many as of service.
  static let waitLine = queueLine + 1

  /// Where the worker is in its life, as the supervisor says.
  public enum Phase: Int64, Sendable {
    /// No worker.
    case open
    /// Prepares to serve.
    case starting
    /// Serves.
    case serving
    /// Finishes what it has in hand.
    case draining
    /// The same, because there were more idle ones than are needed.
    case idleCleanup
  }

  private enum Told {
    static let generation = 0
    static let phase = 1
    static let memoryBytes = 2
    static let allowanceBytes = 3
    static let threadsAllowed = 4
  }

  private enum Header {
    static let pid = 0
    static let startedMs = 1
    static let accepting = 2
    static let loaded = 3
    static let connections = 4
    static let waiting = 5
    static let cpuMs = 6
    static let growthBytes = 7
  }

  private enum Census {
    static let keepAlive = 0
    static let reading = 1
    static let writing = 2
    static let closing = 3
    static let threads = 4
  }

  /// In the line of the interpreter's lock.
  private enum Lock {
    static let waits = 0
    static let waitedUs = 1
    static let interrupted = 2
    static let wantedSinceMs = 3
  }

  /// In the line of the queue; WorkerSlot+Queue has the others.
  private enum Birth {
    static let forkUs = 0
    static let readyUs = 1
  }

  private let base: UnsafeMutableRawPointer
  /// Handler threads this slot has lines for.
  public let threads: Int
  /// Lanes this slot has words for.
  public let lanes: Int

  /// The slot whose first line is at `base`, zeroed or written by another view.
  init(base: UnsafeMutableRawPointer, threads: Int, lanes: Int) {
    unsafe self.base = base
    self.threads = threads
    self.lanes = lanes
  }

  /// Bytes of a slot.
  static func bytes(threads: Int, lanes: Int) -> Int {
    let laneLines = (lanes + SharedLine.fields - 1) / SharedLine.fields * 2
    return (headerLines + (threads + 1) * HandlerLine.lines + laneLines) * SharedLine.bytes
  }

  /// A slot in memory of its own, never freed, with all threads started: for tests and tools that
  /// have no supervisor.
  public static func detached(threads: Int, lanes: Int = 0) -> WorkerSlot {
    let bytes = bytes(threads: threads, lanes: lanes)
    let base = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: SharedLine.bytes)
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    let slot = unsafe WorkerSlot(base: base, threads: threads, lanes: lanes)
    slot.setStartedThreads(threads)
    return slot
  }

  @inline(__always)
  func header(_ line: Int) -> SharedLine {
    unsafe SharedLine(at: base + line &* SharedLine.bytes)
  }

  // MARK: handlers

  /// The line of handler `index`, 0 ..< ``threads``; `threads` is the monitor's. Allocates: never.
  @inline(__always)
  public func line(_ index: Int) -> HandlerLine {
    precondition(index >= 0 && index <= threads)
    let offset = (Self.headerLines &+ index &* HandlerLine.lines) &* SharedLine.bytes
    return unsafe HandlerLine(at: base + offset)
  }

  // MARK: lanes
  //
  // Requests have numbers that are never used again, so these words are not cleared: they tell what
  // a worker had begun also after it died.

  @inline(__always)
  private func laneLine(_ lane: Int, _ which: Int) -> SharedLine {
    precondition(lane >= 0 && lane < lanes)
    let line =
      Self.headerLines &+ (threads &+ 1) &* HandlerLine.lines
      &+ lane / SharedLine.fields &* 2 &+ which
    return unsafe SharedLine(at: base + line &* SharedLine.bytes)
  }

  /// The worker begins with a request, which must not be given to another one then; 0: it is done
  /// with it. Allocates: never.
  @inline(__always)
  public func setBegun(_ request: UInt64, lane: Int) {
    laneLine(lane, 0)[lane % SharedLine.fields] = Int64(bitPattern: request)
  }

  /// The request that the worker has begun on a lane and not done with; 0 for none. A handler may
  /// be busy for some time after its response, in the application's `close()`. Allocates: never.
  public func begunRequest(lane: Int) -> UInt64 {
    UInt64(bitPattern: laneLine(lane, 0)[lane % SharedLine.fields])
  }

  /// The front does not wait for the response to a request any more. Allocates: never.
  public func setAbandoned(_ request: UInt64, lane: Int) {
    laneLine(lane, 1)[lane % SharedLine.fields] = Int64(bitPattern: request)
  }

  /// The request on a lane whose response nobody waits for. Allocates: never.
  @inline(__always)
  public func abandonedRequest(lane: Int) -> UInt64 {
    UInt64(bitPattern: laneLine(lane, 1)[lane % SharedLine.fields])
  }

  // MARK: written by the worker

  /// The worker moves in.
  public func occupy(pid: Int32, startedMs: Int64) {
    header(1)[Header.startedMs] = startedMs
    header(1)[Header.pid] = Int64(pid)
  }

  /// When the mold began to fork the worker, in microseconds of CLOCK_MONOTONIC.
  public func setForkBegan(us: Int64) { header(Self.queueLine)[Birth.forkUs] = us }

  /// The worker serves from now on, in microseconds of CLOCK_MONOTONIC.
  public func setReady(us: Int64) { header(Self.queueLine)[Birth.readyUs] = us }

  /// Connections this worker holds now. Allocates: never.
  @inline(__always)
  public func setConnections(_ count: Int) { header(1)[Header.connections] = Int64(count) }

  /// Whether it takes new connections. Allocates: never.
  @inline(__always)
  public func setAccepting(_ accepts: Bool) { header(1)[Header.accepting] = accepts ? 1 : 0 }

  /// It has grown too much and should get nothing more, since `sinceMs` of CLOCK_MONOTONIC.
  /// Allocates: never.
  public func setOutgrown(sinceMs: Int64) { header(1)[Header.accepting] = -sinceMs }

  /// The application is loaded.
  public func setLoaded() { header(1)[Header.loaded] = 1 }

  /// Whole requests that wait for a handler, and since when the oldest does, in ms of
  /// CLOCK_MONOTONIC (any number where none waits). Allocates: never.
  @inline(__always)
  public func setWaiting(_ count: Int, oldestMs: Int64) {
    setOldestWaiting(ms: oldestMs)
    header(1)[Header.waiting] = Int64(count)
  }

  /// Handler threads that were started: their lines are in use. Allocates: never.
  public func setStartedThreads(_ count: Int) { header(2)[Census.threads] = Int64(count) }

  /// CPU time of the process, in milliseconds. Allocates: never.
  public func setCPUTime(ms: Int64) { header(1)[Header.cpuMs] = ms }

  /// What the process took since it began to serve, in bytes. Allocates: never.
  public func setGrowth(bytes: Int64) { header(1)[Header.growthBytes] = bytes }

  /// What its connections do, counted now and then. Allocates: never.
  public func setCensus(keepAlive: Int, reading: Int, writing: Int, closing: Int) {
    let line = header(2)
    line[Census.keepAlive] = Int64(keepAlive)
    line[Census.reading] = Int64(reading)
    line[Census.writing] = Int64(writing)
    line[Census.closing] = Int64(closing)
  }

  /// Counts a request that was turned away after it had waited for `waitedMs` milliseconds. One
  /// thread at a time. Allocates: never.
  public func countShed(_ reason: ShedReason, waitedMs: Int64) {
    let line = header(Self.shedLine)
    line[ShedReason.allCases.count + reason.rawValue] = waitedMs
    line.add(1, to: reason.rawValue)
  }

  /// Counts a request that took `us` microseconds. Any thread of the worker. Allocates: never.
  @inline(__always)
  public func countService(us: Int64) {
    let index = ServiceTimes.index(us: us)
    header(Self.serviceLine &+ index / SharedLine.fields)
      .addAtomically(1, to: index % SharedLine.fields)
  }

  /// Counts waits for the interpreter's lock, which took `us` microseconds together. By a thread
  /// that holds it. Allocates: never.
  public func countLockWaits(_ count: Int64, us: Int64) {
    header(3).add(count, to: Lock.waits)
    header(3).add(us, to: Lock.waitedUs)
  }

  /// Counts a request that was interrupted. By a thread that holds the lock. Allocates: never.
  public func countInterrupted() { header(3).add(1, to: Lock.interrupted) }

  /// Since when the watchdog waits for the interpreter's lock, in ms of CLOCK_MONOTONIC; 0: it does
  /// not. By the watchdog. Allocates: never.
  public func setLockWanted(sinceMs: Int64) { header(3)[Lock.wantedSinceMs] = sinceMs }

  // MARK: written by the supervisor

  /// Clears the slot for a worker of `generation`; nobody lives in it then.
  public func clear(generation: Int, phase: Phase) {
    for index in 0..<Self.headerLines { header(index).clear() }
    for index in 0...threads { line(index).clear() }
    header(0)[Told.generation] = Int64(generation)
    header(0)[Told.phase] = phase.rawValue
  }

  /// How much more the worker may take than when it began to serve, in bytes; 0: no bound.
  public func setAllowance(bytes: Int64) { header(0)[Told.allowanceBytes] = bytes }

  /// How many handler threads the worker may start.
  public func setThreadsAllowed(_ count: Int) { header(0)[Told.threadsAllowed] = Int64(count) }

  /// What the worker takes for itself, in bytes, as it was measured.
  public func setMemory(bytes: Int64) { header(0)[Told.memoryBytes] = bytes }

  /// The worker goes into another phase of its life.
  public func setPhase(_ phase: Phase) { header(0)[Told.phase] = phase.rawValue }

  // MARK: read by others

  /// Generation of the mold that the worker was forked for.
  public var generation: Int { Int(header(0)[Told.generation]) }
  /// Where the worker is in its life.
  public var phase: Phase { Phase(rawValue: header(0)[Told.phase]) ?? .open }
  /// What the worker takes for itself, in bytes; 0 before it was measured.
  public var memoryBytes: Int64 { max(0, header(0)[Told.memoryBytes]) }
  /// How much more the worker may take than when it began to serve, in bytes; 0: no bound.
  /// Allocates: never.
  public var allowanceBytes: Int64 { header(0)[Told.allowanceBytes] }
  /// Handler threads that the worker may start; 0 before anybody said it. Allocates: never.
  public var threadsAllowed: Int { min(count(0, Told.threadsAllowed), threads) }
  /// Handler threads that were started, 0 ... ``threads``.
  public var startedThreads: Int { min(count(2, Census.threads), threads) }
  /// Process id of the worker; 0 before it moved in.
  public var pid: Int32 { Int32(truncatingIfNeeded: header(1)[Header.pid]) }
  /// When the worker moved in, in ms of CLOCK_MONOTONIC.
  public var startedMs: Int64 { header(1)[Header.startedMs] }
  /// When the mold began to fork it, in microseconds of CLOCK_MONOTONIC; 0 before that.
  public var forkBeganUs: Int64 { header(Self.queueLine)[Birth.forkUs] }
  /// When it began to serve, in microseconds of CLOCK_MONOTONIC; 0 before that.
  public var readyUs: Int64 { header(Self.queueLine)[Birth.readyUs] }
  /// Whether it takes new connections.
  public var isAccepting: Bool { header(1)[Header.accepting] > 0 }
  /// Since when it has grown too much, in ms of CLOCK_MONOTONIC; 0 where it has not.
  /// Allocates: never.
  public var outgrownSinceMs: Int64 { max(0, 0 &- header(1)[Header.accepting]) }
  /// Whether the application is loaded.
  public var isLoaded: Bool { header(1)[Header.loaded] != 0 }
  /// Connections the worker holds.
  public var connections: Int { count(1, Header.connections) }
  /// Whole requests that wait for a handler.
  public var waiting: Int { count(1, Header.waiting) }
  /// CPU time of the process when it last looked, in milliseconds.
  public var cpuMs: Int64 { header(1)[Header.cpuMs] }
  /// What the process took since it began to serve when it last looked, in bytes; negative where it
  /// gave some back.
  public var growthBytes: Int64 { header(1)[Header.growthBytes] }
  /// Connections that wait for their next request.
  public var keepAliveConnections: Int { count(2, Census.keepAlive) }
  /// Connections from which a request is read.
  public var readingConnections: Int { count(2, Census.reading) }
  /// Connections whose response is sent without a thread.
  public var writingConnections: Int { count(2, Census.writing) }
  /// Connections that linger before they are closed.
  public var closingConnections: Int { count(2, Census.closing) }

  /// Requests that were turned away.
  public var shed: ShedCounts {
    var counts = ShedCounts()
    for reason in ShedReason.allCases { counts[reason] = header(Self.shedLine)[reason.rawValue] }
    return counts
  }
  /// How long the last of them had waited that was turned away for that reason, in milliseconds.
  public func shedWaitedMs(_ reason: ShedReason) -> Int64 {
    header(Self.shedLine)[ShedReason.allCases.count + reason.rawValue]
  }

  /// How often a thread waited for the interpreter's lock.
  public var lockWaits: Int64 { header(3)[Lock.waits] }
  /// How long these waits took together, in microseconds.
  public var lockWaitedUs: Int64 { header(3)[Lock.waitedUs] }
  /// Requests that were interrupted because they made no progress.
  public var interrupted: Int64 { header(3)[Lock.interrupted] }
  /// Since when nobody could get the interpreter's lock, in ms of CLOCK_MONOTONIC; 0: it is not
  /// known to be hard to get.
  public var lockWantedSinceMs: Int64 { header(3)[Lock.wantedSinceMs] }

  /// Requests that were answered.
  public var requestsServed: Int64 { done.requests }

  /// How many requests took as long as class `index` says.
  func serviceCount(_ index: Int) -> Int64 {
    header(Self.serviceLine + index / SharedLine.fields)[index % SharedLine.fields]
  }

  /// Forgets everything that ``ServerFacts/inherit(from:)`` adds up: the worker is gone.
  func forgetDone() {
    header(1)[Header.cpuMs] = 0
    header(Self.shedLine).clear()
    header(3).clear()
    for index in 0..<Self.serviceLines { header(Self.serviceLine + index).clear() }
    forgetWaits()
    for index in 0...threads { line(index).forgetDone() }
  }

  /// What all handlers did, and the monitor: its line belongs to no handler, but what it answered
  /// is answered.
  var done: (requests: Int64, bytes: Int64, durationUs: Int64) {
    var sum: (requests: Int64, bytes: Int64, durationUs: Int64) = (0, 0, 0)
    for index in 0...threads {
      let line = line(index)
      sum.requests &+= line.requests
      sum.bytes &+= line.bytes
      sum.durationUs &+= line.durationUs
    }
    return sum
  }

  /// Handlers that are inside a request or hold a connection.
  public var busyThreads: Int {
    var busy = 0
    for index in 0..<startedThreads where line(index).state.isBusy { busy += 1 }
    return busy
  }

  /// Handlers that are inside a request: it is lost where the worker dies now.
  public var requestsInHand: Int {
    var inside = 0
    for index in 0..<startedThreads where line(index).state == .writing { inside += 1 }
    return inside
  }

  /// What they are asked for, as far as it is known, and when each began (CLOCK_MONOTONIC, ms); the
  /// oldest first.
  public var textsInHand: [(texts: HandlerLine.Texts, beganMs: Int64)] {
    var found: [(texts: HandlerLine.Texts, beganMs: Int64)] = []
    for index in 0..<startedThreads where line(index).state == .writing {
      if let texts = line(index).texts { found.append((texts, line(index).beganMs)) }
    }
    return found.sorted { $0.beganMs < $1.beganMs }
  }

  /// When a request last began, in ms of CLOCK_MONOTONIC; 0 before any.
  public var lastUsedMs: Int64 {
    var last: Int64 = 0
    for index in 0..<startedThreads { last = max(last, line(index).beganMs) }
    return last
  }

  /// The handler whose request has made no progress for longest, and since when; nil where none
  /// runs that could be stuck.
  public var oldestRequest: (thread: Int, sinceMs: Int64)? {
    var oldest: (thread: Int, sinceMs: Int64)?
    for index in 0..<startedThreads {
      guard let since = line(index).stuckSinceMs, since < oldest?.sinceMs ?? .max else { continue }
      oldest = (index, since)
    }
    return oldest
  }

  /// A number that workers write and others count with: garbage may not make them trap.
  private func count(_ line: Int, _ field: Int) -> Int {
    Int(min(max(header(line)[field], 0), 1 << 30))
  }
}
