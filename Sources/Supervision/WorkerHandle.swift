// WorkerHandle: what the supervisor knows about the worker of one slot. Assembly.
internal import Control
internal import Platform
internal import Scoreboard

/// One scoreboard slot and the worker in it.
final class WorkerHandle {
  let slot: Int
  /// The slot's shared memory.
  let board: WorkerSlot
  var state = WorkerState.empty
  var generation = 0
  /// 0 until the mold has told it.
  var pid: Int32 = 0
  var channel: ControlChannel?
  /// When the present state has lasted too long; .max where it may last.
  var deadlineMs = Int64.max
  var readySinceMs: Int64?
  var killReason: KillReason?

  init(slot: Int, board: WorkerSlot) {
    self.slot = slot
    self.board = board
  }

  var view: WorkerView { WorkerView(slot: slot, generation: generation, state: state) }

  /// How the log calls it.
  var name: String { "worker \(slot)" }

  var channelNumber: Int32? {
    guard channel != nil else { return nil }
    return channel!.socket.number
  }

  /// A worker was asked for.
  func beginFork(generation: Int, channel: consuming ControlChannel, deadlineMs: Int64) {
    board.clear(generation: generation)
    self.generation = generation
    self.channel = consume channel
    self.deadlineMs = deadlineMs
    state = .forking
    pid = 0
    readySinceMs = nil
    killReason = nil
  }

  /// The slot is free again.
  func becomeEmpty() {
    board.clear(generation: 0)
    state = .empty
    pid = 0
    channel = nil
    deadlineMs = .max
  }

  /// Sends a message; false where nobody can receive it.
  func send(_ message: ControlMessage, descriptors: [Int32] = []) -> Bool {
    guard channel != nil else { return false }
    return channel!.send(message, descriptors: descriptors)
  }

  /// Receives one message.
  func receive() -> ControlArrival {
    guard channel != nil else { return .wouldBlock }
    return channel!.receive()
  }
}
