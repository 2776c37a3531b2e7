// ByteWriter: appends bytes and text to memory lent by its caller. Pure.

/// Writes into a borrowed region of memory and never past its end.
///
/// Once an append does not fit, ``overflowed`` is set and nothing more is written, so a caller
/// checks once, after the last append. Allocates: never.
@safe public struct ByteWriter {
  /// First byte of the lent region.
  public private(set) var base: UnsafeMutablePointer<UInt8>
  /// Bytes the region holds.
  public private(set) var capacity: Int
  /// Bytes written so far; 0...capacity.
  public private(set) var count: Int = 0
  /// Whether an append was dropped because it did not fit.
  public private(set) var overflowed = false

  /// Lends `capacity` bytes at `base` for the life of the writer.
  public init(base: UnsafeMutablePointer<UInt8>, capacity: Int) {
    precondition(capacity >= 0)
    unsafe self.base = unsafe base
    self.capacity = capacity
  }

  /// Bytes that still fit.
  public var remaining: Int { capacity - count }

  /// What was written so far, valid while the lent region is.
  public var written: UnsafeBufferPointer<UInt8> {
    unsafe UnsafeBufferPointer(start: base, count: count)
  }

  /// Forgets everything from `position` on; `position` is at most ``count``.
  public mutating func truncate(to position: Int) {
    precondition(position >= 0 && position <= count)
    count = position
    overflowed = false
  }

  /// Appends one byte.
  public mutating func append(_ byte: UInt8) {
    guard !overflowed, count < capacity else {
      overflowed = true
      return
    }
    unsafe base[count] = byte
    count &+= 1
  }

  /// Appends a copy of `bytes`.
  public mutating func append(copying bytes: UnsafeBufferPointer<UInt8>) {
    guard let place = unsafe reserve(bytes.count) else { return }
    if let source = bytes.baseAddress {
      unsafe place.update(from: source, count: bytes.count)
    }
  }

  /// Appends the UTF-8 bytes of a literal.
  public mutating func append(_ literal: StaticString) {
    unsafe append(
      copying: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  /// Appends the UTF-8 bytes of `text`. For cold paths: a bridged string may allocate.
  public mutating func append(text: String) {
    var text = text
    text.withUTF8 { unsafe append(copying: $0) }
  }

  /// Counts `size` bytes as written and gives their place, which the caller fills completely.
  ///
  /// - Returns: nil where they do not fit; ``overflowed`` is set then.
  @usableFromInline
  mutating func reserve(_ size: Int) -> UnsafeMutablePointer<UInt8>? {
    guard !overflowed, size <= capacity &- count else {
      overflowed = true
      return nil
    }
    let place = unsafe base + count
    count &+= size
    return unsafe place
  }
}
