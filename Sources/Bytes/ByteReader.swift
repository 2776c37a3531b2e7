// ByteReader: numbers and runs of bytes from memory lent by its caller. Pure.

/// Reads numbers and runs of bytes from borrowed memory, and never past its end.
///
/// Once a read does not fit, ``failed`` is set, and everything reads as zero or empty, so a caller
/// checks once, after the last read. Allocates: never.
@safe public struct ByteReader {
  private let bytes: UnsafeBufferPointer<UInt8>
  /// Bytes read so far.
  public private(set) var position = 0
  /// Whether a read did not fit.
  public private(set) var failed = false

  /// Reads from the start of `bytes`, which stay for the life of the reader.
  public init(_ bytes: UnsafeBufferPointer<UInt8>) { unsafe self.bytes = unsafe bytes }

  /// Bytes that were not read yet.
  public var remaining: Int { unsafe bytes.count - position }

  /// The next number, in little-endian order; 0 where there is none.
  @inline(__always)
  public mutating func number<Number: FixedWidthInteger>(_: Number.Type) -> Number {
    let size = MemoryLayout<Number>.size
    guard !failed, remaining >= size else {
      failed = true
      return 0
    }
    defer { position &+= size }
    return unsafe Number(
      littleEndian: UnsafeRawBufferPointer(bytes).loadUnaligned(
        fromByteOffset: position, as: Number.self))
  }

  /// The next `count` bytes, in place; empty where there are fewer.
  @inline(__always)
  public mutating func run(_ count: Int) -> UnsafeBufferPointer<UInt8> {
    guard !failed, count >= 0, remaining >= count else {
      failed = true
      return unsafe UnsafeBufferPointer(start: nil, count: 0)
    }
    defer { position &+= count }
    return unsafe UnsafeBufferPointer(rebasing: bytes[position..<position &+ count])
  }
}
