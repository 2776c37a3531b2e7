// Who gets a request that was posted, who is woken, and that two mappings see the same.
import Glibc
import Platform
import Scoreboard
import Synchronization
import Testing

@Suite struct LetterboxTests {
  /// The two sides of one letterbox, as two processes map it.
  struct Sides {
    let front: Letterbox
    let worker: Letterbox

    init(lanes: Int = 4) throws {
      let memory = try Letterbox.makeDescriptor(lanes: lanes)
      front = try Letterbox(mapping: memory.number)
      worker = try Letterbox(mapping: memory.number)
    }

    /// Posts a text on a lane.
    @discardableResult
    func post(_ text: String, on lane: Int) -> Bool {
      let bytes = Array(text.utf8)
      unsafe front.requestPlace(lane).update(from: bytes, count: bytes.count)
      return front.post(lane, count: bytes.count)
    }

    /// What the worker gets when it begins with the request on a lane.
    func claim(_ lane: Int) -> String? {
      guard let bytes = unsafe worker.claim(lane) else { return nil }
      return unsafe String(decoding: bytes, as: UTF8.self)
    }
  }

  @Test func requestsComeInTheirOrder() throws {
    let sides = try Sides()
    #expect(sides.worker.next() == nil)
    for (lane, text) in [(2, "first"), (0, "second"), (3, "third")] {
      #expect(sides.post(text, on: lane))
    }
    for (lane, text) in [(2, "first"), (0, "second"), (3, "third")] {
      #expect(sides.worker.next() == lane)
      #expect(sides.claim(lane) == text)
    }
    #expect(sides.worker.next() == nil)
  }

  @Test func aRequestIsBegunOnceOnly() throws {
    let sides = try Sides()
    sides.post("a", on: 1)
    #expect(sides.worker.isPosted(1))
    #expect(sides.claim(1) == "a")
    #expect(!sides.worker.isPosted(1))
    #expect(sides.claim(1) == nil)
    #expect(!sides.front.takeBack(1))
  }

  @Test func whatWasTakenBackIsNotBegun() throws {
    let sides = try Sides()
    sides.post("a", on: 1)
    #expect(sides.front.takeBack(1))
    #expect(!sides.front.takeBack(1))
    #expect(sides.worker.next() == 1)
    #expect(sides.claim(1) == nil)
  }

  /// The row still has the entry of the request that was taken back.
  @Test func aPlaceIsUsedAgainAfterTakingBack() throws {
    let sides = try Sides()
    sides.post("a", on: 1)
    #expect(sides.front.takeBack(1))
    sides.post("b", on: 1)
    #expect(sides.worker.next() == 1)
    #expect(sides.claim(1) == "b")
    #expect(sides.worker.next() == 1)
    #expect(sides.claim(1) == nil)
  }

  @Test func theRowIsBounded() throws {
    let sides = try Sides()
    for _ in 0..<128 {
      #expect(sides.post("a", on: 0))
      #expect(sides.front.takeBack(0))
    }
    #expect(!sides.post("a", on: 0))
    #expect(sides.worker.next() == 0)
    #expect(sides.post("b", on: 0))
  }

  @Test func answersAreSeenOnce() throws {
    let sides = try Sides()
    _ = sides.worker.answer(0, count: 3, durationUs: 17)
    _ = sides.worker.answer(3, count: Letterbox.responseBytes, durationUs: 0)
    #expect(sides.front.takeAnswered() == 0b1001)
    #expect(sides.front.takeAnswered() == 0)
    #expect(sides.front.response(0) == (3, 17))
    #expect(sides.front.response(3).count == Letterbox.responseBytes)
    _ = sides.worker.answer(2, count: 1, durationUs: 0)
    #expect(!sides.front.takeAnswered(1))
    #expect(sides.front.takeAnswered(2))
    #expect(sides.front.takeAnswered() == 0)
  }

  /// The application runs where the number was written.
  @Test func lengthsBeyondAPlaceAreNotBelieved() throws {
    let sides = try Sides()
    _ = sides.worker.answer(0, count: .max, durationUs: 0)
    #expect(sides.front.response(0).count == Letterbox.responseBytes)
    #expect(sides.front.post(0, count: .max))
    #expect(unsafe sides.worker.claim(0)?.count == Letterbox.requestBytes)
  }

