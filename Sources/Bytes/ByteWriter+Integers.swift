// ByteWriter+Integers: numbers as bytes, the lowest first. Pure.

extension ByteWriter {
  /// Appends `number` in little-endian order.
  @inlinable
  public mutating func append(littleEndian number: some FixedWidthInteger) {
    let size = number.bitWidth / 8
    guard let place = unsafe reserve(size) else { return }
    unsafe UnsafeMutableRawPointer(place).storeBytes(of: number.littleEndian, as: type(of: number))
  }
}
