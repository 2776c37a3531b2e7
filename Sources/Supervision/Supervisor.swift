// Supervisor: the root of the process tree: sockets, signals, process groups and fronts. Assembly.
internal import Configuration
internal import Control
internal import Platform
internal import ProcessPolicy
internal import Scoreboard

/// The supervisor: one thread, no Python.
///
/// It waits in poll(2) for signals, for messages of its children and for the next deadline, brings
/// its picture of the tree up to date, and then lets each ``ProcessGroup`` do what its policy asks
/// for. The extensions hold, in this order of reading: starting (`+Start`), fronts (`+Fronts`),
/// signals, stopping and the dead (`+Signals`), going over to another program (`+Upgrade`).
public final class Supervisor {
  /// Whether the server goes on.
  enum Phase {
    case running
    /// Everything was told to finish.
    case stopping
  }

  /// What the server as a whole is set to.
  let settings: ServerSettings
  /// How it was called, and by whom, for a program that takes over.
  let invocation: Invocation?
  let environment: InheritedEnvironment
  let logs: LogFiles
  var listeners: [Listener]
  /// The applications' processes; at least one group.
  private(set) var groups: [ProcessGroup] = []
  /// In daemon mode, from the first worker that serves on.
  var fronts: [FrontHandle] = []
  /// Who the fronts are; nil: the supervisor's own account.
  let frontAccount: Account?
  let notifier: ServiceNotifier
  let outOfMemory = OutOfMemoryCounter()
  let signals: SignalDescriptor
  var pidFile: PidFile?
  /// An upgrade that was asked for.
  var upgrade: Upgrade?
  /// The processes of the program before this one, until the last of them is gone.
  var predecessor: Predecessor?
  /// Whether they serve, as not everything of this program does yet.
  var isTakingOver: Bool

  var phase = Phase.running
  /// Set where the server must end; with phase `stopping`, once everything is gone.
  var exitCode = ExitCode.ok
  /// Whether the pages that starting needed were given back.
  private var hasSettled = false
  /// Deaths of processes that no mold has told us about yet, while one may; bounded.
  var unclaimedDeaths: [(pid: Int32, status: ExitStatus)] = []
  /// Connections that waited to be accepted at the last look.
  private(set) var backlog = 0
  private(set) var cpuMeter = CPUMeter()
  let usableCores = UsableCPUs.count
  private var outOfMemoryKills: Int?

  /// Everything that start made; see ``start(_:extensionPath:after:)``.
  init(
    _ model: ServerModel, environment: InheritedEnvironment, groups parts: [GroupParts],
    logs: LogFiles, listeners: [Listener], frontAccount: Account?, notifier: ServiceNotifier,
    signals: consuming SignalDescriptor, pidFile: consuming PidFile?, predecessor: Predecessor?
  ) {
    settings = model.server
    invocation = model.invocation
    self.environment = environment
    self.predecessor = predecessor
    isTakingOver = predecessor != nil
    self.logs = logs
    self.listeners = listeners
    self.frontAccount = frontAccount
    self.notifier = notifier
    self.signals = signals
    self.pidFile = pidFile
    outOfMemoryKills = outOfMemory.kills
    groups = parts.enumerated().map { ProcessGroup(self, index: $0.offset, $0.element) }
  }

  /// Serves until told to stop.
  ///
  /// - Returns: what the process exits with.
  public func run() -> Int32 {
    takeOver(nowMs: Clock.monotonicMs())
    for group in groups { group.startNextMold(nowMs: Clock.monotonicMs()) }
    while !isFinished {
      waitForEvents()
      let nowMs = Clock.monotonicMs()
      // Messages before deaths: what a child said last explains how it ended.
      for group in groups {
        group.readMolds(nowMs: nowMs)
        group.readWorkers(nowMs: nowMs)
      }
      readFronts(nowMs: nowMs)
      predecessor?.read()
      readSignals(nowMs: nowMs)
      checkDeadlines(nowMs: nowMs)
      followPolicies(nowMs: nowMs)
      followPredecessor(nowMs: nowMs)
      followUpgrade(nowMs: nowMs)
    }
    for listener in listeners { listener.removeFile() }
    pidFile = nil
    ErrorLog.write(.notice, "stopped")
    return exitCode.rawValue
  }

  private var isFinished: Bool {
    phase == .stopping && groups.allSatisfy(\.isGone) && fronts.allSatisfy { $0.pid == 0 }
      && predecessor?.children.isEmpty ?? true
  }

  private func waitForEvents() {
    var descriptors = [signals.descriptor.number]
    for group in groups {
      for mold in group.molds { if let link = mold.link { descriptors.append(link.number) } }
      for worker in group.workers { if let link = worker.link { descriptors.append(link.number) } }
    }
    for front in fronts { if let link = front.link { descriptors.append(link.number) } }
    for child in predecessor?.children ?? [] {
      if let link = child.link { descriptors.append(link.number) }
    }
    let due = nextDueMs
    let waitMs = due == .max ? -1 : max(0, due - Clock.monotonicMs() + 1)
    if hasServed && !hasSettled
      && groups.allSatisfy({
        $0.workers.allSatisfy { $0.state == .empty || $0.state == .ready }
      })
    {
      hasSettled = true
      ProgramPages.release()
    }
    _ = Process.waitReadable(descriptors, timeoutMs: waitMs)
  }

  /// How process titles call what is served.
  var title: String { groups.count == 1 ? groups[0].title : settings.title }

  /// Whether any worker ever was ready.
  var hasServed: Bool { groups.contains(where: \.hasServed) }

  // MARK: time and decisions

  /// When something must be looked at next; .max where nothing waits for time to pass.
  private var nextDueMs: Int64 {
    var next = groups.reduce(Int64.max) { min($0, $1.nextDueMs) }
    for front in fronts { next = min(next, front.deadlineMs) }
    return min(next, predecessor?.nextDueMs ?? .max, upgrade?.deadlineMs ?? .max)
  }

  private func checkDeadlines(nowMs: Int64) {
    for group in groups { group.checkDeadlines(nowMs: nowMs) }
    for front in fronts where front.deadlineMs <= nowMs { frontIsLate(front, nowMs: nowMs) }
    predecessor?.checkDeadlines(nowMs: nowMs)
  }

  private func followPolicies(nowMs: Int64) {
    guard phase == .running, !isHandingOver else { return }
    if groups.contains(where: { nowMs >= $0.nextDecisionMs }) {
      backlog = listeners.reduce(0) { $0 + $1.waitingConnections }
      cpuMeter.look(at: groups, fronts: fronts, nowMs: nowMs)
    }
    for group in groups {
      group.memory.others = others(of: group)
      group.followPolicy(nowMs: nowMs)
    }
  }

  /// What the other groups are for the memory of one.
  private func others(of group: ProcessGroup) -> MemoryWatch.Others {
    var others = MemoryWatch.Others.none
    others.bytes = predecessor?.bytes ?? 0
    for other in groups where other !== group {
      others.bytes += other.memory.ownBytes + other.memory.pendingBytes(other.workers)
      others.heaviestBytes = max(others.heaviestBytes, other.memory.workersBytes)
      others.groups += 1
    }
    return others
  }

  /// Whether the kernel killed for want of memory since the last look.
  func ranOutOfMemory() -> Bool? {
    guard let before = outOfMemoryKills, let now = outOfMemory.kills else { return nil }
    outOfMemoryKills = now
    return now > before
  }
}
