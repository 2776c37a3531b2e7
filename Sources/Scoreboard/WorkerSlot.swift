// WorkerSlot: one worker's part of the shared memory that the supervisor reads. Edge.
internal import Synchronization

/// A worker's view of its own slot. One writer (the worker), any reader; never a lock.
///
/// A slot is one header line followed by one line per handler thread; a line is 64 bytes, so that
/// two threads never write to the same cache line. All accesses are relaxed: each field stands for
/// itself, and the supervisor only needs to see it soon.
@safe public struct WorkerSlot {
  /// Bytes of a cache line, and of every part of a slot.
  static let lineBytes = 64

  private let base: UnsafeMutableRawPointer
  /// Handler threads this slot has lines for.
  public let threads: Int

  /// The slot whose header line is at `base`, zeroed or written by another view.
  init(base: UnsafeMutableRawPointer, threads: Int) {
    unsafe self.base = base
    self.threads = threads
  }

  /// A slot in memory of its own, never freed: for tests and tools that have no supervisor.
  public static func detached(threads: Int) -> WorkerSlot {
    let bytes = (1 + threads) * lineBytes
    let base = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: lineBytes)
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
    return unsafe WorkerSlot(base: base, threads: threads)
  }

  // MARK: written by handler threads

  /// Handler thread `thread` began a request at `ms` (CLOCK_MONOTONIC). Also called when a
  /// request makes progress, so that only a stuck one grows old. Allocates: never.
  @inline(__always)
  public func requestBegan(thread: Int, ms: Int64) {
    unsafe threadField(thread, .requestBeganMs).pointee.store(ms, ordering: .relaxed)
  }

  /// Handler thread `thread` waits for its client, which has time limits of its own: it is not
  /// stuck, however long that takes. ``requestBegan(thread:ms:)`` ends it. Allocates: never.
  @inline(__always)
  public func requestWaitsForClient(thread: Int) {
    requestBegan(thread: thread, ms: .max)
  }

  /// Handler thread `thread` is idle again; counts one request. Allocates: never.
  @inline(__always)
  public func requestEnded(thread: Int) {
    unsafe threadField(thread, .requestBeganMs).pointee.store(0, ordering: .relaxed)
    // The only writer is this thread, so a load and a store are enough.
    let served = unsafe threadField(thread, .requestsServed)
    unsafe served.pointee.store(served.pointee.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
  }

  /// Connections this worker holds now. Allocates: never.
  @inline(__always)
  public func setConnections(_ count: Int) {
    unsafe headerField(.connections).pointee.store(Int64(count), ordering: .relaxed)
  }

  // MARK: written when a worker starts

  /// The supervisor clears the slot for a worker of `generation`; nobody lives in it then.
  public func clear(generation: Int) {
    for line in 0...threads {
      for field in 0..<(Self.lineBytes / 8) {
        unsafe at(line, field).pointee.store(0, ordering: .relaxed)
      }
    }
    unsafe headerField(.generation).pointee.store(Int64(generation), ordering: .relaxed)
  }

  /// The worker moves in.
  public func occupy(pid: Int32, startedMs: Int64) {
    unsafe headerField(.startedMs).pointee.store(startedMs, ordering: .relaxed)
    unsafe headerField(.pid).pointee.store(Int64(pid), ordering: .relaxed)
  }

  // MARK: read by the supervisor

  /// Process id of the worker; 0 before it moved in.
  public var pid: Int32 {
    Int32(truncatingIfNeeded: unsafe headerField(.pid).pointee.load(ordering: .relaxed))
  }

  /// Generation of the mold that the worker was forked for.
  public var generation: Int {
    unsafe Int(headerField(.generation).pointee.load(ordering: .relaxed))
  }

  /// When the worker moved in, in ms of CLOCK_MONOTONIC.
  public var startedMs: Int64 { unsafe headerField(.startedMs).pointee.load(ordering: .relaxed) }

  /// Connections the worker holds.
  public var connections: Int {
    unsafe Int(headerField(.connections).pointee.load(ordering: .relaxed))
  }

  /// When thread `thread` began its request (ms of CLOCK_MONOTONIC); 0 while it is idle.
  public func requestBeganMs(thread: Int) -> Int64 {
    unsafe threadField(thread, .requestBeganMs).pointee.load(ordering: .relaxed)
  }

  /// Requests that all threads have ended.
  public var requestsServed: Int64 {
    var sum: Int64 = 0
    for thread in 0..<threads {
      sum &+= unsafe threadField(thread, .requestsServed).pointee.load(ordering: .relaxed)
    }
    return sum
  }

  /// Threads that are inside a request.
  public var busyThreads: Int {
    var busy = 0
    for thread in 0..<threads where requestBeganMs(thread: thread) != 0 { busy += 1 }
    return busy
  }

  /// The thread that has been in one request longest, and since when; nil where all are idle.
  public var oldestRequest: (thread: Int, beganMs: Int64)? {
    var oldest: (thread: Int, beganMs: Int64)?
    for thread in 0..<threads {
      let began = requestBeganMs(thread: thread)
      if began != 0, began < oldest?.beganMs ?? .max { oldest = (thread, began) }
    }
    return oldest
  }

  // MARK: layout

  private enum HeaderField: Int {
    case pid, generation, startedMs, connections
  }

  private enum ThreadField: Int {
    case requestBeganMs, requestsServed
  }

  @inline(__always)
  private func headerField(_ field: HeaderField) -> UnsafePointer<Atomic<Int64>> {
    unsafe at(0, field.rawValue)
  }

  @inline(__always)
  private func threadField(
    _ thread: Int, _ field: ThreadField
  ) -> UnsafePointer<Atomic<Int64>> {
    precondition(thread >= 0 && thread < threads)
    return unsafe at(1 &+ thread, field.rawValue)
  }

  @inline(__always)
  private func at(_ line: Int, _ field: Int) -> UnsafePointer<Atomic<Int64>> {
    unsafe UnsafePointer(
      (base + (line &* Self.lineBytes &+ field &* 8)).assumingMemoryBound(
        to: Atomic<Int64>.self))
  }
}
