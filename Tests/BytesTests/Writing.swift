// Writing: runs a ByteWriter over memory of a given size. Test support.
internal import Bytes

/// What `body` writes into `capacity` bytes, as text; nil where it did not fit.
func written(capacity: Int = 256, _ body: (inout ByteWriter) -> Void) -> String? {
  let base = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity + 8)
  defer { unsafe base.deallocate() }
  // Guard bytes behind the lent region show a write past its end.
  unsafe base.initialize(repeating: 0xAA, count: capacity + 8)
  var writer = unsafe ByteWriter(base: base, capacity: capacity)
  body(&writer)
  for index in capacity..<capacity + 8 { unsafe precondition(base[index] == 0xAA) }
  return writer.overflowed ? nil : unsafe String(decoding: writer.written, as: UTF8.self)
}