  @Test func whoSleepsIsWokenOnce() throws {
    let sides = try Sides()
    #expect(!sides.front.takeWorkerSleep())
    #expect(sides.worker.workerMaySleep())
    #expect(sides.front.takeWorkerSleep())
    #expect(!sides.front.takeWorkerSleep())
    #expect(sides.worker.workerMaySleep())
    sides.worker.workerWoke()
    #expect(!sides.front.takeWorkerSleep())

    #expect(!sides.worker.answer(0, count: 0, durationUs: 0))
    _ = sides.front.takeAnswered()
    #expect(sides.front.frontMaySleep())
    #expect(sides.worker.answer(0, count: 0, durationUs: 0))
    #expect(!sides.worker.answer(1, count: 0, durationUs: 0))
  }

  @Test func nobodySleepsBesideWork() throws {
    let sides = try Sides()
    sides.post("a", on: 0)
    #expect(!sides.worker.workerMaySleep())
    _ = sides.worker.next()
    #expect(sides.worker.workerMaySleep())
    _ = sides.worker.answer(0, count: 0, durationUs: 0)
    #expect(!sides.front.frontMaySleep())
  }

  @Test func placesDoNotOverlap() throws {
    let sides = try Sides(lanes: Letterbox.mostLanes)
    for lane in 0..<Letterbox.mostLanes {
      unsafe sides.front.requestPlace(lane)
        .update(repeating: UInt8(lane), count: Letterbox.requestBytes)
      unsafe sides.worker.responsePlace(lane)
        .update(repeating: UInt8(255 - lane), count: Letterbox.responseBytes)
    }
    for lane in 0..<Letterbox.mostLanes {
      let request = unsafe sides.worker.requestPlace(lane)
      let response = unsafe sides.front.responsePlace(lane)
      #expect(unsafe request[0] == lane && request[Letterbox.requestBytes - 1] == lane)
      #expect(unsafe response[0] == 255 - lane)
      #expect(unsafe response[Letterbox.responseBytes - 1] == 255 - lane)
    }
    #expect(sides.worker.next() == nil)
    #expect(sides.front.takeAnswered() == 0)
  }

  @Test func refusesOtherMemory() throws {
    let none = try SharedMemory.makeDescriptor(name: "none", count: 65_536)
    #expect(throws: SystemCallError.self) { try Letterbox(mapping: none.number) }
    let small = try SharedMemory.makeDescriptor(name: "small", count: 64)
    #expect(throws: SystemCallError.self) { try Letterbox(mapping: small.number) }
  }

  /// Both sides map it: nobody may cut it off.
  @Test func itsSizeStays() throws {
    let memory = try Letterbox.makeDescriptor(lanes: 1)
    #expect(ftruncate(memory.number, 0) == -1)
    #expect(ftruncate(memory.number, 1 << 24) == -1)
  }

  /// Each request that is posted is either begun or taken back, never both and never lost.
  @Test func aRaceHasOneWinner() throws {
    let sides = try Sides()
    let begun = Begun()
    let worker = sides.worker
    let thread = try Thread(name: "worker", blocksSignals: false) {
      while true {
        guard let lane = worker.next() else { continue }
        guard let bytes = unsafe worker.claim(lane) else { continue }
        if unsafe bytes[0] == 255 { return }
        begun.count.add(1, ordering: .relaxed)
        _ = worker.answer(lane, count: 0, durationUs: 0)
      }
    }
    var takenBack = 0
    let rounds = 20_000
    for round in 0..<rounds {
      let lane = round % 4
      unsafe sides.front.requestPlace(lane)[0] = 0
      while !sides.front.post(lane, count: 1) {}
      if round % 3 == 0, sides.front.takeBack(lane) {
        takenBack += 1
      } else {
        while !sides.front.takeAnswered(lane) {}
      }
    }
    unsafe sides.front.requestPlace(0)[0] = 255
    while !sides.front.post(0, count: 1) {}
    thread.join()
    #expect(begun.count.load(ordering: .relaxed) + takenBack == rounds)
  }
}

/// A count that two threads share.
private final class Begun: Sendable {
  let count = Atomic<Int>(0)
}
