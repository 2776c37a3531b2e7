// The scoreboard's layout, and that every process that maps it sees the same.
import Glibc
import Platform
import ProcessPolicy
import Scoreboard
import Testing

@Suite struct ScoreboardTests {
  /// Every line is one cache line: six for the worker, four for each handler and the monitor.
  @Test func takesWholeCacheLines() {
    let empty = Scoreboard.bytes(slots: 0, threads: 1)
    #expect(empty % 64 == 0)
    #expect(Scoreboard.bytes(slots: 1, threads: 1) - empty == 64 * (10 + 2 * 4))
    #expect(Scoreboard.bytes(slots: 10, threads: 4) - empty == 64 * 10 * (10 + 5 * 4))
  }

  @Test func isSharedByItsMappings() throws {
    let memory = try Scoreboard.makeDescriptor(slots: 3, threads: 2)
    let one = try Scoreboard(mapping: memory.number)
    let other = try Scoreboard(mapping: memory.number, readOnly: true)
    #expect(other.slots == 3)
    #expect(other.threads == 2)
    one[2].clear(generation: 7, phase: .starting)
    one[2].occupy(pid: 41, startedMs: 5)
    one[2].setConnections(9)
    one[2].setStartedThreads(2)
    one[2].line(1).requestBegan(ms: 1234, connectionRequests: 3)
    #expect(other[2].pid == 41)
    #expect(other[2].generation == 7)
    #expect(other[2].phase == .starting)
    #expect(other[2].startedMs == 5)
    #expect(other[2].connections == 9)
    #expect(other[2].line(1).beganMs == 1234)
    #expect(other[2].line(1).connectionRequests == 3)
    #expect(other[2].busyThreads == 1)
    #expect(other[0].pid == 0)
    #expect(other[1].busyThreads == 0)
  }

  /// Lines of threads that were not started yet count nowhere.
  @Test(arguments: [(0, 0), (2, 1), (3, 2), (4, 2), (9, 2)])
  func onlyStartedThreadsCount(started: Int, busy: Int) {
    let slot = WorkerSlot.detached(threads: 4)
    slot.line(1).requestBegan(ms: 10, connectionRequests: 1)
    slot.line(2).requestBegan(ms: 5, connectionRequests: 1)
    slot.setStartedThreads(started)
    #expect(slot.startedThreads == min(started, 4))
    #expect(slot.busyThreads == busy)
    #expect(slot.requestsInHand == busy)
    #expect(slot.oldestRequest?.thread == [nil, 1, 2][busy])
    #expect(slot.lastUsedMs == (busy > 0 ? 10 : 0))
  }

  @Test(arguments: [(0, 0), (4, 4), (5, 4), (-1, 0)]) func threadsAllowed(said: Int, allowed: Int) {
    let slot = WorkerSlot.detached(threads: 4)
    slot.setThreadsAllowed(said)
    #expect(slot.threadsAllowed == allowed)
  }

  /// Any worker has the descriptor; whoever reads beyond the end of such memory is killed.
  @Test func keepsItsSize() throws {
    let memory = try Scoreboard.makeDescriptor(slots: 3, threads: 2)
    #expect(ftruncate(memory.number, 0) == -1)
    #expect(ftruncate(memory.number, 1 << 20) == -1)
    #expect(try Scoreboard(mapping: memory.number).slots == 3)
  }

  @Test func refusesForeignMemory() throws {
    let memory = try SharedMemory.makeDescriptor(name: "other", count: 4096)
    #expect(throws: SystemCallError.self) { _ = try Scoreboard(mapping: memory.number) }
    let small = try SharedMemory.makeDescriptor(name: "other", count: 8)
    #expect(throws: SystemCallError.self) { _ = try Scoreboard(mapping: small.number) }
  }

