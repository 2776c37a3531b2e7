// AcceptRule: when a worker takes new connections, which is all that the MPMs differ in. Pure.
internal import Configuration
internal import ProcessPolicy

/// How connections meet handler threads.
///
/// One event engine serves all three; each has its own rule for taking connections, and what httpd
/// promises follows from it:
///
/// - *prefork*: one connection at a time, from accept to close, keep-alive and lingering included.
/// - *worker*: at most as many connections as handlers. Each so holds a handler from accept to
///   close: a free one is there whenever a request of it is whole.
/// - *event*: connections hold no handler. New ones are taken while a handler is free, and not
///   claimed by a connection that is here already (``heedsClaims``); under Apache's policy while
///   ``AcceptGate`` is open as well.
///
/// Who waits longer than ``QueueLimit`` allows is turned away, also where every handler of every
/// worker is stuck. Whose turn that is only an accepted connection tells, but what a worker takes
/// while it cannot serve is hoarded: its client could be served elsewhere. So under *event* a
/// worker all of whose handlers have been stuck for a quarter of the limit, without taking up
/// anything in between, takes *one*, the probe (``probeShare(limit:stuckForMs:probeWaits:_:)``).
/// The backlog is first in, first out: while the probe is young, so are all behind it, and nobody
/// needs to be taken. Once the probe is turned away, or served because a handler came free, the
/// next one may be taken; so those who are too old leave one after the other, and a worker never
/// hoards more than one.
struct AcceptRule: Equatable {
  /// What the rule looks at.
  struct Load: Equatable {
    /// Connections now.
    var connections = 0
    /// Those among them that only linger before they are closed.
    var lingering = 0
    /// Handlers that wait for work, the one that polls among them.
    var freeHandlers = 0
    /// Connections ever taken.
    var taken = 0
    /// Whether the gate is closed now.
    var gateIsClosed = false
    /// Connections that have a request running or waiting, or probably will within a moment; 0
    /// where they do not matter.
    var claims = 0
    /// Handlers that there are now.
    var handlers = Int.max
  }

  /// The rule's name.
  let model: ApacheSettings.MPM
  /// Handler threads that a worker has.
  let handlers: Int
  /// Handler threads that it may have.
  let mostHandlers: Int
  /// Connections at most.
  let mostConnections: Int
  /// Connections of the worker's life (MaxConnectionsPerChild); .max without a limit.
  let lifetimeConnections: Int
  /// Whether other workers listen as well, and should get their part.
  let isShared: Bool
  /// Apache's bound for `event`.
  let gate: AcceptGate?
  /// Whether every response ends its connection.
  let endsConnections: Bool
  /// Whether those who hold a handler make room for others, where httpd lets others wait.
  let makesRoom: Bool

  /// Whether requests are handed on instead of answered here.
  private(set) var isFront = false
  /// Whether requests come from a front, which sends no more than there are handlers.
  private(set) var isBehindFront = false

  /// Connections taken for one announcement where nobody else would take them.
  private static let largestShare = 64

  /// - Parameter capacity: connections that there is memory for, at least 1.
  init(
    model: ApacheSettings.MPM, threads: Int, mostThreads: Int = 1, capacity: Int,
    lifetimeConnections: Int = .max,
    isShared: Bool = true, gate: AcceptGate? = nil, makesRoom: Bool = true,
    endsConnections: Bool = false
  ) {
    self.model = model
    handlers = model == .prefork ? 1 : threads
    mostHandlers = model == .event ? max(threads, mostThreads) : handlers
    mostConnections = model == .event ? capacity : min(handlers, capacity)
    self.lifetimeConnections = lifetimeConnections
    self.isShared = isShared
    self.gate = model == .event ? gate : nil
    self.endsConnections = endsConnections
    self.makesRoom = makesRoom
  }

  /// The rule of a scout: one thread, so that it can be forked from afterwards. Nobody could
  /// relieve that thread, so it takes one connection at a time, and each for one request only: then
  /// none waits behind another, and all clients have a part in what it sees.
  static let scout = AcceptRule(model: .prefork, threads: 1, capacity: 1, endsConnections: true)

  /// The same behind fronts, each of which gives it one request at a time.
  static let scoutBehindFronts: AcceptRule = {
    var rule = AcceptRule(model: .event, threads: 1, capacity: 1)
    rule.isBehindFront = true
    return rule
  }()

  /// The rule that `settings` ask for.
  init(_ settings: ServerSettings) {
    var gate: AcceptGate?
    if settings.usesApachePolicy {
      let apache = settings.apacheSettings
      gate = AcceptGate((try? apache.corrected().settings) ?? apache)
    }
    self.init(
      model: settings.isDaemon ? .event : settings.processModel, threads: settings.threadsMin,
      mostThreads: settings.threadsMax,
      capacity: max(1, settings.maxConnections),
      lifetimeConnections: settings.maxConnectionsPerChild > 0
        ? settings.maxConnectionsPerChild : .max,
      isShared: settings.mayHaveSeveralWorkers, gate: gate,
      makesRoom: !settings.usesApachePolicy)
    isBehindFront = settings.isDaemon
  }

