// Predecessor: the processes of the program that ran in this process before an upgrade. Assembly.
internal import Configuration
internal import Control
internal import Platform
internal import Scoreboard

// How an upgrade ends for them:
//
//   serving ──the new generation serves──▶ finishing ──done, or --graceful-timeout──▶ gone
//      │                                        ▲
//      └────────── the server stops ────────────┘
//
// 1. They are told what any release understands: `drain`, `finish`, `stop`, `retire`, `lanes` and
//    `reopenLogs` keep their bytes for ever (ControlMessage).
// 2. Nobody takes the place of one that ends: molds of another release fork for nobody any more.
//    So a worker that wants to go, being the last one, stays until the new ones serve.
// 3. What they count is counted on their own scoreboards (PredecessorCounts).

/// A process that was started by the program before this one.
final class InheritedChild {
  let role: Handover.Role
  let pid: Int32
  let name: String
  /// The process group, as its fronts count them.
  let group: Int
  var link: ChildLink?
  var isFinishing: Bool
  /// It said that it goes.
  var hasRetired = false
  /// When it is killed; .max where it may take its time.
  var deadlineMs = Int64.max
  var killReason: KillReason?
  var bytes: Int64 = 0

  init(_ child: Handover.Child) {
    role = child.role
    pid = child.pid
    name = child.name
    group = child.group
    isFinishing = child.isFinishing
    if child.control >= 0 {
      try? FileDescriptor.setKeptByExec(child.control, false)
      link = ChildLink(owning: child.control)
    }
  }
}

/// All of them.
final class Predecessor {
  /// Least time between two looks at their counts and memory, ms.
  static let lookMs: Int64 = 1_000
  /// Longest wait for workers that start, once the first one serves, ms.
  static let mostSettlingMs: Int64 = 10_000

  private(set) var children: [InheritedChild]
  /// What their scoreboards count, by the group of the new server that counts on.
  private var counts: [(counts: PredecessorCounts, facts: ServerFacts)] = []
  /// They were told to finish.
  private(set) var isFinishing = false
  /// When the first worker of every new group served.
  var servedSinceMs: Int64?
  private(set) var nextLookMs: Int64 = 0
  private let gracefulTimeoutMs: Int64

  init(_ handover: Handover, gracefulTimeoutMs: Int64) {
    self.gracefulTimeoutMs = gracefulTimeoutMs
    children = handover.children.map(InheritedChild.init)
  }

  /// Whether one of them serves that was not told to finish.
  var serves: Bool { !isFinishing && children.contains { $0.role != .mold && !$0.isFinishing } }

  var hasFronts: Bool { children.contains { $0.role == .front } }

  func has(_ pid: Int32) -> Bool { children.contains { $0.pid == pid } }

  /// What they take of the memory, bytes, at the last look.
  var bytes: Int64 { children.reduce(0) { $0 + $1.bytes } }

  // MARK: counting

  /// The counters of a group of the new server go on where those of `old` are.
  func count(_ old: Scoreboard, for facts: ServerFacts) {
    counts.append((PredecessorCounts(of: old), facts))
    counts[counts.count - 1].counts.add(to: facts)
  }

  private func addCounts() {
    for index in counts.indices { counts[index].counts.add(to: counts[index].facts) }
  }

  /// Adds up what they did, and measures them.
  func look(nowMs: Int64) {
    guard nowMs >= nextLookMs else { return }
    nextLookMs = nowMs + Self.lookMs
    addCounts()
    for child in children {
      // What a mold shares with its workers is in memory once.
      let memory = ProcessMemory.read(child.pid)
      child.bytes = (child.role == .mold ? memory?.residentBytes : memory?.privateBytes) ?? 0
    }
  }

  // MARK: what they say

  /// Reads what they say; they expect an answer to little of it.
  func read() {
    for child in children {
      while let link = child.link {
        switch link.receive(ofAnyRelease: true) {
        case .wouldBlock: break
        case .endOfFile:
          child.link = nil
          continue
        case .message(let message, _):
          handle(message, from: child)
          continue
        }
        break
      }
    }
  }

