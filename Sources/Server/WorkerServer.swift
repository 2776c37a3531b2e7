// WorkerServer: the server inside one worker process. Assembly.
//
// Reading order: WorkerServer (what it holds, its life) · PollRole (who may touch it) ·
// WorkerServer+Poll (the loop) · +Accept (new connections) · +Input (bytes to requests) ·
// +Serve (requests to responses) · +Queue (requests that wait for a handler) · +Output (responses
// to the socket, and the end of connections) · +Threads (how many handlers there are) ·
// +Control (supervisor, signals) · +Report (the scoreboard) · +Watchdog (stuck requests).
internal import AccessLog
public import Configuration
internal import Control
internal import HTTP1
internal import Platform
public import Scoreboard
internal import StaticFiles
internal import Synchronization

/// Serves HTTP/1.1 on inherited listening sockets with some handler threads.
///
/// Everything without a note belongs to the holder of the poll role (``PollRole``).
@safe public final class WorkerServer {
  // Set once, read by all threads.
  let settings: ServerSettings
  let application: Application
  let scoreboard: Scoreboard
  let slot: WorkerSlot
  let accessLog: AccessLogWriter?
  let staticSite: StaticSite
  /// Which application has which URL.
  let routes: RouteTable
  let serverName: StaticBytes
  /// Empty where the status is not shown.
  let statusPath: StaticBytes
  /// Empty where metrics are not shown.
  let metricsPath: StaticBytes
  let processID: Int32
  let rule: AcceptRule
  /// Whether the worker shall become a mold, and so has one thread.
  let isScout: Bool
  /// Whether a connection holds a handler from accept to close.
  let connectionsHoldHandlers: Bool
  let queueLimit: QueueLimit
  let limits: RequestLimits
  /// Whose word counts about the client.
  let trusted: TrustedProxies
  let uploadLimits: Upload.Limits
  let watchRule: WatchRule
  let watchdogParker = Parker()
  /// Whether the time for requests is over.
  let givesUp = Atomic<Bool>(false)
  /// Absent where the MPM needs none.
  var monitor: HandlerThread?

  // The event loop's state.
  /// Those that were started, by their index; the first is the process's main thread.
  var threads: [HandlerThread] = []
  /// All threads but the main one; joined at the end.
  var running: [Thread] = []
  /// Made for a thread that could not be started yet.
  var spareThread: HandlerThread?
  /// When another may be started; later than now after one could not be.
  var nextThreadMs: Int64 = 0
  var hasWarnedOfThreads = false
  let epoll: Epoll
  /// What is slept in instead while there is no connection and one may be taken; nil where
  /// connections and listening sockets stand in one instance. See WorkerServer+Accept.
  let idleEpoll: Epoll?
  let wakeup: EventFD
  let batch = Epoll.Batch(capacity: 128)
  var batchPosition = 0
  let table: ConnectionTable
  let timers: TimerWheel
  var nowMs: Int64
  var nowUs: Int64
  /// When the connections are to be counted next; .max while nothing happens.
  var censusDueMs: Int64
  var lastCensusMs = Int64.min / 2
  var listeners: [Int32]
  /// The same, for all threads, never freed; closed ones stay in it.
  let listenerNumbers: UnsafePointer<Int32>
  let listenerCount: Int
  var listenersAreUnix: [Bool] = []
  var isListening = false
  /// Whether `idleEpoll` has the listening sockets.
  var hasJoined = false
  /// When the listening sockets were last seen without anybody, and before the latest wait.
  var calmMs: Int64
  var calmBeforeMs: Int64
  /// Since when no handler is free, while the monitor polls.
  var stuckSinceMs: Int64 = 0
  /// The token of the connection that was last taken while the worker did not listen.
  var probe = UInt64.max
  /// When the oldest request in `ready` is to be turned away; .max while there is none.
  var shedDueMs = Int64.max
  /// When to listen again after running out of descriptors; .max while not waiting for that.
  var listenAgainMs = Int64.max
  /// Whether the thread that polls can run the application.
  var pollerIsHandler = true
  /// When to look for idle connections again, while no handler is free.
  var nextIdleLookMs = Int64.max
  /// Connections that claim a handler, at the latest count; WorkerServer+Threads.
  var claims = 0
  var claimsCountedMs = Int64.min / 2
  /// Whether only the claims keep the worker from listening.
  var claimsForbid = false
  /// Connections ever taken.
  var taken = 0
  /// Connections that are lanes of a front.
  var lanes = 0
  /// Memory shared with the fronts.
  var letterboxes: [PostedLanes] = []
  /// In a front: the workers behind it. nil in a worker.
  let relay: Relay?
  /// Connections that only linger before they are closed.
  var lingering = 0
  /// What the process took since it began to serve.
  var growth = GrowthGuard()
  /// What it may have for itself.
  var memoryLimit: MemoryLimit
  /// When that was last looked at.
  var growthLookMs: Int64 = 0
  var drainMode = DrainMode.none
  /// Whether the worker drains to become a mold, and nobody said otherwise since.
  var becomesMold = false
  let control: ControlChannel
  var controlIsOpen = true
  let stopSignal: Int32