  /// The rule of a front: it has no handlers that could be busy, and takes what comes.
  static func front(_ settings: ServerSettings) -> AcceptRule {
    var rule = AcceptRule(
      model: .event, threads: 0, capacity: max(1, settings.maxConnections), isShared: false)
    rule.isFront = true
    return rule
  }

  /// Whether the worker should listen.
  func accepts(_ load: Load) -> Bool {
    guard load.taken < lifetimeConnections else { return false }
    guard model == .event else { return load.connections < mostConnections }
    // A full table makes room by closing what is idle, and is no reason to leave.
    guard isFront || (load.freeHandlers > 0 && load.claims < load.handlers) else { return false }
    return gate?.isOpen(
      idleThreads: load.freeHandlers, connections: load.connections, lingering: load.lingering,
      isClosed: load.gateIsClosed) ?? true
  }

  /// Whether connections that are about to need a handler count like those that have one. A handler
  /// that is free between two requests of a busy connection is none for another: who has it to
  /// spare should take the newcomer.
  var heedsClaims: Bool { model == .event && isShared && gate == nil }

  /// Connections that may be taken now for one announcement. With several workers one at a time, so
  /// that each takes what it can serve; the listener stays readable for the others.
  func share(_ load: Load) -> Int {
    let most = isShared ? 1 : Self.largestShare
    let left = max(0, lifetimeConnections - load.taken)
    guard model != .event else { return min(most, left) }
    return min(most, left, max(0, mostConnections - load.connections))
  }

  /// Connections that may be taken after some time without a free handler.
  ///
  /// For a worker that is alone: left where they are they would wait for as long as those who came
  /// before keep all handlers busy, which may be for ever. With others, responses end their
  /// connections instead (``sendsClientsElsewhere``).
  func overdueShare(_ load: Load) -> Int {
    guard model == .event, gate == nil, !isShared else { return 0 }
    return min(Self.largestShare, max(0, lifetimeConnections - load.taken))
  }

  /// Connections that may be taken only to learn how long those in the backlog have waited: 1 or 0.
  ///
  /// - Parameter stuckForMs: for how long no handler was free, or took up a request.
  /// - Parameter probeWaits: whether the last one that was so taken waits for a handler here.
  func probeShare(
    limit: QueueLimit, stuckForMs: Int64, probeWaits: Bool, _ load: Load
  ) -> Int {
    guard model == .event, gate == nil, isShared, limit.isOn, !probeWaits,
      stuckForMs >= limit.patienceMs
    else { return 0 }
    return min(1, max(0, lifetimeConnections - load.taken))
  }

  /// Connections that may be taken when the worker stops listening for good.
  func lastShare(_ load: Load) -> Int { model == .event ? .max : share(load) }

  /// Whether the worker has had all its connections and should go. In `prefork` the last one is
  /// served to its end first, as in httpd.
  func isSpent(_ load: Load) -> Bool {
    load.taken >= lifetimeConnections && (model != .prefork || load.connections == 0)
  }

  /// Whether a connection that was announced before the worker left the listeners is taken
  /// afterwards. Where a connection holds a handler it could not be served.
  var takesLateAnnouncements: Bool { model == .event }

  /// Whether the kernel may wake this worker alone for a connection (EPOLLEXCLUSIVE).
  ///
  /// A worker that is woken alone and then does not accept leaves the connection to nobody. See
  /// WorkerServer+Accept for why that cannot happen where this is true.
  ///
  /// The kernel wakes alone who joined first, as long as that one sleeps. So a scout, which joins
  /// after the others, would only get what nobody else can take: it is woken every time.
  func mayBeWokenAlone(listeners: Int) -> Bool {
    !endsConnections && (model == .event || listeners == 1)
  }

  /// Whether a connection holds a handler from accept to close.
  var connectionsHoldHandlers: Bool { model != .event }

  /// Whether a second thread watches the one that polls: not where there is nobody to relieve it.
  var needsMonitor: Bool {
    isBehindFront ? mostHandlers > 1 : model != .prefork && !isFront
  }

  /// Whether responses end their connections while others wait for a handler: a connection stays
  /// with its worker, and its client comes back behind those that wait, to whoever is free then.
  /// Under `prefork` and `worker` the others would wait for as long as those who came first go on;
  /// so they do under Apache's policy.
  var sendsClientsElsewhere: Bool { model == .event ? isShared : makesRoom }

  /// Whether idle connections are in the way of others when handlers or slots run out.
  var closesIdleConnections: Bool { model == .event || makesRoom }

  /// Whether the worker sleeps in an epoll instance of its own while it may take a connection,
  /// because it never has others at that time.
  var sleepsApart: Bool { connectionsHoldHandlers && mostConnections == 1 }
}
