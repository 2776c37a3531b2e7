// Epoll: an epoll instance and the interest it holds. Edge.
internal import CLinux
internal import Glibc

/// An epoll(7) instance.
public struct Epoll: ~Copyable {
  private let descriptor: FileDescriptor

  /// What happened on a descriptor; bits of epoll_ctl(2).
  public struct Events: OptionSet, Sendable {
    /// The kernel's bits.
    public let rawValue: UInt32
    /// Wraps the kernel's bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Something can be read, or a connection accepted.
    public static let readable = Events(rawValue: 0x001)
    /// Something can be written.
    public static let writable = Events(rawValue: 0x004)
    /// The descriptor is in error; always reported.
    public static let error = Events(rawValue: 0x008)
    /// Both directions are closed; always reported.
    public static let hangup = Events(rawValue: 0x010)
    /// The peer closed its sending direction.
    public static let peerClosed = Events(rawValue: 0x2000)
    /// Wake one of several waiting processes only (Linux 4.5).
    public static let exclusive = Events(rawValue: 1 << 28)
    /// Report changes instead of levels.
    public static let edgeTriggered = Events(rawValue: 1 << 31)
  }

  /// Room for the events of one ``wait(into:timeoutMs:)``.
  @safe public final class Batch {
    fileprivate let storage: UnsafeMutablePointer<epoll_event>
    /// Events that fit.
    public let capacity: Int
    /// Events of the last wait.
    public fileprivate(set) var count = 0

    /// Room for `capacity` events, never freed: one lives as long as its process.
    public init(capacity: Int) {
      unsafe storage = .allocate(capacity: capacity)
      self.capacity = capacity
    }

    /// The token that event `index` was registered with.
    public func token(_ index: Int) -> UInt64 {
      precondition(index >= 0 && index < count)
      return unsafe storage[index].data.u64
    }

    /// What happened in event `index`.
    public func events(_ index: Int) -> Events {
      precondition(index >= 0 && index < count)
      return Events(rawValue: unsafe storage[index].events)
    }
  }

  /// epoll_create1(2) with close-on-exec.
  public init() throws(SystemCallError) {
    let number = epoll_create1(0x80000)
    guard number >= 0 else { throw SystemCallError("epoll_create1") }
    descriptor = FileDescriptor(owning: number)
  }

  /// Registers `number`; events on it carry `token`.
  public func add(_ number: Int32, _ events: Events, token: UInt64) throws(SystemCallError) {
    try change(EPOLL_CTL_ADD, number, events, token)
  }

  /// Changes what is waited for; what holds already is told again, edge-triggered or not.
  public func modify(_ number: Int32, _ events: Events, token: UInt64) throws(SystemCallError) {
    try change(EPOLL_CTL_MOD, number, events, token)
  }

  private func change(
    _ operation: Int32, _ number: Int32, _ events: Events, _ token: UInt64
  ) throws(SystemCallError) {
    var event = unsafe epoll_event()
    unsafe event.events = events.rawValue
    unsafe event.data.u64 = token
    guard unsafe epoll_ctl(descriptor.number, operation, number, &event) == 0 else {
      throw SystemCallError("epoll_ctl")
    }
  }

  /// Forgets `number`; it is no error if it was not registered.
  public func remove(_ number: Int32) {
    var event = unsafe epoll_event()
    _ = unsafe epoll_ctl(descriptor.number, EPOLL_CTL_DEL, number, &event)
  }

  /// Waits for events, at most `timeoutMs` milliseconds (-1: without end), and fills `batch`.
  ///
  /// - Returns: false where a signal interrupted it, which says nothing about any descriptor.
  ///   Allocates: never.
  @discardableResult
  public func wait(into batch: Batch, timeoutMs: Int32) -> Bool {
    let count = unsafe epoll_wait(
      descriptor.number, batch.storage, Int32(batch.capacity), timeoutMs)
    if count < 0 {
      precondition(errno == EINTR, "epoll_wait")
      batch.count = 0
      return false
    }
    batch.count = Int(count)
    return true
  }
}
