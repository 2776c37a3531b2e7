// Scoreboard: the shared memory in which every worker has a slot. Edge.
public import Platform

/// All slots: a first line that describes the layout, then the slots one after another.
@safe public final class Scoreboard {
  /// Most slots and threads that a layout may have; more is a mistake in the settings.
  public static let mostSlots = 4096
  /// Most handler threads of one worker.
  public static let mostThreads = 4096

  /// Number of slots.
  public let slots: Int
  /// Handler threads of each slot.
  public let threads: Int
  private let memory: SharedMemory

  /// Bytes that a scoreboard takes.
  public static func bytes(slots: Int, threads: Int) -> Int {
    WorkerSlot.lineBytes + slots * slotBytes(threads: threads)
  }

  private static func slotBytes(threads: Int) -> Int { (1 + threads) * WorkerSlot.lineBytes }

  /// Marks the first line, so that a foreign descriptor is not taken for a scoreboard.
  private static let mark: Int64 = 0x706C_696D_736F_6C31  // "plimsol1"

  /// Makes the memory of a scoreboard; it is mapped with ``init(mapping:)``.
  public static func makeDescriptor(
    slots: Int, threads: Int
  ) throws(SystemCallError) -> FileDescriptor {
    precondition((1...mostSlots).contains(slots) && (1...mostThreads).contains(threads))
    let descriptor = try SharedMemory.makeDescriptor(
      name: "plimsoll-scoreboard", count: bytes(slots: slots, threads: threads))
    let memory = try SharedMemory(mapping: descriptor.number)
    unsafe memory.base.storeBytes(of: Int64(slots), toByteOffset: 8, as: Int64.self)
    unsafe memory.base.storeBytes(of: Int64(threads), toByteOffset: 16, as: Int64.self)
    unsafe memory.base.storeBytes(of: mark, as: Int64.self)
    return descriptor
  }

  /// Maps a scoreboard.
  ///
  /// - Throws: EINVAL where the descriptor is no scoreboard.
  public init(mapping descriptor: Int32) throws(SystemCallError) {
    let memory = try SharedMemory(mapping: descriptor)
    guard memory.count >= WorkerSlot.lineBytes,
      unsafe memory.base.load(as: Int64.self) == Self.mark
    else { throw SystemCallError("mmap", code: SystemCallError.invalidArgument) }
    let slots = unsafe Int(memory.base.load(fromByteOffset: 8, as: Int64.self))
    let threads = unsafe Int(memory.base.load(fromByteOffset: 16, as: Int64.self))
    guard (1...Self.mostSlots).contains(slots), (1...Self.mostThreads).contains(threads),
      memory.count >= Self.bytes(slots: slots, threads: threads)
    else { throw SystemCallError("mmap", code: SystemCallError.invalidArgument) }
    self.slots = slots
    self.threads = threads
    self.memory = memory
  }

  /// Slot number `index`, valid as long as the scoreboard is.
  public subscript(index: Int) -> WorkerSlot {
    precondition(index >= 0 && index < slots)
    let offset = WorkerSlot.lineBytes + index * Self.slotBytes(threads: threads)
    return unsafe WorkerSlot(base: memory.base + offset, threads: threads)
  }
}
