// MemoryBudget+Admission: whether one more worker fits below the load line. Pure.

/// What was measured, at the moment of a decision.
public struct MemoryFigures: Equatable, Sendable {
  /// The server's own sum.
  public var server: ServerMemory
  /// The control group with the least room; nil where none has a limit.
  public var group: MemoryBudget.Group?
  /// The machine; nil where it is not known.
  public var machine: MemoryBudget.Machine?
  /// Workers that were started and have not reached what they will take, and those that grew since
  /// they were read: what all of them together will still take, in bytes. See
  /// ``MemoryBudget/stillToTake(expectedBytes:measuredBytes:)``.
  public var pendingBytes: Int64

  /// Figures.
  public init(
    server: ServerMemory, group: MemoryBudget.Group? = nil, machine: MemoryBudget.Machine? = nil,
    pendingBytes: Int64 = 0
  ) {
    self.server = server
    self.group = group
    self.machine = machine
    self.pendingBytes = max(0, pendingBytes)
  }
}

/// The bounds that can stand in the way of one more worker.
public enum MemoryLine: Equatable, Sendable {
  /// The server's sum against its budget.
  case budget
  /// A control group's usage against its limit: others in it take memory as well.
  case group
  /// What the machine has left: other programs take memory as well.
  case machine
}

/// What is left, and below which line.
public struct MemoryRoom: Equatable, Sendable {
  /// Bytes that may still be taken; negative above the line.
  public var bytes: Int64
  /// The line that is nearest: what binds now.
  public var line: MemoryLine
}

extension MemoryBudget {
  /// What a worker will still take: what is expected of each less what was measured of this one.
  /// For one that is starting, or that has not served requests for long.
  public static func stillToTake(expectedBytes: Int64, measuredBytes: Int64) -> Int64 {
    max(0, expectedBytes - max(0, measuredBytes))
  }

  /// What may still be taken once all that was started has taken its part. Allocates: never.
  public func room(_ figures: MemoryFigures) -> MemoryRoom {
    var room = MemoryRoom(
      bytes: bytes - figures.server.totalBytes.plusOrLargest(figures.pendingBytes), line: .budget)
    if let group = figures.group {
      let left = group.roomBytes(pendingBytes: figures.pendingBytes)
      if left < room.bytes { room = MemoryRoom(bytes: left, line: .group) }
    }
    if let machine = figures.machine {
      let reserve = Self.reserveBytes(limitBytes: machine.totalBytes)
      let left = max(0, machine.availableBytes) - reserve.plusOrLargest(figures.pendingBytes)
      if left < room.bytes { room = MemoryRoom(bytes: left, line: .machine) }
    }
    return room
  }

  /// How many more workers may be started at once, 0...`most`: measured + what the starting ones
  /// will still take + these ≤ the line, for each line.
  public func admitted(expectedBytes: Int64, _ figures: MemoryFigures, most: Int) -> Int {
    let room = room(figures).bytes
    guard room >= 0, most > 0 else { return 0 }
    let each = max(1, expectedBytes)
    return room / each >= Int64(most) ? most : Int(room / each)
  }

  /// By how much the server, or whatever shares a line with it, is above its line now; 0 below it.
  /// What the starting ones will still take does not count: nothing is ended for an expectation.
  public func excessBytes(_ figures: MemoryFigures) -> Int64 {
    var now = figures
    now.pendingBytes = 0
    return max(0, -room(now).bytes)
  }

  /// How many workers fit below the budget altogether, if each takes `expectedBytes`: 0 where the
  /// rest of the server does not fit, or leaves no room for one.
  public func capacity(expectedBytes: Int64, _ server: ServerMemory) -> Int {
    let left = bytes - server.baseBytes
    guard left > 0 else { return 0 }
    return Int(clamping: left / max(1, expectedBytes))
  }

  /// Whether the server can work at all: its base and one worker. nil where it can, else the
  /// arithmetic for people.
  public func misfit(expectedBytes: Int64, _ server: ServerMemory) -> String? {
    guard capacity(expectedBytes: expectedBytes, server) == 0 else { return nil }
    let needed = server.baseBytes.plusOrLargest(expectedBytes)
    let parts = server.parts.filter { $0.bytes > 0 && $0.name != "workers" }
      .map { "\($0.name) \($0.bytes.asSize)" }
    return
      "the application does not fit into the memory budget: "
      + (parts + ["one worker \(max(0, expectedBytes).asSize)"]).joined(separator: " + ")
      + " = \(needed.asSize), and the budget is \(bytes.asSize); give it at least "
      + "\(needed.asSize), or load less"
  }

  /// Why no more worker is started now, for people: the sum against the line that binds.
  public func refusal(expectedBytes: Int64, _ figures: MemoryFigures) -> String {
    let room = room(figures)
    let line =
      switch room.line {
      case .budget: "the memory budget of \(bytes.asSize)"
      case .group:
        "the limit of \(figures.group?.limitBytes.asSize ?? "?") of the control group "
          + "\(figures.group?.path ?? "?")"
      case .machine:
        "the \(figures.machine?.availableBytes.asSize ?? "?") that the machine has left"
      }
    let starting =
      figures.pendingBytes > 0
      ? ", those that are there will take \(figures.pendingBytes.asSize) more" : ""
    return
      "one more worker takes \(max(0, expectedBytes).asSize), and \(line) leaves "
      + "\(max(0, room.bytes).asSize) (the server takes \(figures.server.totalBytes.asSize)"
      + "\(starting))"
  }
}