  private func handle(_ message: ControlMessage, from child: InheritedChild) {
    switch message {
    case .retiring, .outgrown, .scouted: retires(child)
    case .becameMold: _ = child.link?.send(.stop)
    case .laneEnded(let slot, let pid, let word):
      guard let worker = children.first(where: { $0.pid == pid && $0.role == .worker }),
        let near = child.link, let far = worker.link, !isFinishing,
        let pair = try? SocketIO.makePair()
      else { return }
      let lane = ControlMessage.lanes(group: worker.group, slot: slot, pid: pid, first: word)
      _ = far.send(lane, descriptors: [pair.1]) && near.send(lane, descriptors: [pair.0])
      SocketIO.close(pair.0)
      SocketIO.close(pair.1)
    case .failed(_, let reason):
      ErrorLog.write(.error, "\(child.name) (pid \(child.pid)): \(reason)")
    case .fork, .drain, .finish, .stop, .reopenLogs, .lanes, .letterbox, .retire, .wanted, .loading,
      .ready, .exiting, .giveUp,
      .forked, .cannotBecomeMold, .filesChanged:
      break
    }
  }

  /// A worker goes, and behind fronts it ends as soon as these have no lanes to it. As nobody comes
  /// for it, the last one of its group stays for as long as its fronts do.
  private func retires(_ child: InheritedChild) {
    child.hasRetired = true
    let others = children.contains {
      $0.role == .worker && $0.group == child.group && !$0.hasRetired && !$0.isFinishing
    }
    if others { tellFronts(.retire(pid: child.pid)) }
  }

  private func tellFronts(_ message: ControlMessage) {
    for child in children where child.role == .front { _ = child.link?.send(message) }
  }

  /// Says something to all of them.
  func tellAll(_ message: ControlMessage, descriptors: [Int32]) {
    for child in children { _ = child.link?.send(message, descriptors: descriptors) }
  }

  // MARK: their end

  /// The molds go at once: nobody asks them for workers any more. One that loads is deaf.
  func closeMolds(nowMs: Int64) {
    for child in children where child.role == .mold {
      _ = child.link?.send(.stop)
      child.isFinishing = true
      child.deadlineMs = nowMs + ProcessGroup.moldClosingMs
    }
    // Those that were told by a program before this one.
    for child in children where child.role != .mold && child.isFinishing {
      setDeadline(of: child, nowMs: nowMs)
    }
  }

  /// All others finish what they have. Workers behind fronts serve until those are done.
  func finish(with message: ControlMessage, nowMs: Int64) {
    isFinishing = true
    for child in children where child.role != .mold {
      _ = child.link?.send(message)
      if !child.isFinishing { setDeadline(of: child, nowMs: nowMs) }
      child.isFinishing = true
    }
  }

  private func setDeadline(of child: InheritedChild, nowMs: Int64) {
    child.deadlineMs = gracefulTimeoutMs > 0 ? nowMs + gracefulTimeoutMs : .max
  }

  /// All end at once.
  func kill() {
    for child in children {
      child.killReason = child.killReason ?? .stoppedAtOnce
      Signal.send(Signal.kill, to: child.pid)
    }
  }

  /// When something must be looked at next.
  var nextDueMs: Int64 {
    children.isEmpty ? .max : children.reduce(nextLookMs) { min($0, $1.deadlineMs) }
  }

  func checkDeadlines(nowMs: Int64) {
    for child in children where child.deadlineMs <= nowMs {
      child.deadlineMs = nowMs + ProcessGroup.moldClosingMs
      child.killReason =
        child.role == .mold ? .notNeeded : .gracefulTimeout(seconds: gracefulTimeoutMs / 1000)
      if child.role != .mold {
        ErrorLog.write(
          .error,
          "\(child.name) (pid \(child.pid)), from before the upgrade, had not finished after "
            + "\(gracefulTimeoutMs / 1000) s (--graceful-timeout); it is killed")
      }
      Signal.send(Signal.kill, to: child.pid)
    }
  }

  /// A child of this process ended.
  ///
  /// - Returns: what to log of it; nil where it was none of them.
  func died(pid: Int32, status: ExitStatus) -> DeathNotice? {
    guard let index = children.firstIndex(where: { $0.pid == pid }) else { return nil }
    let child = children.remove(at: index)
    addCounts()
    if children.isEmpty { counts = [] }
    return DeathNotice(
      pid: pid, who: "\(child.name) from before the upgrade", status: status,
      state: child.isFinishing ? .draining : .ready, killReason: child.killReason)
  }
}
