// Relay: what a front knows of the workers behind it, and the requests that wait for one. Assembly.
internal import Platform
internal import Scoreboard

/// One end of a Unix socket pair to a worker. It carries one request at a time.
///
///     idle ──request sent──▶ awaitingHead ──head──▶ streaming ──end──▶ idle
///                                 │   └──────── whole response ───────▶ idle
///                                 │ client gone          │ client gone
///                                 └───▶ discarding ◀─────┘ ──end──▶ idle
///
/// At any point the worker may die, which ends the lane: a request that the worker had not begun
/// goes back to the queue, one that it had is answered with 502, and a response that was under way
/// is torn down.
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

  init(slot: Int, pid: Int32, board: WorkerSlot) {
    self.slot = slot
    self.pid = pid
    self.board = board
  }

  /// Whether it has a lane and may have a thread for another request.
  var mayTakeMore: Bool { !idle.isEmpty && busy < max(1, board.threadsAllowed) }

  /// Takes an idle lane, of which there is one: rather one whose last request is not only answered
  /// but done with.
  func takeIdle() -> Lane {
    for index in idle.indices.reversed() where board.begunRequest(lane: idle[index].word) == 0 {
      return idle.remove(at: index)
    }
    return idle.removeLast()
  }
}

/// The workers, and the queue.
@safe final class Relay {
  let scoreboard: Scoreboard
  /// Workers that take requests, the most recently used first.
  private(set) var workers: [RelayWorker] = []
  /// By number; nil where a number is free.
  private(set) var lanes: [Lane?] = []
  private var freeNumbers: [Int] = []
  private var generation: UInt32 = 0
  /// Requests that wait for a lane, the oldest first.
  var queue: IndexQueue
  /// Lanes that may have something to read, of which no event will tell.
  var again: [Lane] = []
  /// How many workers are used side by side before work is gathered on few: one for each core.
  private let spread: Int
  /// Frames are put together here.
  let frame: UnsafeMutablePointer<UInt8>
  static let frameCapacity = 262_144

  init(scoreboard: Scoreboard, connections: Int, cores: Int) {
    self.scoreboard = scoreboard
    queue = IndexQueue(capacity: connections)
    spread = max(1, cores)
    unsafe frame = .allocate(capacity: Self.frameCapacity)
  }

  // MARK: workers come and go

  /// A worker serves over these sockets; they are owned from now on.
  func add(sockets: [Int32], slot: Int, pid: Int32, firstWord: Int) -> [Lane] {
    let worker: RelayWorker
    if let known = workers.first(where: { $0.pid == pid && $0.slot == slot }) {
      worker = known
    } else {
      worker = RelayWorker(slot: slot, pid: pid, board: scoreboard[slot])
      workers.append(worker)
    }
    var added: [Lane] = []
    for (offset, socket) in sockets.enumerated() {
      generation &+= 1
      let number = freeNumbers.popLast() ?? lanes.count
      let lane = Lane(
        number: number, word: firstWord + offset, socket: socket, generation: generation,
        worker: worker)
      if number == lanes.count { lanes.append(lane) } else { lanes[number] = lane }
      worker.idle.append(lane)
      worker.lanes += 1
      added.append(lane)
    }
    return added
  }

  /// A worker gets no more requests. Gives back the lanes that can be closed at once.
  func retire(pid: Int32) -> [Lane] {
    guard let index = workers.firstIndex(where: { $0.pid == pid }) else { return [] }
    let worker = workers.remove(at: index)
    worker.isRetired = true
    let idle = worker.idle
    worker.idle = []
    return idle
  }

  /// The lane is closed; its number is free.
  func remove(_ lane: Lane) {
    lanes[lane.number] = nil
    freeNumbers.append(lane.number)
    let worker = lane.worker
    worker.lanes -= 1
    if lane.state == .idle {
      worker.idle.removeAll { $0 === lane }
    } else {
      worker.busy -= 1
    }
    if worker.lanes == 0 { workers.removeAll { $0 === worker } }
  }

  // MARK: who gets the next request

  /// A lane for a request; nil where every worker has its hands full.
  ///
  /// Of the most recently used workers, one for each core, the one with the fewest requests: each
  /// has an interpreter lock of its own. The others stay idle, and so keep sharing their memory.
  func take() -> Lane? {
    var chosen = -1
    var seen = 0
    for index in workers.indices where workers[index].mayTakeMore {
      if chosen < 0 || workers[index].busy < workers[chosen].busy { chosen = index }
      seen += 1
      if seen == spread || workers[chosen].busy == 0 { break }
    }
    guard chosen >= 0 else { return nil }
    let lane = workers[chosen].takeIdle()
    lane.worker.busy += 1
    // Only so far that those in use side by side do not change places all the time.
    if chosen >= spread {
      workers.insert(workers.remove(at: chosen), at: spread - 1)
    }
    return lane
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

  /// One that waits for a lane: its connection ends with the answer.
  init(waiting index: Int32, requestID: UInt64) {
    (self.index, self.requestID, consumed) = (index, requestID, 0)
  }

  init(_ lane: Lane) {
    index = lane.connection
    requestID = lane.requestID
    consumed = lane.consumed
  }
}
