// Letterbox: memory that one front and one worker share, for short requests and responses. Edge.
//
//     line 0       how many lanes it has
//     line 1       the worker sleeps: whoever posts rings its bell               both
//     line 2       the front sleeps: whoever answers rings its bell              both
//     line 3       requests ever put into the row                                front
//     line 4       requests ever taken from the row                              worker
//     line 5       lanes whose response is here, a bit each                      both
//     lines 6–21   the row: numbers of lanes, in the order of their requests     front
//     then         a line for each lane: state, lengths, duration
//     then         for each lane a place for its request and one for its response
//
// A request is *posted* in its lane's place, and then belongs to whoever moves the lane's state
// on, by one atomic exchange: the worker that begins with it, or the front that takes it back to
// give it to another worker. The row only tells in which order to look; an entry whose request was
// taken back is passed over.
//
//             post (front)           claim (worker)
//     free ──────────────▶ posted ──────────────▶ free, the place is the worker's until its answer
//       ▲                    │
//       └──── takeBack ──────┘ (front)
//
// Nobody waits for a lock. Who is about to sleep says so first and looks once more after that; who
// puts something in looks after that whether the other sleeps. One of the two sees the other,
// because all four steps are sequentially consistent.
//
// Both sides run through foreign memory here: the application is in the same process as one of
// them. So lengths and numbers of lanes are checked at each reading, and the front copies a
// response before it looks at it. The memory's size is sealed.
public import Platform

/// Memory that one front and one worker share; docs/frames.md has its part in the protocol.
@safe public final class Letterbox {
  /// Lanes at most: as many as there are bits in a word.
  public static let mostLanes = 64
  /// Bytes of a request that fits, in a frame.
  public static let requestBytes = 8_192
  /// Bytes of a response that fits, in frames.
  public static let responseBytes = 16_384
  /// Entries of the row: more than lanes, because those taken back leave theirs behind.
  fileprivate static let rowEntries = 128
  private static let pageBytes = 4_096

  private enum Line {
    static let shape = 0
    static let workerSleeps = 1
    static let frontSleeps = 2
    static let posted = 3
    static let looked = 4
    static let answered = 5
    static let row = 6
    static let firstLane = row + Letterbox.rowEntries / SharedLine.fields
  }

  private enum Part {
    static let state = 0
    static let requestBytes = 1
    static let responseBytes = 2
    static let durationUs = 3
  }

  private static let free: UInt64 = 0
  private static let posted: UInt64 = 1

  /// Lanes that it has places for.
  public let lanes: Int
  private let memory: SharedMemory

  // MARK: life

  /// Makes the memory for `lanes` lanes, 1 ... ``mostLanes``; it is mapped with
  /// ``init(mapping:)``.
  public static func makeDescriptor(lanes: Int) throws(SystemCallError) -> FileDescriptor {
    precondition((1...mostLanes).contains(lanes))
    let descriptor = try SharedMemory.makeDescriptor(
      name: "plimsoll-letterbox", count: bytes(lanes: lanes))
    let memory = try SharedMemory(mapping: descriptor.number)
    unsafe SharedWord(at: memory.base + Line.shape * SharedLine.bytes).relaxed = UInt64(lanes)
    return descriptor
  }

  /// Maps a letterbox.
  ///
  /// - Throws: EINVAL where the descriptor is none.
  public init(mapping descriptor: Int32) throws(SystemCallError) {
    let memory = try SharedMemory(mapping: descriptor)
    let invalid = SystemCallError("mmap", code: SystemCallError.invalidArgument)
    guard memory.count >= Self.pageBytes else { throw invalid }
    let lanes = unsafe SharedWord(at: memory.base + Line.shape * SharedLine.bytes).relaxed
    guard (1...UInt64(Self.mostLanes)).contains(lanes),
      memory.count >= Self.bytes(lanes: Int(lanes))
    else { throw invalid }
    self.lanes = Int(lanes)
    self.memory = memory
  }

  private static let headBytes =
    ((Line.firstLane + mostLanes) * SharedLine.bytes + pageBytes - 1) / pageBytes * pageBytes

  private static func bytes(lanes: Int) -> Int {
    headBytes + lanes * (requestBytes + responseBytes)
  }

  // MARK: places

  /// Where the request of a lane stands; ``requestBytes`` bytes.
  public func requestPlace(_ lane: Int) -> UnsafeMutablePointer<UInt8> {
    precondition(lane >= 0 && lane < lanes)
    return unsafe (memory.base + Self.headBytes + lane &* (Self.requestBytes + Self.responseBytes))
      .assumingMemoryBound(to: UInt8.self)
  }

  /// Where the response of a lane stands; ``responseBytes`` bytes.
  public func responsePlace(_ lane: Int) -> UnsafeMutablePointer<UInt8> {
    unsafe requestPlace(lane) + Self.requestBytes
  }

  // MARK: the front