  // The role, and what threads hand to each other.
  let role = PollRole()
  /// When a handler last took up a request that had waited.
  let takenUpMs = Atomic<Int64>(0)
  /// When the backlog was last found empty by ``othersWait``.
  let nobodyWaitedMs = Atomic<Int64>(0)
  let monitorRests = Atomic<Bool>(false)
  /// Whether a handler thread was started and does not wait for work yet.
  let isStartingThread = Atomic<Bool>(false)
  let finished = Atomic<Bool>(false)
  /// Whether somebody put a connection into `returned` or `ready`.
  let hasHandBacks = Atomic<Bool>(false)
  /// Whether `releases` holds something.
  let hasReleases = Atomic<Bool>(false)
  let requestCounter = Atomic<UInt64>(0)
  let served = Atomic<Int>(0)
  let lock = Lock()
  // Under `lock`:
  var idle: IdleHandlers
  var returned: IndexQueue
  var ready: IndexQueue
  var monitorPolls = false
  /// Whether the accept rule's gate is closed. Written by the holder of the role only.
  var gateIsClosed = false
  /// At which paths the process grew.
  var ledger = GrowthLedger(anonymousBytes: OwnMemory.anonymousBytes() ?? 0)
  /// Objects lent by the application whose responses are sent; given back by the next handler.
  var releases: [OpaquePointer] = unsafe []

  /// How eagerly the role is given away before the application runs: 0 while requests are short.
  let slowness = Atomic<Int>(0)
  /// Requests after which the worker retires; .max without a limit.
  let retireAfter: Int

  /// How far the worker is with going away.
  enum DrainMode {
    case none
    /// Idle connections may send one more request.
    case drain
    /// Idle connections are closed.
    case stop
  }

