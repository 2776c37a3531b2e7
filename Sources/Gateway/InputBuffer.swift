// InputBuffer: body bytes between the server and the application's reads. Edge.
internal import Glibc

/// A fixed buffer for reads of lines; allocated at the first such read and then kept.
@safe struct InputBuffer {
  /// Bytes the buffer holds.
  static let capacity = 8192
  private var base: UnsafeMutablePointer<UInt8>?
  private var position = 0
  private var end = 0

  /// Bytes that are in the buffer.
  var count: Int { end &- position }

  /// The bytes that are in the buffer.
  var bytes: UnsafeBufferPointer<UInt8> {
    guard let base = unsafe base else { return unsafe UnsafeBufferPointer(start: nil, count: 0) }
    return unsafe UnsafeBufferPointer(start: base + position, count: count)
  }

  /// Room to fill; only when the buffer is empty.
  mutating func room() -> UnsafeMutableRawBufferPointer {
    precondition(count == 0)
    let base = unsafe self.base ?? .allocate(capacity: Self.capacity)
    unsafe self.base = unsafe base
    position = 0
    end = 0
    return unsafe UnsafeMutableRawBufferPointer(start: base, count: Self.capacity)
  }

  /// The first `count` bytes of the room were filled.
  mutating func filled(_ count: Int) {
    precondition(count >= 0 && count <= Self.capacity)
    end = count
  }

  /// The first `count` bytes were read.
  mutating func consume(_ count: Int) {
    precondition(count >= 0 && count <= self.count)
    position &+= count
  }

  /// Drops what is left.
  mutating func clear() {
    position = 0
    end = 0
  }

  /// Gives the memory back.
  mutating func free() {
    unsafe base?.deallocate()
    unsafe base = nil
    clear()
  }

  /// Bytes up to and including the first line end; nil without one.
  var lineLength: Int? {
    guard count > 0, let base = unsafe base else { return nil }
    guard let found = unsafe memchr(base + position, 0x0A, count) else { return nil }
    return unsafe UnsafeRawPointer(found) - UnsafeRawPointer(base + position) + 1
  }
}