  @Test func keepsTextsOfTheServer() throws {
    let memory = try Scoreboard.makeDescriptor(slots: 1, threads: 1)
    let board = try Scoreboard(mapping: memory.number)
    let long = String(repeating: "x", count: 300)
    board.facts.describe(title: long, software: "plimsoll/9", mpm: "prefork", policy: "apache")
    #expect(board.facts.title == String(repeating: "x", count: 127))
    #expect(board.facts.software == "plimsoll/9")
    #expect(board.facts.mpm == "prefork")
    #expect(board.facts.policy == "apache")
    #expect(board[0].pid == 0)
  }
}

@Suite struct WorkerSlotTests {
  @Test func countsRequestsOfAllHandlersAndTheMonitor() {
    let slot = WorkerSlot.detached(threads: 2)
    for round in 1...5 {
      slot.line(0).requestBegan(ms: Int64(round), connectionRequests: Int64(round))
      slot.line(0).requestEnded(bytes: 100, durationUs: 70)
    }
    slot.line(2).count(bytes: 10, durationUs: 5)
    slot.line(1).requestBegan(ms: 3, connectionRequests: 1)
    #expect(slot.requestsServed == 6)
    #expect(slot.busyThreads == 1)
    #expect(slot.requestsInHand == 1)
    #expect(slot.lastUsedMs == 5)
    #expect(slot.line(0).bytes == 500)
    #expect(slot.line(0).durationUs == 350)
    #expect(slot.line(0).lastDurationUs == 70)
  }

  @Test func knowsWhatIsInHand() {
    let slot = WorkerSlot.detached(threads: 4)
    for (line, ms) in [(3, 5), (0, 9), (1, 7)] {
      slot.line(line).requestBegan(ms: Int64(ms), connectionRequests: 1)
      write("client", "host", "GET /\(line) HTTP/1.1", to: slot.line(line))
    }
    slot.line(1).requestEnded(bytes: 1, durationUs: 1)
    slot.line(2).requestBegan(ms: 1, connectionRequests: 1)
    let found = slot.textsInHand
    #expect(found.map(\.texts.request) == ["GET /3 HTTP/1.1", "GET /0 HTTP/1.1"])
    #expect(found.map(\.beganMs) == [5, 9])
    #expect(slot.requestsInHand == 3)
  }

  @Test func knowsTheOldestRequest() {
    let slot = WorkerSlot.detached(threads: 3)
    #expect(slot.oldestRequest == nil)
    slot.line(2).requestBegan(ms: 50, connectionRequests: 1)
    slot.line(0).requestBegan(ms: 70, connectionRequests: 1)
    #expect(slot.oldestRequest?.thread == 2)
    #expect(slot.oldestRequest?.sinceMs == 50)
    slot.line(2).requestMadeProgress(ms: 80)
    #expect(slot.oldestRequest?.thread == 0)
    #expect(slot.line(2).beganMs == 50)
    slot.line(0).requestWaitsForClient()
    #expect(slot.oldestRequest?.thread == 2)
    slot.line(2).requestEnded(bytes: 0, durationUs: 0)
    #expect(slot.oldestRequest == nil)
    #expect(slot.busyThreads == 1)
  }

  @Test(arguments: [
    (HandlerLine.StaticLetter.ready, ProcessState.ready), (.reading, .reading),
    (.writing, .writing), (.keepAlive, .keepAlive), (.closing, .closing),
  ])
  func showsWhatTheConnectionDoes(letter: HandlerLine.StaticLetter, state: ProcessState) {
    let slot = WorkerSlot.detached(threads: 1)
    #expect(slot.line(0).state == .ready)
    slot.line(0).setState(letter)
    #expect(slot.line(0).state == state)
    #expect(slot.busyThreads == (state.isBusy ? 1 : 0))
  }