  /// Prepares a server; ``run()`` starts it.
  ///
  /// - Parameter listeners: listening, non-blocking sockets; closed when the server stops for good.
  /// - Parameter number: the worker's slot of the scoreboard.
  /// - Parameter control: the worker's end of its control channel; owned from now on.
  /// - Parameter accessLog: descriptor of the access log, owned from now on; -1 for none.
  /// - Parameter isScout: the worker serves with one thread, and has served enough after
  ///   `ServerSettings.scoutRequests`; see ``Outcome/servedEnough(control:accessLog:)``.
  /// - Parameter frontGroups: the process groups that a front hands requests to; none in a worker.
  /// - Parameter stopSignal: a descriptor that becomes readable when SIGTERM came; -1 for none.
  /// - Throws: where a static directory cannot be opened, or the process is out of descriptors.
  public init(
    settings: ServerSettings, listeners: [Int32], application: Application,
    scoreboard: Scoreboard, slot number: Int,
    control: Int32, accessLog: Int32, stopSignal: Int32, generation: Int, isScout: Bool = false,
    frontGroups: [FrontGroup] = []
  ) throws {
    let isFront = !frontGroups.isEmpty
    self.settings = settings
    relay =
      isFront
      ? Relay(
        frontGroups, connections: max(1, settings.maxConnections), cores: UsableCPUs.count)
      : nil
    self.application = application
    self.scoreboard = scoreboard
    slot = scoreboard[number]
    statusPath = StaticBytes(settings.statusPath)
    metricsPath = StaticBytes(settings.metricsPath)
    self.listeners = listeners
    listenerCount = listeners.count
    let numbers = UnsafeMutablePointer<Int32>.allocate(capacity: max(1, listeners.count))
    for index in listeners.indices { unsafe numbers[index] = listeners[index] }
    unsafe listenerNumbers = UnsafePointer(numbers)
    self.control = ControlChannel(owning: control)
    self.stopSignal = stopSignal
    self.isScout = isScout
    rule =
      isFront
      ? .front(settings)
      : isScout ? settings.isDaemon ? .scoutBehindFronts : .scout : AcceptRule(settings)
    connectionsHoldHandlers = rule.connectionsHoldHandlers
    // Behind a front nobody waits but there.
    queueLimit = rule.isBehindFront ? QueueLimit(timeoutMs: 0) : QueueLimit(settings)
    application.lockWaits = LockWaits(slot)
    processID = Process.id
    watchRule = WatchRule(settings)
    memoryLimit = MemoryLimit(bytes: isFront ? 0 : settings.memoryLimitBytes)
    serverName = StaticBytes(settings.serverTokens)
    var limits = RequestLimits()
    limits.lineBytes = settings.limitRequestLine
    limits.fieldBytes = settings.limitRequestFieldSize
    limits.fieldCount = settings.limitRequestFields
    self.limits = limits
    trusted = TrustedProxies(settings.trustedProxies)
    uploadLimits = Upload.Limits(
      memoryBytes: settings.bodyMemoryBytes, bodyBytes: settings.limitRequestBody,
      directory: settings.temporaryDirectory)
    staticSite = try StaticSite(Self.mounts(settings))
    routes = RouteTable(isFront ? frontGroups.map(\.settings) : [settings])
    self.accessLog =
      accessLog < 0
      ? nil
      : AccessLogWriter(
        format: try AccessLogFormat(
          settings.accessLogFormat, utcOffsetSeconds: Clock.utcOffsetSeconds()),
        descriptor: try Self.logDescriptor(accessLog))
    // A scout may take what waits when the server stops.
    let capacity = max(1, settings.maxConnections)
    epoll = try Epoll()
    idleEpoll = rule.sleepsApart ? try Epoll() : nil
    wakeup = try EventFD()
    nowUs = Clock.monotonicMicroseconds()
    nowMs = nowUs / 1000
    censusDueMs = nowMs
    calmMs = nowMs
    calmBeforeMs = nowMs
    table = ConnectionTable(capacity: capacity)
    timers = TimerWheel(table: table, nowMs: nowMs)
    returned = IndexQueue(capacity: capacity)
    ready = IndexQueue(capacity: capacity)
    idle = IdleHandlers(capacity: rule.mostHandlers)
    retireAfter =
      isScout ? settings.scoutRequests : Self.retirement(settings, processID: processID)
    requestCounter.store(
      UInt64(bitPattern: Clock.realMicroseconds()) << 20 ^ UInt64(UInt32(processID)) << 44,
      ordering: .relaxed)
    for listener in listeners { listenersAreUnix.append(SocketIO.isUnix(listener)) }
    threads.append(makeThread(index: 0))
    slot.setStartedThreads(1)
    if rule.needsMonitor {
      monitor = HandlerThread(
        index: rule.mostHandlers, isMonitor: true, limits: limits, server: self)
    }
  }

  /// Bytes of the longest head of a response that may come here.
  var mostResponseHeadBytes: Int {
    relay?.groups.map(\.responseHeadBytes).max() ?? settings.responseHeadBytes
  }

