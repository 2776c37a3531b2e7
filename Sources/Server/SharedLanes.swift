// SharedLanes: the memory that a front shares with one worker, as the front sees it. Assembly.
internal import Platform
internal import Scoreboard

/// A letterbox in a front, and the lanes that have a place in it.
final class SharedLanes {
  let box: Letterbox
  /// The word of the worker's slot that its first lane has.
  let firstWord: Int
  /// Wakes this front.
  let bell: EventFD
  /// Wakes the worker.
  let workerBell: EventFD
  /// By place: the lane.
  private var lanes: [Lane?]
  /// By place: whether some lane ever had it.
  private var wasTaken: [Bool]
  /// What the worker had looked at, and when it last took up or answered something.
  private var looked: UInt64 = 0
  private var movedMs: Int64 = 0
  /// Requests of it stand in the memory, or did until now.
  var isInUse = false
  /// Something was posted since its bell was last looked after.
  var isUnrung = false

  init(box: Letterbox, firstWord: Int, bell: Int32, workerBell: Int32) {
    self.box = box
    self.firstWord = firstWord
    self.bell = EventFD(owning: bell)
    self.workerBell = EventFD(owning: workerBell)
    lanes = Array(repeating: nil, count: box.lanes)
    wasTaken = Array(repeating: false, count: box.lanes)
  }

  /// The lane in a place.
  subscript(_ place: Int) -> Lane? { lanes[place] }

  /// The place of a new lane; -1 where it has none. A place is had once: what was under way on a
  /// lane that broke could be taken for what comes on its successor.
  func takePlace(of lane: Lane) -> Int {
    let place = lane.word - firstWord
    guard lanes.indices.contains(place), !wasTaken[place] else { return -1 }
    lanes[place] = lane
    wasTaken[place] = true
    return place
  }

  func leavePlace(of lane: Lane) { lanes[lane.place] = nil }

  /// Wakes the worker where something was posted and it sleeps.
  func ring() {
    isUnrung = false
    if box.takeWorkerSleep() { workerBell.ring() }
  }

  /// The worker has answered.
  func moved(nowMs: Int64) { movedMs = nowMs }

  /// For how long the worker has neither taken up nor answered anything, in ms.
  func stillMs(nowMs: Int64) -> Int64 {
    if box.looked != looked {
      looked = box.looked
      movedMs = nowMs
    }
    return nowMs - movedMs
  }
}