  @Test func isEmptyAfterClear() {
    let slot = WorkerSlot.detached(threads: 2)
    slot.occupy(pid: 3, startedMs: 1)
    slot.setLoaded()
    slot.setWaiting(4, oldestMs: 0)
    slot.setCensus(keepAlive: 1, reading: 2, writing: 3, closing: 4)
    slot.line(1).requestBegan(ms: 1, connectionRequests: 1)
    slot.line(2).count(bytes: 1, durationUs: 1)
    write("client", "host", "GET / HTTP/1.1", to: slot.line(0))
    slot.clear(generation: 2, phase: .starting)
    #expect(slot.pid == 0)
    #expect(!slot.isLoaded)
    #expect(slot.waiting == 0)
    #expect(slot.keepAliveConnections + slot.readingConnections == 0)
    #expect(slot.writingConnections + slot.closingConnections == 0)
    #expect(slot.busyThreads == 0)
    #expect(slot.requestsServed == 0)
    #expect(slot.line(0).texts == nil)
    #expect(slot.generation == 2)
  }

  @Test func cutsTextsThatAreTooLong() throws {
    let slot = WorkerSlot.detached(threads: 1)
    let long = String(repeating: "y", count: 1000)
    write(long, long, long, to: slot.line(0))
    let texts = try #require(slot.line(0).texts)
    #expect(texts.client.utf8.count == 45 && texts.id == 77)
    #expect(texts.host.utf8.count == 40)
    #expect(texts.request.utf8.count == 88)
    // The next line is not touched.
    #expect(slot.line(1).requests == 0)
    #expect(slot.line(1).state == .ready)
  }

  /// A worker is killed at whatever byte it is; its line stays readable for what it is.
  @Test func showsNoTextOfAWorkerThatDiedInTheMiddle() throws {
    let memory = try Scoreboard.makeDescriptor(slots: 1, threads: 1)
    let board = try Scoreboard(mapping: memory.number)
    let texts = ["a", "b"].map { String(repeating: $0, count: 40) }
    var torn = 0
    for _ in 0..<50 {
      let child = try Process.fork()
      if child == 0 {
        while true {
          for text in texts { write(text, text, text, to: board[0].line(0)) }
        }
      }
      // Alive and writing: its text can be seen.
      while board[0].line(0).texts == nil {}
      kill(child, SIGKILL)
      Process.wait(for: child)
      if let seen = board[0].line(0).texts {
        #expect(texts.contains(seen.client))
        #expect(seen.client == seen.host && seen.host == seen.request)
      } else {
        torn += 1
      }
      // Who comes next can write and be read again.
      write("c", "c", "c", to: board[0].line(0))
      #expect(board[0].line(0).texts?.client == "c")
      board[0].clear(generation: 1, phase: .open)
    }
    // How many died in the middle is chance; that some were whole shows that the test can fail.
    #expect(torn < 50)
  }

  @Test func isReadWholeWhileItIsWritten() throws {
    let memory = try Scoreboard.makeDescriptor(slots: 1, threads: 1)
    let board = try Scoreboard(mapping: memory.number)
    let texts = ["a", "b"].map { String(repeating: $0, count: 40) }
    let child = try Process.fork()
    if child == 0 {
      while true {
        for text in texts { write(text, text, text, to: board[0].line(0)) }
      }
    }
    var seen: Set<String> = []
    var looks = 0
    while seen.count < 2 || looks < 20_000 {
      looks += 1
      guard let found = board[0].line(0).texts else { continue }
      seen.insert(found.client)
      if found.client != found.host || found.host != found.request {
        Issue.record("torn: \(found)")
        break
      }
    }
    kill(child, SIGKILL)
    Process.wait(for: child)
    #expect(seen.isSubset(of: texts))
  }

  private func write(_ client: String, _ host: String, _ request: String, to line: HandlerLine) {
    let (client, host, request) = (Array(client.utf8), Array(host.utf8), Array(request.utf8))
    unsafe client.withUnsafeBufferPointer { client in
      unsafe host.withUnsafeBufferPointer { host in
        unsafe request.withUnsafeBufferPointer { request in
          unsafe line.describe(client: client, host: host, request: request, id: 77)
        }
      }
    }
  }
}
