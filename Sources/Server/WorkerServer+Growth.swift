// WorkerServer+Growth: whether the worker takes more and more memory, and where. Assembly.
internal import Control
internal import Platform
internal import Scoreboard

extension WorkerServer {
  /// Looks once in a millisecond whether the process has outgrown its allowance, or its limit; then
  /// it asks to be replaced and goes. By the holder of the role.
  func lookAtGrowth() {
    growthLookMs = nowMs
    if drainMode == .none, let bytes = memoryLimit.excess() {
      retire(.memory, bytes: bytes)
      slot.setOutgrown(sinceMs: nowMs)
    }
    let allowance = slot.allowanceBytes
    guard allowance > 0, drainMode == .none,
      let bytes = growth.excess(over: allowance &+ addedThreadBytes)
    else {
      return
    }
    lock.take()
    let source = ledger.source(ofBytes: bytes)
    lock.give()
    control.send(.outgrown(kibibytes: Int32(clamping: bytes >> 10), source: source))
    beginDrain(.drain)
    slot.setOutgrown(sinceMs: nowMs)
  }

  /// Looks at the page faults of the calling handler thread, after its request, to which growth is
  /// put down. Allocates: where the process has grown.
  @inline(never)
  func lookAtFaults(_ thread: HandlerThread, _ exchange: Exchange, nowUs: Int64) {
    // What is still being sent will be given back.
    guard exchange.tail == nil else { return }
    let finding = thread.faults.look(faults: OwnMemory.threadFaults(), nowUs: nowUs)
    guard finding != .quiet, let bytes = OwnMemory.anonymousBytes() else { return }
    lock.take()
    defer { lock.give() }
    guard ledger.growth(to: bytes) > 0 else { return }
    thread.faults.lookClosely()
    ledger.note(exchange.line.texts?.request ?? "", finding, anonymousBytes: bytes)
  }
}
