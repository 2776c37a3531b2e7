// ProcessGroup: the molds and workers of one group of applications. Assembly.
internal import Configuration
internal import Control
internal import Platform
internal import ProcessPolicy
internal import Scoreboard

/// A process group: applications that are loaded together, by one Python of their own, and the
/// workers that are forked from it.
///
/// Each has settings, a scoreboard, molds, a policy and restarts of its own; nothing that goes
/// wrong in one ends another. Listening sockets, fronts, signals and the memory budget are the
/// server's (``Supervisor``). The extensions hold, in this order of reading: what the policy sees
/// and decides (`+Policy`), molds and restarts (`+Molds`), workers (`+Workers`), workers that
/// become molds (`+Refork`), deadlines and stuck requests (`+Deadlines`).
final class ProcessGroup {
  /// How long a worker gets to write its stacks before it is killed.
  static let lastWordsMs: Int64 = 200
  /// How long a mold gets to exit.
  static let moldClosingMs: Int64 = 5_000
  /// Deaths before the first worker of the first generation was ready, after which the group's
  /// start has failed.
  static let mostFirstDeaths = 5
  /// Least time between two warnings that a worker has outgrown its allowance.
  static let growthNoticeMs: Int64 = 10_000
  /// How long a worker that has nothing to import may take until it serves: the fork, hooks of
  /// `plimsoll.after_fork`, threads.
  static let forkReadyMs: Int64 = 10_000
  /// Workers in a row that were stuck after their fork, after which the application is taken for
  /// one that cannot be forked.
  static let mostHungForks = 2
  /// Deaths of trial workers after which a new version is given up.
  static let mostTrialDeaths = 3

  /// The first and the longest pause before a group that cannot be started is tried again: what it
  /// needs may be repaired without a word to the server, and each try costs an import.
  static let startPausesMs: ClosedRange<Int64> = 1_000...60_000

  /// Whose it is.
  unowned let server: Supervisor
  /// 0, 1, …: which of the server's groups.
  let index: Int
  let settings: ServerSettings
  /// How log and process titles call what it serves.
  let title: String
  let launcher: MoldLauncher
  let scoreboard: Scoreboard
  let workers: [WorkerHandle]

  /// The newest generation that was started.
  var generation = 0
  /// The mold that forks the workers that serve; nil while there is none.
  var servingMold: MoldHandle?
  /// A newer mold that loads, or whose first worker is on trial.
  var nextMold: MoldHandle?
  /// Molds that were told to go.
  var closingMolds: [MoldHandle] = []
  /// Handler threads that each worker may have, as the policy says.
  var threadsAllowed: Int
  /// Whether any worker ever was ready.
  var hasServed = false
  var firstDeaths = 0
  /// Whether molds import the application: `--preload`, unless that was found not to work.
  var preloads: Bool
  /// Workers in a row that were stuck after their fork.
  var hungForks = 0
  var trialDeaths = 0
  /// When a worker that has served becomes the next mold.
  var refork: ReforkPolicy
  /// Workers of a mold that was a worker which ended as they should not.
  var reforkDeaths = 0
  /// When the mold that serves came into service; CLOCK_MONOTONIC.
  var servingMoldSinceMs: Int64 = 0
  /// After a fork that did not come about.
  var forkBackOff = BackOff()
  var trialBackOff = BackOff()
  var moldBackOff = BackOff()
  /// After a start of the group that failed, where the other groups go on.
  var startBackOff = BackOff(limitsMs: startPausesMs)
  var moldReadySinceMs: Int64?
  /// Who decides how many workers there are.
  var policy: ChosenPolicy
  /// Deaths that the policy was not told yet.
  var reaped: [ReapedProcess] = []
  /// When the policy wants to look again; CLOCK_MONOTONIC.
  var nextDecisionMs: Int64 = 0
  var memory: MemoryWatch
  var lastGrowthNoticeMs = Int64.min / 2
  var nextWatchMs: Int64 = 0
  /// What each worker may use up.
  let limits: WorkerLimits
  var nextLimitsMs: Int64 = 0
  var shedNotice = ShedNotice()
  var scripts: ScriptWatch

  /// A group that has no process yet.
  init(_ server: Supervisor, index: Int, _ parts: GroupParts) {
    self.server = server
    self.index = index
    settings = parts.launcher.settings
    limits = WorkerLimits(settings)
    title = settings.title
    launcher = parts.launcher
    scoreboard = parts.scoreboard
    policy = parts.policy
    memory = parts.memory
    scripts = ScriptWatch(settings)
    threadsAllowed = settings.threadsMin
    preloads = settings.preload
    // After an upgrade it is not 0.
    generation = parts.scoreboard.facts.newestGeneration
    refork = ReforkPolicy(afterRequests: settings.reforks ? settings.reforkAfter : 0)
    let name = parts.launcher.settings.processGroup
    workers = parts.scoreboard.workerSlots.map {
      WorkerHandle(slot: $0, board: parts.scoreboard[$0], group: name)
    }
  }

