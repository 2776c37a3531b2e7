// Parker: a place for one thread to wait until another gives it a go. Edge.
internal import CLinux

/// A binary semaphore for one waiting thread, over futex(2).
@safe public final class Parker: @unchecked Sendable {
  // Sendable: the word is only touched through atomic operations of the shim.
  private let word: UnsafeMutablePointer<UInt32>

  /// Not signalled.
  public init() {
    unsafe word = .allocate(capacity: 1)
    unsafe word.initialize(to: 0)
  }

  deinit { unsafe word.deallocate() }

  /// Waits until ``unpark()``, at most `timeoutMs` milliseconds (-1: without end), and takes the
  /// signal. Returns at once if the signal is already there.
  ///
  /// - Returns: whether the signal was there.
  public func park(timeoutMs: Int64 = -1) -> Bool {
    while unsafe clinux_atomic_exchange(word, 0) == 0 {
      let code = unsafe clinux_futex_wait(word, 0, timeoutMs)
      if code == CLinux.ETIMEDOUT { return unsafe clinux_atomic_exchange(word, 0) != 0 }
    }
    return true
  }

  /// Gives the signal. Any thread.
  public func unpark() {
    if unsafe clinux_atomic_exchange(word, 1) == 0 {
      _ = unsafe clinux_futex_wake(word, 1)
    }
  }
}
