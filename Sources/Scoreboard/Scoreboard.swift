// Scoreboard: the shared memory in which every worker of a process group has a slot. Edge.
public import Platform

/// All slots of a process group: some lines about the group, then the slots one after another.
///
///     line 0         mark, number of slots, handler threads of each
///     then           what the supervisor says about the group: ``ServerFacts``
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
  /// Most lanes of one worker.
  public static let mostLanes = 4096
  /// Most handler threads of one worker.
  public static let mostThreads = 4096

  /// Number of slots.
  public let slots: Int
  /// Handler threads of each slot.
  public let threads: Int
  /// Lanes of each slot.
  public let lanes: Int
  /// How many of the slots, the last ones, are those of fronts.
  public let fronts: Int
  /// What the supervisor says about the whole group.
  public let facts: ServerFacts
  private let memory: SharedMemory
  /// Bytes that it takes.
  public var byteCount: Int { memory.count }

  private static let headerBytes = (1 + ServerFacts.lines) * SharedLine.bytes

  /// Bytes that a scoreboard takes.
  public static func bytes(slots: Int, threads: Int, lanes: Int = 0) -> Int {
    headerBytes + slots * WorkerSlot.bytes(threads: threads, lanes: lanes)
  }

  /// Marks the first line, so that a foreign descriptor is not taken for a scoreboard. Its last
  /// byte is the version of the layout.
  private static let mark: Int64 = 0x706C_696D_736F_6C07  // "plimsol", 7

  private enum Field {
    static let mark = 0
    static let slots = 1
    static let threads = 2
    static let lanes = 3
    static let fronts = 4
  }

  /// Makes the memory of a scoreboard; it is mapped with ``init(mapping:)``.
  public static func makeDescriptor(
    slots: Int, threads: Int, lanes: Int = 0, fronts: Int = 0
  ) throws(SystemCallError) -> FileDescriptor {
    precondition((1...mostSlots).contains(slots) && (1...mostThreads).contains(threads))
    precondition((0...mostLanes).contains(lanes) && (0..<slots).contains(fronts))
    let descriptor = try SharedMemory.makeDescriptor(
      name: name, count: bytes(slots: slots, threads: threads, lanes: lanes))
    let memory = try SharedMemory(mapping: descriptor.number)
    let line = unsafe SharedLine(at: memory.base)
    line[Field.slots] = Int64(slots)
    line[Field.threads] = Int64(threads)
    line[Field.lanes] = Int64(lanes)
    line[Field.fronts] = Int64(fronts)
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
    let (lanes, fronts) = (line[Field.lanes], line[Field.fronts])
    guard line[Field.mark] == Self.mark, (1...Int64(Self.mostSlots)).contains(slots),
      (1...Int64(Self.mostThreads)).contains(threads),
      (0...Int64(Self.mostLanes)).contains(lanes), (0..<slots).contains(fronts),
      memory.count >= Self.bytes(slots: Int(slots), threads: Int(threads), lanes: Int(lanes))
    else { throw invalid }
    self.slots = Int(slots)
    self.threads = Int(threads)
    self.lanes = Int(lanes)
    self.fronts = Int(fronts)
    facts = unsafe ServerFacts(at: memory.base + SharedLine.bytes)
    self.memory = memory
  }

  /// Requests that all workers ever answered, those that are gone included. Allocates: never.
  public var requestsAnswered: Int64 {
    var sum = facts.requests
    for index in 0..<slots { sum &+= self[index].requestsServed }
    return sum
  }

  /// Numbers of the workers' slots.
  public var workerSlots: Range<Int> { 0..<slots - fronts }

  /// Slot number `index`, valid as long as the scoreboard is.
  public subscript(index: Int) -> WorkerSlot {
    precondition(index >= 0 && index < slots)
    let offset = Self.headerBytes + index * WorkerSlot.bytes(threads: threads, lanes: lanes)
    return unsafe WorkerSlot(base: memory.base + offset, threads: threads, lanes: lanes)
  }
}
