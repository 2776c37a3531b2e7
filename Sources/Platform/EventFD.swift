// EventFD: wakes a thread that waits in epoll. Edge.
internal import CLinux
internal import Glibc

/// An eventfd(2) used as a doorbell.
public struct EventFD: ~Copyable {
  private let descriptor: FileDescriptor

  /// A non-blocking, close-on-exec eventfd.
  public init() throws(SystemCallError) {
    let number = eventfd(0, 0x80800)
    guard number >= 0 else { throw SystemCallError("eventfd") }
    descriptor = FileDescriptor(owning: number)
  }

  /// Takes over an eventfd that another process made.
  public init(owning number: Int32) { descriptor = FileDescriptor(owning: number) }

  /// The number, to register with epoll.
  public var number: Int32 { descriptor.number }

  /// Makes the descriptor readable. Any thread; async-signal-safe.
  public func ring() {
    var one: UInt64 = 1
    _ = unsafe Glibc.write(descriptor.number, &one, 8)
  }

  /// Makes it quiet again.
  public func silence() {
    var count: UInt64 = 0
    _ = unsafe Glibc.read(descriptor.number, &count, 8)
  }
}