  /// Puts the request of `count` bytes that stands in its place into the row. False where the row
  /// is full. Allocates: never.
  public func post(_ lane: Int, count: Int) -> Bool {
    let tail = word(Line.posted).relaxed
    let head = word(Line.looked).acquired
    guard tail &- head < UInt64(Self.rowEntries) else { return false }
    part(lane, Part.requestBytes).relaxed = UInt64(count)
    part(lane, Part.state).release(Self.posted)
    entry(tail).relaxed = UInt64(lane)
    word(Line.posted).ordered = tail &+ 1
    return true
  }

  /// Takes a request back that nobody has begun with. False where the worker was quicker, and where
  /// it was not posted. Allocates: never.
  public func takeBack(_ lane: Int) -> Bool { move(lane) }

  /// Whether the worker sleeps and has to be woken, which only one caller is told.
  public func takeWorkerSleep() -> Bool { takeSleep(Line.workerSleeps) }

  /// The front is about to sleep. False where a response is here already. Allocates: never.
  public func frontMaySleep() -> Bool {
    word(Line.frontSleeps).ordered = 1
    return word(Line.answered).ordered == 0
  }

  /// The front does not sleep.
  public func frontWoke() { word(Line.frontSleeps).relaxed = 0 }

  /// The lanes whose response is here, a bit each; they count as seen. Allocates: never.
  public func takeAnswered() -> UInt64 {
    word(Line.answered).relaxed == 0 ? 0 : word(Line.answered).exchange(0)
  }

  /// Whether the response of one lane is here; it counts as seen.
  public func takeAnswered(_ lane: Int) -> Bool {
    let bit: UInt64 = 1 << UInt64(lane)
    return word(Line.answered).clear(bit) & bit != 0
  }

  /// Bytes of the response in a lane's place, 0 ... ``responseBytes``, and how long the application
  /// ran for it, in microseconds.
  public func response(_ lane: Int) -> (count: Int, durationUs: Int64) {
    let count = min(part(lane, Part.responseBytes).relaxed, UInt64(Self.responseBytes))
    return (Int(count), Int64(bitPattern: part(lane, Part.durationUs).relaxed))
  }

  /// A number that changes whenever the worker has looked at another request.
  public var looked: UInt64 { word(Line.looked).relaxed }

  // MARK: the worker

  /// The next lane of the row; nil where it is empty. One thread at a time. Allocates: never.
  public func next() -> Int? {
    let head = word(Line.looked).relaxed
    guard word(Line.posted).acquired != head else { return nil }
    let lane = entry(head).relaxed
    word(Line.looked).release(head &+ 1)
    return lane < UInt64(lanes) ? Int(lane) : nil
  }

  /// Takes the request in a lane's place; it is nobody else's from now on. nil where none is
  /// posted there.
  ///
  /// - Returns: its bytes, which stay until the worker has answered. Allocates: never.
  public func claim(_ lane: Int) -> UnsafeBufferPointer<UInt8>? {
    guard move(lane) else { return nil }
    let count = min(part(lane, Part.requestBytes).relaxed, UInt64(Self.requestBytes))
    return unsafe UnsafeBufferPointer(start: requestPlace(lane), count: Int(count))
  }

  /// Whether a request is posted on a lane.
  public func isPosted(_ lane: Int) -> Bool { part(lane, Part.state).relaxed == Self.posted }

  /// The response of `count` bytes is whole and stands in its lane's place. Any thread.
  ///
  /// - Returns: whether the front sleeps and has to be woken. Allocates: never.
  public func answer(_ lane: Int, count: Int, durationUs: Int64) -> Bool {
    part(lane, Part.responseBytes).relaxed = UInt64(count)
    part(lane, Part.durationUs).relaxed = UInt64(bitPattern: durationUs)
    word(Line.answered).set(1 << UInt64(lane))
    return takeSleep(Line.frontSleeps)
  }

  /// The worker is about to sleep. False where a request is here already. Allocates: never.
  public func workerMaySleep() -> Bool {
    word(Line.workerSleeps).ordered = 1
    return word(Line.posted).ordered == looked
  }

  /// The worker does not sleep.
  public func workerWoke() { word(Line.workerSleeps).relaxed = 0 }

  // MARK: words

  /// From posted to free, for one of two.
  private func move(_ lane: Int) -> Bool {
    part(lane, Part.state).move(from: Self.posted, to: Self.free)
  }

  private func takeSleep(_ line: Int) -> Bool {
    word(line).ordered != 0 && word(line).exchange(0) != 0
  }

  @inline(__always)
  private func word(_ line: Int) -> SharedWord {
    unsafe SharedWord(at: memory.base + line &* SharedLine.bytes)
  }

  @inline(__always)
  private func part(_ lane: Int, _ which: Int) -> SharedWord {
    precondition(lane >= 0 && lane < lanes)
    return unsafe SharedWord(
      at: memory.base + ((Line.firstLane &+ lane) &* SharedLine.bytes &+ which &* 8))
  }

  @inline(__always)
  private func entry(_ number: UInt64) -> SharedWord {
    let index = Int(truncatingIfNeeded: number % UInt64(Self.rowEntries))
    return unsafe SharedWord(at: memory.base + (Line.row &* SharedLine.bytes &+ index &* 8))
  }
}
