// ServerStatus+Sums: what follows from the numbers of a status. Pure.
public import ProcessPolicy

// The application runs in processes that can write to the scoreboard, so no number is trusted: sums
// wrap round instead of stopping the process.

extension ServerStatus {
  /// Workers in all slots that are not open.
  public var workers: [Worker] { slots.compactMap { $0 } }

  /// Handlers that are busy, in workers that stay.
  public var busyHandlers: Int {
    workers.reduce(0) { $0 + $1.handlers.count { $0.isCountedBusy } * ($1.phase.isStaying ? 1 : 0) }
  }

  /// Handlers that finish what they have in hand, after which their worker ends.
  public var gracefulHandlers: Int {
    workers.reduce(0) { sum, worker in
      sum
        + worker.handlers.count {
          $0.state == .graceful || (!worker.phase.isStaying && $0.isCountedBusy)
        }
    }
  }

  /// Handlers that wait for work, in workers that take new connections.
  public var idleHandlers: Int {
    workers.reduce(0) { sum, worker in
      sum + (worker.phase == .serving ? worker.handlers.count { $0.state == .ready } : 0)
    }
  }

  /// Workers that end.
  public var stoppingWorkers: Int { workers.count { !$0.phase.isStaying } }

  /// Connections of all workers and fronts.
  public var connections: Connections {
    var sum = Connections()
    for worker in workers { sum.add(worker.connections) }
    for front in fronts { sum.add(front.connections) }
    return sum
  }

  /// Seconds since the server was started; at least 0.
  public var uptimeSeconds: Int64 {
    startedSeconds > 0 ? max(0, nowSeconds &- startedSeconds) : 0
  }

  /// Milliseconds for which the generation that serves has served; at least 0.
  var servingMs: Int64 { max(0, nowSeconds &- servingSinceSeconds) &* 1000 }

  /// Requests in a second, from the start until now; nil in the first second.
  public var requestsPerSecond: Double? {
    uptimeSeconds > 0 ? Double(totals.requests) / Double(uptimeSeconds) : nil
  }

  /// Bytes in a second, from the start until now; nil in the first second.
  public var bytesPerSecond: Double? {
    uptimeSeconds > 0 ? Double(totals.bytes) / Double(uptimeSeconds) : nil
  }

  /// Bytes of a response on average; nil before any.
  public var bytesPerRequest: Double? {
    totals.requests > 0 ? Double(totals.bytes) / Double(totals.requests) : nil
  }

  /// Milliseconds of a request on average; nil before any.
  public var msPerRequest: Double? {
    totals.requests > 0 ? Double(totals.durationMs) / Double(totals.requests) : nil
  }

  /// CPU time of the workers in per cent of one CPU, from the start until now; nil in the first
  /// second.
  public var cpuPercent: Double? {
    uptimeSeconds > 0 ? Double(cpuMs) / 10 / Double(uptimeSeconds) : nil
  }

  /// What the workers that serve grew by for each request that they answered, in bytes; nil before
  /// any request.
  public var growthBytesPerRequest: Double? {
    let serving = workers.filter { $0.phase == .serving }
    let requests = serving.reduce(0) { $0 &+ $1.totals.requests }
    let bytes = serving.reduce(0) { $0 &+ $1.growthBytes }
    return requests > 0 ? Double(bytes) / Double(requests) : nil
  }

  // MARK: scoreboard

  /// Letters that a worker has in the scoreboard: one for each of its handlers, and at least as
  /// many as workers have threads.
  func letters(of worker: Worker) -> [ProcessState] {
    var letters = worker.handlers.map(\.state)
    let missing = max(1, threadsPerWorker) - letters.count
    if missing > 0 {
      letters += [ProcessState](
        repeating: worker.phase == .starting ? .starting : .open, count: missing)
    }
    return letters
  }