  /// What a handler thread owns.
  func makeThread(index: Int) -> HandlerThread {
    HandlerThread(index: index, isMonitor: relay != nil, limits: limits, server: self)
  }

  /// Serves until told to stop, on the calling thread and those it starts.
  ///
  /// - Returns: what the process is to do next. What the server took (descriptors, memory) is given
  ///   back when the last reference to it goes.
  public func run() -> Outcome {
    do {
      try watch(wakeup.number, token: Token.wakeup)
      try watch(control.socket.number, token: Token.control)
      if stopSignal >= 0 { try watch(stopSignal, token: Token.stopSignal) }
      listen()
      try startThreads()
      try startWatchdog()
      if application.isLoaded { slot.setLoaded() }
      slot.setReady(us: Clock.monotonicMicroseconds())
      control.send(.ready)
      let first = threads[0]
      first.mayPoll = true
      handle(first)
      for thread in running { thread.join() }
      application.detachThread(0)
      accessLog?.flush()
      guard becomesMold, controlIsOpen else {
        control.send(.exiting)
        return .exit(0)
      }
      // Copies: the server closes what it owns.
      return .servedEnough(
        control: try FileDescriptor.duplicate(of: control.number).release(),
        accessLog: try accessLog?.duplicate().release() ?? -1)
    } catch {
      let code = Self.exitCode(for: error)
      control.send(.failed(code: code.rawValue, message: "The worker cannot start: \(error)."))
      return .exit(code.rawValue)
    }
  }

  /// What comes after ``run()``.
  public enum Outcome: Equatable {
    /// The process exits with this status.
    case exit(Int32)
    /// A scout has served enough, and nobody wants it to go: it may become a mold. Its control
    /// channel and the access log (-1 for none) are the caller's now; the listening sockets are
    /// open.
    case servedEnough(control: Int32, accessLog: Int32)
  }

  /// Waits for what concerns the whole process, wherever that sleeps.
  private func watch(_ number: Int32, token: UInt64) throws(SystemCallError) {
    try epoll.add(number, .readable, token: token)
    try idleEpoll?.add(number, .readable, token: token)
  }

  /// Ends ``watch(_:token:)``.
  func unwatch(_ number: Int32) {
    epoll.remove(number)
    idleEpoll?.remove(number)
  }

  /// What the process exits with where its start failed: want of descriptors, memory or threads is
  /// told apart from everything else.
  public static func exitCode(for error: any Error) -> ExitCode {
    (error as? SystemCallError)?.isShortage == true ? .resources : .internalError
  }

  /// Standard output is the process's own: closing it at a change of logs would give its number,
  /// and what the application prints, to the next connection.
  private static func logDescriptor(_ number: Int32) throws(SystemCallError) -> FileDescriptor {
    number <= 2 ? try FileDescriptor.duplicate(of: number) : FileDescriptor(owning: number)
  }

  private static func mounts(_ settings: ServerSettings) -> [StaticMount] {
    settings.staticMounts.compactMap { mount in
      guard let split = mount.firstIndex(of: "=") else { return nil }
      return StaticMount(
        prefix: String(mount[..<split]), directory: String(mount[mount.index(after: split)...]),
        followsSymlinks: settings.staticFollowsSymlinks)
    }
  }

  /// `--max-requests`, spread by `--max-requests-jitter` so that workers do not retire together.
  private static func retirement(_ settings: ServerSettings, processID: Int32) -> Int {
    guard settings.maxRequests > 0 else { return .max }
    guard settings.maxRequestsJitter > 0 else { return settings.maxRequests }
    let mixed = UInt64(UInt32(bitPattern: processID)) &* 0x9E37_79B9_7F4A_7C15
    return settings.maxRequests + Int((mixed >> 33) % UInt64(settings.maxRequestsJitter + 1))
  }
}

/// Tokens of descriptors that are no connections. A connection's token has bit 31 clear.
enum Token {
  static let special: UInt64 = 1 << 31
  static let wakeup = special
  static let control = special | 1
  static let stopSignal = special | 2
  static let bell = special | 3
  static let firstListener = special | 16
}
