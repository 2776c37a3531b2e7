// Application: what the server calls for a request that no static mount claimed. Assembly.
internal import Scoreboard

/// The application behind the server, seen from the event loop.
///
/// A subclass answers requests; the server calls it on its handler threads, one request per thread
/// at a time. All state a thread needs (an interpreter's thread state) hangs on the index.
open class Application {
  /// For subclasses.
  public init() {}

  /// Whether the application is there already; otherwise it is loaded inside the first request,
  /// which ``Exchange/applicationWasLoaded()`` then tells.
  open var isLoaded: Bool { true }

  /// The calling thread becomes handler thread `index` (0 ..< threads) and will call
  /// ``respond(to:)``. Index 0 is the process's main thread.
  open func attachThread(_ index: Int) {}

  /// Handler thread `index` ends; undoes ``attachThread(_:)``.
  open func detachThread(_ index: Int) {}

  /// Answers one request, completely: when this returns, ``Exchange/finish()`` or
  /// ``Exchange/abort(_:)`` was called.
  open func respond(to exchange: Exchange) {}

  /// The thread is about to wait or to do input and output for long: gives up whatever lock
  /// ``respond(to:)`` left held (the GIL is kept between requests that are already in the buffer).
  open func threadWillBlock(_ index: Int) {}

  /// Makes requests end that make no progress, as far as that is possible, and says so in the log.
  /// May wait for the lock that ``respond(to:)`` needs. A thread that is no handler.
  ///
  /// - Parameter limitMs: which: those that made the last progress before then, CLOCK_MONOTONIC;
  ///   each once.
  /// - Parameter isLast: the worker ends, and that is why.
  /// - Returns: how many were interrupted.
  open func interruptRequests(stuckSinceBefore limitMs: Int64, isLast: Bool) -> Int { 0 }

  /// Takes and gives back the lock that ``respond(to:)`` needs. A thread that is no handler.
  open func waitForLock() {}

  /// Counts waits for that lock, from the start of a worker's server on.
  public internal(set) var lockWaits: LockWaits?

  /// Gives back an object lent with ``Exchange/finish(with:count:owner:)``. Any handler thread.
  open func release(owner: OpaquePointer, thread index: Int) {}
}

/// Where an application counts what its threads wait for its lock, and the requests that it
/// interrupts. By a thread that holds the lock. Allocates: never.
@safe public struct LockWaits {
  private let slot: WorkerSlot
  /// Shorter ones are what a free lock costs, in microseconds.
  static let leastUs: Int64 = 10

  init(_ slot: WorkerSlot) { self.slot = slot }

  /// Threads got the lock `times` times, each after so many microseconds.
  public func count(us: Int64, times: Int64) {
    if us >= Self.leastUs { slot.countLockWaits(times, us: us &* times) }
  }

  /// A request was interrupted.
  public func countInterrupted() { slot.countInterrupted() }
}