  /// How many of the open slots count: as many as workers may still be started.
  ///
  /// As httpd, which leaves out what is above `MaxRequestWorkers`: who watches for "no open slot
  /// left" wants to know that no worker can be added.
  var openSlots: Int {
    let open = slots.count { $0 == nil }
    guard mostWorkers > 0 else { return open }
    return min(open, max(0, mostWorkers - (slots.count - open)))
  }

  /// Calls `body` with the letters of each slot, in the order of the slots, until `most` letters
  /// were given.
  ///
  /// - Returns: letters that were left out.
  func forEachSlot(mostLetters most: Int, _ body: ([ProcessState]) -> Void) -> Int {
    if hasGroups {
      var left = most
      return groups.reduce(0) { sum, group in
        sum
          + group.forEachSlot(mostLetters: left) { letters in
            left -= letters.count
            body(letters)
          }
      }
    }
    var open = openSlots
    var given = 0
    var leftOut = 0
    let width = max(1, threadsPerWorker)
    for slot in slots {
      let count: Int
      if let slot {
        count = max(width, slot.handlers.count)
      } else {
        guard open > 0 else { continue }
        open -= 1
        count = width
      }
      guard given + count <= most else {
        leftOut += count
        continue
      }
      given += count
      body(
        slot.map { letters(of: $0) } ?? [ProcessState](repeating: .open, count: width))
    }
    return leftOut
  }

  /// The handlers that have had a request, as they are worth looking at: first those that are in
  /// one, the longest first; then the others, the latest first.
  var requestsByInterest: [(worker: Worker, handler: Handler)] {
    var found: [(worker: Worker, handler: Handler)] = []
    for worker in workers {
      for handler in worker.handlers where handler.sinceBeginMs != nil {
        found.append((worker, handler))
      }
    }
    return found.sorted { left, right in
      if left.handler.state.isBusy != right.handler.state.isBusy {
        return left.handler.state.isBusy
      }
      let since = (left.handler.sinceBeginMs ?? 0, right.handler.sinceBeginMs ?? 0)
      return left.handler.state.isBusy ? since.0 > since.1 : since.0 < since.1
    }
  }
}

extension ServerStatus.Worker {
  /// What it grew by for each request that it answered, in bytes; nil before any.
  public var growthBytesPerRequest: Double? {
    totals.requests > 0 ? Double(growthBytes) / Double(totals.requests) : nil
  }

  /// Handlers that are in a request, or hold a connection.
  public var busy: Int { handlers.count { $0.state.isBusy } }
}

extension ServerStatus.Connections {
  fileprivate mutating func add(_ other: ServerStatus.Connections) {
    total &+= other.total
    keepAlive &+= other.keepAlive
    reading &+= other.reading
    writing &+= other.writing
    closing &+= other.closing
    waiting &+= other.waiting
  }

  /// Connections that do none of what is counted apart: their request waits, or is with a handler.
  /// The total may be younger than the other numbers.
  var inHand: Int { max(0, total &- keepAlive &- reading &- writing &- closing) }
}

extension ServerStatus.Phase {
  /// Whether a worker in this phase goes on serving, or will.
  public var isStaying: Bool { self == .starting || self == .serving }
}

extension ServerStatus.Handler {
  /// Busy as mod_status of httpd 2.4 counts: those that end are counted apart.
  fileprivate var isCountedBusy: Bool { state.isBusy && state != .graceful }
}

extension ProcessState {
  /// What the letter means, in a few words.
  public var meaning: String {
    switch self {
    case .ready: "waits for a request"
    case .starting: "starts up"
    case .reading: "reads a request"
    case .writing: "runs the application or sends"
    case .keepAlive: "holds a kept-alive connection"
    case .resolving: "looks a name up (never)"
    case .closing: "closes a connection"
    case .logging: "writes the log"
    case .graceful: "finishes, then ends"
    case .idleCleanup: "ends: was idle"
    case .open: "open slot, no process"
    }
  }
}
