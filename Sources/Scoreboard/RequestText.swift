// RequestText: who asks for what, as text in shared memory. Edge.
internal import Synchronization

/// Client, host and request line of a handler's latest request.
///
/// The writer makes a number odd, writes, and makes it even again; a reader that finds it odd, or
/// different afterwards, has read nothing. So no reader ever waits, and what a worker left half
/// written when it died is never shown.
@safe struct RequestText {
  /// Lines that it takes.
  static let lines = 3
  /// Longest address: an IPv6 address in text (INET6_ADDRSTRLEN without its end).
  static let clientBytes = 45
  /// Bytes of the Host field that are kept.
  static let hostBytes = 40
  /// Bytes of the request line that are kept; mod_status keeps 63.
  static let requestBytes = 88

  // sequence and number of the request (8 bytes each) · three lengths · client · host · request:
  // 192 bytes, three lines.
  private static let id = 8
  private static let lengths = 16
  private static let client = lengths + 3
  private static let host = client + clientBytes
  private static let request = host + hostBytes
  /// How often a reader tries while a writer is busy.
  private static let attempts = 4

  private let base: UnsafeMutableRawPointer

  /// The text at `base`, which is aligned to a line and stays mapped.
  init(at base: UnsafeMutableRawPointer) {
    assert(Self.request + Self.requestBytes <= Self.lines * SharedLine.bytes)
    unsafe self.base = base
  }

  private var sequence: UnsafePointer<Atomic<UInt64>> {
    unsafe UnsafePointer(base.assumingMemoryBound(to: Atomic<UInt64>.self))
  }

  /// Keeps the beginnings of the three texts. One writer. Allocates: never.
  func write(
    client: UnsafeBufferPointer<UInt8>, host: UnsafeBufferPointer<UInt8>,
    request: UnsafeBufferPointer<UInt8>, id number: UInt64
  ) {
    // Even also where a writer before died in the middle.
    let turn = unsafe sequence.pointee.load(ordering: .relaxed) & ~1
    unsafe sequence.pointee.store(turn &+ 1, ordering: .relaxed)
    atomicMemoryFence(ordering: .releasing)
    unsafe base.storeBytes(of: number, toByteOffset: Self.id, as: UInt64.self)
    unsafe put(client, at: Self.client, most: Self.clientBytes, length: Self.lengths)
    unsafe put(host, at: Self.host, most: Self.hostBytes, length: Self.lengths + 1)
    unsafe put(request, at: Self.request, most: Self.requestBytes, length: Self.lengths + 2)
    unsafe sequence.pointee.store(turn &+ 2, ordering: .releasing)
  }

  @inline(__always)
  private func put(
    _ text: UnsafeBufferPointer<UInt8>, at offset: Int, most: Int, length: Int
  ) {
    let count = min(text.count, most)
    unsafe base.storeBytes(of: UInt8(count), toByteOffset: length, as: UInt8.self)
    if let start = text.baseAddress, count > 0 {
      unsafe (base + offset).copyMemory(from: start, byteCount: count)
    }
  }

  /// The texts; nil where none was written, or the writer is (or died) in the middle of it.
  func read() -> HandlerLine.Texts? {
    for _ in 0..<Self.attempts {
      let before = unsafe sequence.pointee.load(ordering: .acquiring)
      guard before != 0 else { return nil }
      if before & 1 == 1 { continue }
      let texts = HandlerLine.Texts(
        client: text(at: Self.client, most: Self.clientBytes, length: Self.lengths),
        host: text(at: Self.host, most: Self.hostBytes, length: Self.lengths + 1),
        request: text(at: Self.request, most: Self.requestBytes, length: Self.lengths + 2),
        id: unsafe base.load(fromByteOffset: Self.id, as: UInt64.self))
      atomicMemoryFence(ordering: .acquiring)
      if unsafe sequence.pointee.load(ordering: .relaxed) == before { return texts }
    }
    return nil
  }

  private func text(at offset: Int, most: Int, length: Int) -> String {
    // The application can write here too: a length is never believed.
    let count = unsafe min(Int(base.load(fromByteOffset: length, as: UInt8.self)), most)
    return unsafe String(
      decoding: UnsafeRawBufferPointer(start: base + offset, count: count), as: UTF8.self)
  }

  /// Forgets the texts; nobody writes meanwhile.
  func clear() { unsafe sequence.pointee.store(0, ordering: .relaxed) }
}
