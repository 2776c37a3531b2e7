// SharedMemory: anonymous memory that several processes map. Edge.
internal import CLinux
internal import Glibc

/// Zeroed memory shared by everybody who maps its descriptor; unmapped when its owner goes.
@safe public struct SharedMemory: ~Copyable {
  /// The memory's first byte, page-aligned.
  public let base: UnsafeMutableRawPointer
  /// Bytes mapped.
  public let count: Int

  /// Makes a memfd of `count` bytes; `name` shows in /proc/PID/maps.
  ///
  /// Its size is fixed, as every process that maps memory dies (SIGBUS) where another cut it off.
  /// A `count` of 0 makes one to be written to; then call ``seal(_:)``.
  public static func makeDescriptor(
    name: String, count: Int
  ) throws(SystemCallError) -> FileDescriptor {
    let number = unsafe clinux_memfd(name)
    guard number >= 0 else { throw SystemCallError("memfd_create") }
    let descriptor = FileDescriptor(owning: number)
    guard ftruncate(number, count) == 0 else { throw SystemCallError("ftruncate") }
    if count > 0, clinux_seal(number, 0) != 0 { throw SystemCallError("fcntl") }
    return descriptor
  }

  /// Fixes the size and the contents of a memfd for ever, for every process that has it.
  public static func seal(_ descriptor: borrowing FileDescriptor) throws(SystemCallError) {
    guard clinux_seal(descriptor.number, 1) == 0 else { throw SystemCallError("fcntl") }
  }

  /// Makes a memfd that holds `bytes` and nothing else for ever, positioned at the first of them.
  public static func makeSealed(
    name: String, _ bytes: [UInt8]
  ) throws(SystemCallError) -> FileDescriptor {
    let file = try makeDescriptor(name: name, count: 0)
    let failure = unsafe bytes.withUnsafeBufferPointer { unsafe file.writeAll($0) }
    if let failure { throw failure }
    try seal(file)
    guard lseek(file.number, 0, SEEK_SET) == 0 else { throw SystemCallError("lseek") }
    return file
  }

  /// Maps the whole of a memfd, to be written to unless `readOnly` is set.
  public init(mapping descriptor: Int32, readOnly: Bool = false) throws(SystemCallError) {
    let size = lseek(descriptor, 0, SEEK_END)
    guard size > 0 else { throw SystemCallError("lseek") }
    let mapped = unsafe mmap(
      nil, size, readOnly ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    // MAP_FAILED is (void *)-1, a macro that Swift does not import.
    guard let address = unsafe mapped, Int(bitPattern: address) != -1 else {
      throw SystemCallError("mmap")
    }
    unsafe base = address
    count = size
  }

  deinit { unsafe munmap(base, count) }
}
