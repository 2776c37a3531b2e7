// WorkerServer+Report: what the worker says about itself in the scoreboard. Assembly.
//
// The line of a handler has one writer at a time. Under `event` that is the handler's thread, and
// what needs no handler is counted in the line behind theirs by whoever holds the poll role. Under
// `prefork` and `worker` a connection holds a handler from accept to close, so the line belongs to
// the connection, and is written by whoever owns that: see the invariants of Connection.
internal import HTTP1
internal import Platform
internal import Scoreboard

extension WorkerServer {
  /// Shortest time between two counts of all connections.
  private static let censusMs: Int64 = 1_000

  /// Something happened that the next count of the connections should show.
  @inline(__always)
  func noteChange() {
    if censusDueMs == .max { censusDueMs = max(nowMs, lastCensusMs + Self.censusMs) }
  }

  /// Counts the connections by what they do. Once a second while something happens, and once after
  /// that: an idle server sleeps.
  func takeCensus() {
    censusDueMs = .max
    lastCensusMs = nowMs
    var (keepAlive, reading, writing) = (0, 0, 0)
    table.forEach { index in
      let connection = unsafe table[index]
      guard unsafe !connection.pointee.isLane else { return }
      switch unsafe connection.pointee.phase {
      case .waiting:
        if unsafe connection.pointee.answered > 0 { keepAlive += 1 } else { reading += 1 }
      case .readingHead, .readingBody: reading += 1
      case .sending: writing += 1
      case .free, .inApplication, .lingering: break
      }
    }
    slot.setCensus(keepAlive: keepAlive, reading: reading, writing: writing, closing: lingering)
    slot.setConnections(table.count - lanes)
    slot.setCPUTime(ms: Clock.processCPUMs())
    slot.setGrowth(bytes: growth.bytes)
  }

  /// How long the ready queue is, and since when its oldest request waits. Under the lock.
  @inline(__always)
  func showReadyQueue() {
    let oldest = ready.oldest
    slot.setWaiting(
      ready.count, oldestMs: oldest >= 0 ? unsafe table[oldest].pointee.wholeMs : 0)
  }

  /// How long a group's queue is, and since when its oldest request waits. In a front.
  @inline(__always)
  func showQueue(of group: RelayGroup) {
    let oldest = group.queue.oldest
    group.slot.setWaiting(
      group.waiting, oldestMs: oldest >= 0 ? unsafe table[oldest].pointee.wholeMs : 0)
  }

  /// Those of all process groups, in a front; else the worker's own.
  var scoreboards: [Scoreboard] { relay?.groups.map(\.scoreboard) ?? [scoreboard] }

  /// What the connection that holds a handler does; nothing where connections hold none.
  @inline(__always)
  func show(_ connection: UnsafeMutablePointer<Connection>, _ letter: HandlerLine.StaticLetter) {
    guard connectionsHoldHandlers else { return }
    unsafe slot.line(Int(connection.pointee.line)).setState(letter)
  }

  /// A response of the connection is sent without a thread: it is not stuck, however long that
  /// takes.
  func showSending(_ connection: UnsafeMutablePointer<Connection>) {
    guard connectionsHoldHandlers else { return }
    unsafe slot.line(Int(connection.pointee.line)).requestWaitsForClient()
  }

  /// Counts what was sent after the response had been counted. By the holder of the role.
  func count(laterBytes bytes: Int64, _ connection: UnsafeMutablePointer<Connection>) {
    let line = unsafe connectionsHoldHandlers ? Int(connection.pointee.line) : slot.threads
    slot.line(line).count(laterBytes: bytes)
  }

  /// Counts the answer in `exchange`, which no application gave. By the holder of the role.
  func countAnswer(_ exchange: Exchange) {
    let beganUs = nowUs
    setClock(Clock.monotonicMicroseconds())
    if exchange.head.length > 0 { exchange.describe(nowMs: nowMs) }
    exchange.endLine(durationUs: nowUs - beganUs)
    slot.countService(us: nowUs - beganUs)
  }

  /// Takes over a reading of CLOCK_MONOTONIC. By the holder of the role.
  @inline(__always)
  func setClock(_ microseconds: Int64) {
    nowUs = microseconds
    nowMs = microseconds / 1000
  }
}

extension Exchange {
  /// Says in the scoreboard that the request began, and what it asks for. Allocates: never.
  func describe(nowMs: Int64) {
    unsafe line.requestBegan(
      ms: nowMs, connectionRequests: Int64(connection.pointee.answered) + 1)
    let start = Int(head.methodRange.offset)
    // The target, and ` HTTP/1.1` behind it.
    let end = min(Int(head.target.offset) + Int(head.target.count) + 9, head.length)
    unsafe line.describe(
      client: connection.clientText,
      host: UnsafeBufferPointer(
        start: headBytes + Int(head.host.offset), count: Int(head.host.count)),
      request: UnsafeBufferPointer(start: headBytes + start, count: max(0, end - start)),
      id: requestID)
  }

  /// Says that the request is over, and what came of it.
  @inline(__always)
  func endLine(durationUs: Int64) {
    if unsafe server.connectionsHoldHandlers {
      // The handler stays with the connection, which says what it does next.
      line.count(bytes: totalBytesSent, durationUs: durationUs)
    } else {
      line.requestEnded(bytes: totalBytesSent, durationUs: durationUs)
    }
  }
}