  // MARK: the server, as its groups see it

  var phase: Supervisor.Phase { server.phase }

  /// How log lines about the group as a whole begin; empty where it is the only one.
  var prefix: String {
    server.groups.count > 1 ? "process group \(settings.processGroup): " : ""
  }

  /// Whether no process of it is left.
  var isGone: Bool {
    servingMold == nil && nextMold == nil && closingMolds.isEmpty
      && workers.allSatisfy { $0.state == .empty }
  }

  /// Every mold that lives.
  var molds: [MoldHandle] {
    [servingMold, nextMold].compactMap { $0 } + closingMolds
  }

  /// It cannot be started. A server with only one group ends; else the others go on, and the group
  /// is tried again.
  func cannotStart(_ code: ExitCode, because reason: String, nowMs: Int64) {
    if server.isTakingOver && phase == .running && server.predecessor?.serves ?? false {
      return cannotTakeOver(because: reason, nowMs: nowMs)
    }
    guard phase == .running, server.groups.count > 1 else {
      ErrorLog.write(.crit, "\(prefix)cannot start: \(reason)")
      if phase == .running { server.stop(code, nowMs: nowMs) }
      return
    }
    if let mold = servingMold {
      servingMold = nil
      close(mold, nowMs: nowMs)
    }
    firstDeaths = 0
    // Workers that import the application themselves fail one by one, for one reason.
    guard nowMs >= startBackOff.notBeforeMs else { return }
    startBackOff.died(readyForMs: nil, nowMs: nowMs)
    scoreboard.facts.failedGeneration = generation
    let seconds = (startBackOff.notBeforeMs - nowMs) / 1000
    ErrorLog.write(
      .crit,
      "\(prefix)cannot start: \(reason); the other groups go on, and this one is tried again in "
        + "\(seconds) s, or at once by: plimsoll ctl graceful --process-group "
        + settings.processGroup)
    if server.hasServed {
      server.notifier.ready(status: "process group \(settings.processGroup) cannot start")
    }
  }

  /// The same right after an upgrade, while the processes from before serve.
  private func cannotTakeOver(because reason: String, nowMs: Int64) {
    ErrorLog.write(
      .error,
      "\(prefix)the application cannot be served after the upgrade, the processes from before keep "
        + "serving; it is tried again and again, and at once with a HUP signal: \(reason)")
    if let mold = servingMold {
      servingMold = nil
      close(mold, nowMs: nowMs)
    }
    firstDeaths = 0
    scoreboard.facts.failedGeneration = generation
    moldBackOff.died(readyForMs: nil, nowMs: nowMs)
    server.notifier.ready(status: "serving as before the upgrade; the new processes failed")
  }

  /// The server ends: molds go, workers finish what they have in hand.
  func stop(with message: ControlMessage, nowMs: Int64) {
    if let mold = nextMold { close(mold, nowMs: nowMs) }
    if let mold = servingMold { close(mold, nowMs: nowMs) }
    nextMold = nil
    servingMold = nil
    for worker in workers { drain(worker, nowMs: nowMs, with: message) }
  }

  /// All processes end at once.
  func kill(nowMs: Int64) {
    for worker in workers where worker.state != .empty {
      kill(worker, because: .stoppedAtOnce, nowMs: nowMs)
    }
    for mold in molds { Signal.send(Signal.kill, to: mold.pid) }
  }

  /// A child of the supervisor's died.
  ///
  /// - Returns: whether it was one of this group.
  func died(pid: Int32, status: ExitStatus, nowMs: Int64) -> Bool {
    if moldDied(pid: pid, status: status, nowMs: nowMs) { return true }
    guard let worker = workers.first(where: { $0.pid == pid && $0.state != .empty }) else {
      return false
    }
    workerDied(worker, status: status, nowMs: nowMs)
    return true
  }

  /// A front has a request for it, and no worker to give it to: one may sleep.
  func isWanted(nowMs: Int64) { nextDecisionMs = min(nextDecisionMs, nowMs) }

  /// Says something to all its processes.
  func tellAll(_ message: ControlMessage, descriptors: [Int32]) {
    for mold in molds { _ = mold.link?.send(message, descriptors: descriptors) }
    for worker in workers { _ = worker.link?.send(message, descriptors: descriptors) }
  }
}

/// What a process group is made of, before its server is there.
struct GroupParts {
  let launcher: MoldLauncher
  let scoreboard: Scoreboard
  let policy: ChosenPolicy
  let memory: MemoryWatch
}
