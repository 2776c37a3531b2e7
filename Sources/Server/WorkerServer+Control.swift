// WorkerServer+Control: what the supervisor and signals ask for. Assembly.
internal import Control
internal import Platform
internal import Scoreboard
internal import Synchronization

extension WorkerServer {
  /// Reads the control channel until it is empty.
  func readControl() {
    while controlIsOpen {
      switch control.receive() {
      case .wouldBlock:
        return
      case .endOfFile:
        // The supervisor is gone: nobody could replace or stop this worker any more.
        controlIsOpen = false
        becomesMold = false
        unwatch(control.socket.number)
        beginDrain(.stop, takingAll: true)
      case .message(let message, let descriptors):
        obey(message, descriptors)
      }
    }
  }

  private func obey(_ message: ControlMessage, _ descriptors: [Int32]) {
    switch message {
    case .drain, .finish, .stop, .giveUp: becomesMold = false
    default: break
    }
    switch message {
    case .drain:
      beginDrain(.drain)
    case .finish:
      beginDrain(.drain, takingAll: true)
    case .stop:
      beginDrain(.stop, takingAll: true)
    case .letterbox(let group, let slot, let pid, let first):
      takeLetterbox(descriptors, group: group, slot: slot, pid: pid, firstWord: first)
      return
    case .lanes(let group, let slot, let pid, let first):
      if relay == nil {
        takeLanes(descriptors, firstWord: first)
      } else {
        addLanes(descriptors, group: group, slot: slot, pid: pid, firstWord: first)
      }
      return
    case .retire(let pid):
      retireLanes(pid: pid)
    case .giveUp:
      beginDrain(.stop)
      givesUp.store(true, ordering: .releasing)
      watchdogParker.unpark()
    case .reopenLogs:
      // First the error log, then the access log where there is one.
      if let first = descriptors.first {
        let file = FileDescriptor(owning: first)
        try? file.install(as: 2)
      }
      if descriptors.count > 1 {
        let second = FileDescriptor(owning: descriptors[1])
        accessLog?.reopen(second)
      }
      return
    default:
      break
    }
    for number in descriptors { SocketIO.close(number) }
  }

  /// Asks to be replaced and goes.
  func retire(_ reason: RetireReason, bytes: Int64 = 0) {
    guard drainMode == .none else { return }
    control.send(.retiring(reason, kibibytes: Int32(clamping: bytes >> 10)))
    beginDrain(.drain)
  }

  /// Has served enough requests: retires, or, as a scout, goes to become a mold.
  func hasServedEnough() {
    guard isScout, drainMode == .none else { return retire(.requests) }
    becomesMold = control.send(.scouted)
    beginDrain(.drain)
  }

  /// Stops accepting and ends connections: idle ones at once (`stop`), or after one more request or
  /// their keep-alive time (`drain`), so that no request already on its way is lost.
  ///
  /// - Parameter takingAll: no other worker stays: what waits in the backlog is this one's, too.
  func beginDrain(_ mode: DrainMode, takingAll: Bool = false) {
    if stopSignal >= 0 { unwatch(stopSignal) }
    guard drainMode != .stop else { return }
    drainMode = mode
    stopListening(takingAll: takingAll)
    guard mode == .stop else { return }
    table.forEach { index in
      // Each is looked at once more: a request may stand in its socket, and is answered.
      if unsafe table[index].pointee.isIdle && !table[index].pointee.isQueued { handBack(index) }
    }
  }
}
