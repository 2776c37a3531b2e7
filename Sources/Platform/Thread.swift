// Thread: a POSIX thread that runs one function. Edge.
internal import CLinux
internal import Glibc

/// A joinable thread (pthreads(7)).
@safe public struct Thread {
  private var handle = pthread_t()

  /// What a new thread runs; a box because pthread_create(3) hands over one pointer.
  private final class Body {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }

  /// Starts a thread called `name` (at most 15 bytes).
  ///
  /// - Parameter blocksSignals: whether it leaves signals to the others, but for those that a fault
  ///   of its own raises. Not for threads that run an application: what it starts inherits the mask
  ///   (signal(7)), and could then not be ended by a signal.
  /// - Throws: EAGAIN where the system has no room for another thread.
  public init(
    name: String, blocksSignals: Bool, _ run: @escaping () -> Void
  ) throws(SystemCallError) {
    var blocked = sigset_t()
    var before = sigset_t()
    unsafe sigfillset(&blocked)
    for fault in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT] { unsafe sigdelset(&blocked, fault) }
    if !blocksSignals { unsafe sigemptyset(&blocked) }
    unsafe pthread_sigmask(SIG_BLOCK, &blocked, &before)
    let body = unsafe Unmanaged.passRetained(Body(run)).toOpaque()
    let code = unsafe pthread_create(
      &handle, nil,
      { body in
        unsafe Unmanaged<Body>.fromOpaque(body!).takeRetainedValue().run()
        return nil
      }, body)
    unsafe pthread_sigmask(SIG_SETMASK, &before, nil)
    guard code == 0 else {
      unsafe Unmanaged<Body>.fromOpaque(body).release()
      throw SystemCallError("pthread_create", code: code)
    }
    unsafe clinux_thread_set_name(handle, name)
  }

  /// Waits until the thread has ended.
  public func join() {
    pthread_join(handle, nil)
  }
}

/// A mutual-exclusion lock (pthread_mutex_lock(3)).
@safe public final class Lock: @unchecked Sendable {
  // Sendable: a mutex is made for use by several threads.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  /// An open lock.
  public init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe pthread_mutex_init(mutex, nil)
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Takes the lock, waiting for it.
  public func take() { unsafe pthread_mutex_lock(mutex) }

  /// Gives it back.
  public func give() { unsafe pthread_mutex_unlock(mutex) }
}
