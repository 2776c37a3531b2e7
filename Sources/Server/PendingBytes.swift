// PendingBytes: a run of bytes that grows at its end and shrinks at its start. Pure.

/// Bytes that wait to be sent or parsed.
@safe struct PendingBytes {
  private var storage: UnsafeMutablePointer<UInt8>?
  private var capacity = 0
  private var first = 0
  private var end = 0

  /// How many wait.
  var count: Int { end - first }
  /// The bytes that wait; valid until the next change.
  var bytes: UnsafeBufferPointer<UInt8> {
    unsafe UnsafeBufferPointer(
      start: storage.map { unsafe UnsafePointer($0 + first) }, count: count)
  }

  /// Appends a copy of `more`.
  mutating func append(_ more: UnsafeBufferPointer<UInt8>) {
    guard let source = more.baseAddress, more.count > 0 else { return }
    if capacity - end < more.count { makeRoom(more.count) }
    unsafe (storage! + end).update(from: source, count: more.count)
    end += more.count
  }

  /// Appends the bytes of a literal.
  mutating func append(_ literal: StaticString) {
    unsafe append(
      UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  /// The first `used` bytes are done with. Memory is given back with the last.
  mutating func drop(_ used: Int) {
    precondition(used <= count)
    first += used
    if first == end { removeAll() }
  }

  /// Gives everything back.
  mutating func removeAll() {
    unsafe storage?.deallocate()
    unsafe storage = nil
    (capacity, first, end) = (0, 0, 0)
  }

  private mutating func makeRoom(_ needed: Int) {
    let kept = count
    if let storage = unsafe storage, capacity - kept >= needed, first >= kept {
      unsafe storage.update(from: storage + first, count: kept)
    } else {
      var larger = max(1024, capacity)
      while larger - kept < needed { larger *= 2 }
      let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
      if let storage = unsafe storage {
        unsafe moved.update(from: storage + first, count: kept)
        unsafe storage.deallocate()
      }
      unsafe storage = unsafe moved
      capacity = larger
    }
    first = 0
    end = kept
  }
}
