// Scoreboard: the shared memory in which every worker has a slot. Edge.
public import Platform

/// All slots: some lines about the whole server, then the slots one after another.
///
///     line 0         mark, number of slots, handler threads of each
///     then           what the supervisor says about the server: ``ServerFacts``
///     slots          ``WorkerSlot``
///
/// The supervisor makes it and keeps it open, so that `/proc/PID/fd` leads readers to it; molds and
/// workers inherit it. Whoever maps it checks the mark and the sizes, and believes no number in it
/// afterwards: the application runs in processes that can write here.
@safe public final class Scoreboard {
  /// How its descriptor is called in `/proc/PID/fd`, after `/memfd:`.
  public static let name = "plimsoll-scoreboard"
  /// Most slots and threads that a layout may have; more is a mistake in the settings.
  public static let mostSlots = 4096
  /// Most handler threads of one worker.
  public static let mostThreads = 4096

  /// Number of slots.
  public let slots: Int
  /// Handler threads of each slot.
  public let threads: Int
  /// What the supervisor says about the whole server.
  public let facts: ServerFacts
  private let memory: SharedMemory
  /// Bytes that it takes.
  public var byteCount: Int { memory.count }

  private static let headerBytes = (1 + ServerFacts.lines) * SharedLine.bytes

  /// Bytes that a scoreboard takes.
  public static func bytes(slots: Int, threads: Int) -> Int {
    headerBytes + slots * WorkerSlot.bytes(threads: threads)
  }

  /// Marks the first line, so that a foreign descriptor is not taken for a scoreboard. Its last
  /// byte is the version of the layout.
  private static let mark: Int64 = 0x706C_696D_736F_6C04  // "plimsol", 4

  private enum Field {
    static let mark = 0
    static let slots = 1
    static let threads = 2
  }

  /// Makes the memory of a scoreboard; it is mapped with ``init(mapping:)``.
  public static func makeDescriptor(
    slots: Int, threads: Int
  ) throws(SystemCallError) -> FileDescriptor {
    precondition((1...mostSlots).contains(slots) && (1...mostThreads).contains(threads))
    let descriptor = try SharedMemory.makeDescriptor(
      name: name, count: bytes(slots: slots, threads: threads))
    let memory = try SharedMemory(mapping: descriptor.number)
    let line = unsafe SharedLine(at: memory.base)
    line[Field.slots] = Int64(slots)
    line[Field.threads] = Int64(threads)
    line[Field.mark] = mark
    return descriptor
  }

  /// Maps a scoreboard; `readOnly` where the descriptor, or the caller, only reads.
  ///
  /// - Throws: EINVAL where the descriptor is no scoreboard of this release.
  public init(mapping descriptor: Int32, readOnly: Bool = false) throws(SystemCallError) {
    let memory = try SharedMemory(mapping: descriptor, readOnly: readOnly)
    let invalid = SystemCallError("mmap", code: SystemCallError.invalidArgument)
    guard memory.count >= Self.headerBytes else { throw invalid }
    let line = unsafe SharedLine(at: memory.base)
    let (slots, threads) = (line[Field.slots], line[Field.threads])
    guard line[Field.mark] == Self.mark, (1...Int64(Self.mostSlots)).contains(slots),
      (1...Int64(Self.mostThreads)).contains(threads),
      memory.count >= Self.bytes(slots: Int(slots), threads: Int(threads))
    else { throw invalid }
    self.slots = Int(slots)
    self.threads = Int(threads)
    facts = unsafe ServerFacts(at: memory.base + SharedLine.bytes)
    self.memory = memory
  }

  /// Requests that all workers ever answered, those that are gone included. Allocates: never.
  public var requestsAnswered: Int64 {
    var sum = facts.requests
    for index in 0..<slots { sum &+= self[index].requestsServed }
    return sum
  }

  /// Slot number `index`, valid as long as the scoreboard is.
  public subscript(index: Int) -> WorkerSlot {
    precondition(index >= 0 && index < slots)
    let offset = Self.headerBytes + index * WorkerSlot.bytes(threads: threads)
    return unsafe WorkerSlot(base: memory.base + offset, threads: threads)
  }
}
