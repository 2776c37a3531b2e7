// WorkerSlot: one worker's part of the shared memory that the supervisor reads. Edge.

/// A worker's view of its own slot. One writer (the worker), any reader; never a lock.
public struct WorkerSlot {
  /// Handler thread `thread` began a request at `ms` (CLOCK_MONOTONIC). Also called when a
  /// request makes progress, so that only a stuck one grows old. Allocates: never.
  public func requestBegan(thread: Int, ms: Int64) {}

  /// Handler thread `thread` is idle again. Allocates: never.
  public func requestEnded(thread: Int) {}

  /// Connections this worker holds now.
  public func setConnections(_ count: Int) {}
}
