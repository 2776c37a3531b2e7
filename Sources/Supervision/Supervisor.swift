// Supervisor: the root of the process tree: sockets, signals, molds and workers. Assembly.
internal import Configuration
internal import Control
internal import Platform
internal import ProcessPolicy
internal import Scoreboard

/// The supervisor: one thread, no Python.
///
/// It waits in poll(2) for signals, for messages of its children and for the next deadline, brings
/// its picture of the tree up to date, and then does what the process policy asks for. The
/// extensions hold, in this order of reading: starting (`+Start`), what the policy sees and decides
/// (`+Policy`), molds and restarts (`+Molds`), workers (`+Workers`), workers that become molds
/// (`+Refork`), fronts (`+Fronts`), deadlines and stuck requests (`+Deadlines`), signals and
/// stopping (`+Signals`).
public final class Supervisor {
  /// Whether the server goes on.
  enum Phase {
    case running
    /// Everything was told to finish.
    case stopping
  }

  /// How long a worker gets to write its stacks before it is killed.
  static let lastWordsMs: Int64 = 200
  /// How long a mold gets to exit.
  static let moldClosingMs: Int64 = 5_000
  /// Deaths before the first worker of the first generation was ready, after which the server
  /// gives up.
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

  let settings: ServerSettings
  /// How log and process titles call the application.
  let title: String
  let launcher: MoldLauncher
  let logs: LogFiles
  var listeners: [Listener]
  let scoreboard: Scoreboard
  let workers: [WorkerHandle]
  /// In daemon mode, from the first worker that serves on.
  var fronts: [FrontHandle] = []
  let notifier: ServiceNotifier
  let outOfMemory = OutOfMemoryCounter()
  let signals: SignalDescriptor
  var pidFile: PidFile?

  var phase = Phase.running
  /// Set where the server must end; with phase `stopping`, once everything is gone.
  var exitCode = ExitCode.ok
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
  /// Whether the pages that starting needed were given back.
  private var hasSettled = false
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
  var moldReadySinceMs: Int64?
  /// Deaths of processes that no mold has told us about yet, while one may; bounded.
  var unclaimedDeaths: [(pid: Int32, status: ExitStatus)] = []
  /// Who decides how many workers there are.
  var policy: ChosenPolicy
  /// Deaths that the policy was not told yet.
  var reaped: [ReapedProcess] = []
  /// When the policy wants to look again; CLOCK_MONOTONIC.
  var nextDecisionMs: Int64 = 0
  /// Connections that waited to be accepted at the last look.
  var backlog = 0
  var cpuMeter = CPUMeter()
  var memory: MemoryWatch
  var lastGrowthNoticeMs = Int64.min / 2
  let usableCores = UsableCPUs.count
  var outOfMemoryKills: Int?
  var nextWatchMs: Int64 = 0
  var shedNotice = ShedNotice()

  /// Everything that start made; see ``start(settings:settingsNumber:extensionPath:)``.
  init(
    settings: ServerSettings, launcher: MoldLauncher, logs: LogFiles, listeners: [Listener],
    scoreboard: Scoreboard, policy: ChosenPolicy, memory: MemoryWatch, notifier: ServiceNotifier,
    signals: consuming SignalDescriptor, pidFile: consuming PidFile?
  ) {
    self.settings = settings
    self.launcher = launcher
    self.logs = logs
    self.listeners = listeners
    self.scoreboard = scoreboard
    self.policy = policy
    self.memory = memory
    self.notifier = notifier
    self.signals = signals
    self.pidFile = pidFile
    title = settings.title
    threadsAllowed = settings.threadsMin
    preloads = settings.preload
    refork = ReforkPolicy(afterRequests: settings.reforks ? settings.reforkAfter : 0)
    workers = scoreboard.workerSlots.map { WorkerHandle(slot: $0, board: scoreboard[$0]) }
    outOfMemoryKills = outOfMemory.kills
  }

  /// Serves until told to stop.
  ///
  /// - Returns: what the process exits with.
  public func run() -> Int32 {
    startNextMold(nowMs: Clock.monotonicMs())
    while !isFinished {
      waitForEvents()
      let nowMs = Clock.monotonicMs()
      // Messages before deaths: what a child said last explains how it ended.
      readMolds(nowMs: nowMs)
      readWorkers(nowMs: nowMs)
      readFronts()
      readSignals(nowMs: nowMs)
      checkDeadlines(nowMs: nowMs)
      followPolicy(nowMs: nowMs)
    }
    for listener in listeners { listener.removeFile() }
    pidFile = nil
    ErrorLog.write(.notice, "stopped")
    return exitCode.rawValue
  }

  private var isFinished: Bool {
    phase == .stopping && servingMold == nil && nextMold == nil && closingMolds.isEmpty
      && workers.allSatisfy { $0.state == .empty } && fronts.allSatisfy { $0.pid == 0 }
  }

  private func waitForEvents() {
    var descriptors = [signals.descriptor.number]
    for mold in molds { if let link = mold.link { descriptors.append(link.number) } }
    for worker in workers { if let link = worker.link { descriptors.append(link.number) } }
    for front in fronts { if let link = front.link { descriptors.append(link.number) } }
    let due = nextDueMs
    let waitMs = due == .max ? -1 : max(0, due - Clock.monotonicMs() + 1)
    if hasServed && !hasSettled
      && workers.allSatisfy({ $0.state == .empty || $0.state == .ready })
    {
      hasSettled = true
      ProgramPages.release()
    }
    _ = Process.waitReadable(descriptors, timeoutMs: waitMs)
  }

  /// Every mold that lives.
  var molds: [MoldHandle] {
    [servingMold, nextMold].compactMap { $0 } + closingMolds
  }
}
