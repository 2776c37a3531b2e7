// WorkerSlot+Queue: how long requests wait, and have waited. Edge.
internal import Reporting

extension WorkerSlot {
  /// In their line, behind those of the worker's birth; the others are free.
  private enum Queue {
    static let oldestMs = 2
    static let waitedUs = 3
  }

  // MARK: written by the worker or the front

  /// See ``setWaiting(_:oldestMs:)``. Allocates: never.
  @inline(__always)
  func setOldestWaiting(ms: Int64) { header(Self.queueLine)[Queue.oldestMs] = ms }

  /// Counts a request that a front hands to a worker after it had waited for `us` microseconds. One
  /// thread. Allocates: never.
  @inline(__always)
  public func countWait(us: Int64) {
    let index = ServiceTimes.index(us: us)
    header(Self.waitLine &+ index / SharedLine.fields).add(1, to: index % SharedLine.fields)
    header(Self.queueLine).add(us, to: Queue.waitedUs)
  }

  // MARK: read by others

  /// For how long the oldest request has waited that waits, in milliseconds; 0 where none does.
  func oldestWaitMs(nowMs: Int64) -> Int64 {
    waiting > 0 ? max(0, nowMs &- header(Self.queueLine)[Queue.oldestMs]) : 0
  }

  /// How long requests waited together, in microseconds.
  var waitedUs: Int64 { header(Self.queueLine)[Queue.waitedUs] }

  /// How many requests waited as long as class `index` of ``ServiceTimes`` says.
  func waitCount(_ index: Int) -> Int64 {
    header(Self.waitLine + index / SharedLine.fields)[index % SharedLine.fields]
  }

  /// Forgets the times that ``ServerFacts/inherit(from:)`` adds up.
  func forgetWaits() {
    header(Self.queueLine)[Queue.waitedUs] = 0
    for index in 0..<Self.serviceLines { header(Self.waitLine + index).clear() }
  }
}
