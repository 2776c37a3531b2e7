// Relay: what a front knows of the workers behind it. Assembly.
public import Configuration
internal import HTTP1
internal import Platform
public import Scoreboard

/// One end of a Unix socket pair to a worker. It carries one request at a time.
///
///     idle ──request sent──▶ awaitingHead ──head──▶ streaming ──end──▶ idle
///                                 │   └──────── whole response ───────▶ idle
///                                 │ client gone          │ client gone
///                                 └───▶ discarding ◀─────┘ ──end──▶ idle
///
/// At any point the worker may die, which ends the lane: a request that the worker had not begun
/// goes back to the queue, one that it had is answered with 502 (504 where it took longer than
/// `--timeout`), and a response that was under way is torn down.
final class Lane {
  enum State {
    case idle, awaitingHead, streaming, discarding
  }

  /// Its number among the front's lanes.
  let number: Int
  /// Which word of the worker's slot is about it.
  let word: Int
  let socket: Int32
  let generation: UInt32
  let worker: RelayWorker
  var state = State.idle
  /// The client's connection; -1 where nobody waits.
  var connection: Int32 = -1
  var requestID: UInt64 = 0
  /// When the request was sent, ms of CLOCK_MONOTONIC.
  var sentMs: Int64 = 0
  /// Bytes of the connection's input that the request took.
  var consumed = 0
  /// Bytes that still come of the body frame in hand.
  var bodyLeft = 0
  var bodyIsLast = false
  /// The reader of the response is behind: nothing is read from the worker for now.
  var isPaused = false
  /// The worker's end is closed; what it sent before that may still have to be read.
  var peerClosed = false
  /// What came of a frame that is not whole yet.
  var input = PendingBytes()
  /// What the socket did not take of the request.
  var output = PendingBytes()
  /// Its place in the letterbox; -1 without one.
  fileprivate(set) var place = -1
  /// The parsed head of the request that it carries.
  var head = RequestHead()

  init(number: Int, word: Int, socket: Int32, generation: UInt32, worker: RelayWorker) {
    self.number = number
    self.word = word
    self.socket = socket
    self.generation = generation
    self.worker = worker
  }
}

/// A worker as a front sees it.
final class RelayWorker {
  /// Whose requests it gets.
  unowned let group: RelayGroup
  let slot: Int
  let pid: Int32
  /// Its part of the scoreboard.
  let board: WorkerSlot
  /// Lanes without a request.
  var idle: [Lane] = []
  /// Lanes in all.
  var lanes = 0
  /// Lanes with a request.
  var busy = 0
  /// It gets no more requests; its lanes are closed as they become idle.
  var isRetired = false
  /// The memory for short requests and responses; nil without one.
  var shared: SharedLanes?
  /// Requests that it may have in hand above what its threads can run: they wait there, so that it
  /// never waits for this front. See ``RelayWorker/learn(durationUs:)``.
  private(set) var credit = 0

  init(of group: RelayGroup, slot: Int, pid: Int32) {
    self.group = group
    self.slot = slot
    self.pid = pid
    board = group.scoreboard[slot]
  }

  /// How long a worker that has grown too much gets nothing before the supervisor has said that it
  /// goes; after that it is taken for one that stays.
  private static let outgrownMs: Int64 = 1_000

  /// Whether it has just said that it has grown too much: each further request may take memory
  /// that nobody has.
  private var hasOutgrown: Bool {
    let since = board.outgrownSinceMs
    return since > 0 && Clock.monotonicMs() &- since < Self.outgrownMs
  }

  /// Whether it has a lane and may have a thread for another request.
  var mayTakeMore: Bool {
    !idle.isEmpty && busy < max(1, board.threadsAllowed) && !hasOutgrown
  }

  /// Whether it has a lane for a request that waits there.
  var mayTakeAhead: Bool {
    credit > 0 && !idle.isEmpty && busy < max(1, board.threadsAllowed) + credit && !hasOutgrown
  }

  /// Requests that wait there.
  var ahead: Int { max(0, busy - max(1, board.threadsAllowed)) }

  /// A request took the application so long. Short ones earn credit one by one; a long one takes it
  /// all, because who waits behind such a one should wait where others could be found.
  func learn(durationUs: Int64) {
    if durationUs > Self.longUs {
      credit = 0
    } else if durationUs <= Self.shortUs {
      credit = min(credit + 1, Self.mostCredit)
    }
  }

  /// It is stuck with a request.
  func loseCredit() { credit = 0 }

  private static let shortUs: Int64 = 500
  private static let longUs: Int64 = 1_000
  private static let mostCredit = 16

  /// Takes an idle lane, of which there is one: rather one whose last request is not only answered
  /// but done with.
  func takeIdle() -> Lane {
    for index in idle.indices.reversed() where board.begunRequest(lane: idle[index].word) == 0 {
      return idle.remove(at: index)
    }
    return idle.removeLast()
  }
}

/// What a front is told of a process group that it hands requests to.
public struct FrontGroup {
  /// Its settings.
  public let settings: ServerSettings
  /// Its scoreboard.
  public let scoreboard: Scoreboard
  /// The front's own slot there.
  public let slot: Int

  /// A group.
  public init(settings: ServerSettings, scoreboard: Scoreboard, slot: Int) {
    self.settings = settings
    self.scoreboard = scoreboard
    self.slot = slot
  }
}

/// The lanes to all workers, of whatever process group.
@safe final class Relay {
  /// By number; nil where a number is free.
  private(set) var lanes: [Lane?] = []
  private var freeNumbers: [Int] = []
  private var generation: UInt32 = 0
  /// Where requests go, and wait.
  let groups: [RelayGroup]
  /// Lanes that may have something to read, of which no event will tell.
  var again: [Lane] = []
  /// Those that have requests in their shared memory.
  var posting: [RelayWorker] = []
  /// Whether one of them may sleep and has to be woken.
  var hasUnrung = false
  /// Tokens of connections whose uploads may have more, of which no event will tell.
  var uploads: [UInt64] = []
  /// Frames are put together here.
  let frame: UnsafeMutablePointer<UInt8>
  static let frameCapacity = 262_144

  init(_ groups: [FrontGroup], connections: Int, cores: Int) {
    self.groups = groups.enumerated().map {
      RelayGroup(number: $0.offset, $0.element, connections: connections, cores: cores)
    }
    unsafe frame = .allocate(capacity: Self.frameCapacity)
  }

  // MARK: lanes come and go

  /// A worker of a group serves over these sockets; they are owned from now on.
  func add(
    sockets: [Int32], to group: RelayGroup, slot: Int, pid: Int32, firstWord: Int
  ) -> [Lane] {
    let worker = group.worker(slot: slot, pid: pid)
    var added: [Lane] = []
    for (offset, socket) in sockets.enumerated() {
      generation &+= 1
      let number = freeNumbers.popLast() ?? lanes.count
      let lane = Lane(
        number: number, word: firstWord + offset, socket: socket, generation: generation,
        worker: worker)
      if number == lanes.count { lanes.append(lane) } else { lanes[number] = lane }
      if let shared = worker.shared { lane.place = shared.takePlace(of: lane) }
      worker.idle.append(lane)
      worker.lanes += 1
      added.append(lane)
    }
    return added
  }

  /// A worker shares memory with this front; its lanes follow. False where it does already.
  func add(_ shared: SharedLanes, to group: RelayGroup, slot: Int, pid: Int32) -> Bool {
    let worker = group.worker(slot: slot, pid: pid)
    guard worker.shared == nil else { return false }
    worker.shared = shared
    return true
  }

  /// A worker gets no more requests. Gives back the lanes that can be closed at once.
  func retire(pid: Int32) -> [Lane] { groups.flatMap { $0.retire(pid: pid) } }

  /// The lane is closed; its number is free.
  func remove(_ lane: Lane) {
    lanes[lane.number] = nil
    freeNumbers.append(lane.number)
    lane.worker.group.remove(lane)
  }

  /// The response is over. False where the lane is to be closed: its worker is on its way out.
  func give(_ lane: Lane) -> Bool {
    lane.state = .idle
    lane.connection = -1
    lane.worker.busy -= 1
    guard !lane.worker.isRetired else { return false }
    lane.worker.idle.append(lane)
    return true
  }
}

/// The request that a lane has carried: the lane may have the next one before this is answered.
struct Carried {
  let index: Int32
  let requestID: UInt64
  let consumed: Int
  /// Its parsed head; nil where that has to be parsed again.
  let head: RequestHead?

  /// One that waits for a lane: its connection ends with the answer.
  init(waiting index: Int32, requestID: UInt64) {
    (self.index, self.requestID, consumed, head) = (index, requestID, 0, nil)
  }

  init(_ lane: Lane) {
    index = lane.connection
    requestID = lane.requestID
    consumed = lane.consumed
    head = lane.head
  }
}
