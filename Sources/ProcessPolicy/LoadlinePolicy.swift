// LoadlinePolicy: as many processes as the demand needs, and no snowball. Pure.

/// Bounds of the loadline policy.
public struct LoadlineSettings: Equatable, Sendable {
  /// Processes kept even without any demand; at least 1, default 1.
  public let minProcesses: Int
  /// Processes that serve or load at most. While some are ending, ``LoadlinePolicy/surge(of:)``
  /// more may be alive.
  public let maxProcesses: Int
  /// Threads that a process runs the application in; default 1.
  public let threadsPerProcess: Int
  /// Threads that it may have where there cannot be more processes; default: no more than ever.
  public let mostThreadsPerProcess: Int
  /// Threads that all processes together may have so; default: as many as the most processes have
  /// with ``threadsPerProcess``.
  public let mostHandlers: Int
  /// Time without any demand after which no process is kept, ms; 0: some always are.
  public let inactivityMs: Int64

  /// Bounds; numbers below 1 count as 1, a minimum above the maximum as the maximum.
  public init(
    minProcesses: Int = 1, maxProcesses: Int, threadsPerProcess: Int = 1,
    mostThreadsPerProcess: Int = 1, mostHandlers: Int = 0, inactivityMs: Int64 = 0
  ) {
    self.maxProcesses = max(1, maxProcesses)
    self.minProcesses = min(max(1, minProcesses), self.maxProcesses)
    self.threadsPerProcess = max(1, threadsPerProcess)
    self.mostThreadsPerProcess = max(self.threadsPerProcess, mostThreadsPerProcess)
    self.mostHandlers = max(mostHandlers, self.maxProcesses * self.threadsPerProcess)
    self.inactivityMs = max(0, inactivityMs)
  }
}

/// The default policy: processes follow the demand, as far as the memory reaches.
///
/// Demand is the number of busy handlers plus the connections that wait for one.
///
/// 1. A process that loads counts as capacity, also where it imports the application inside its
///    first request: what was started is never started again.
/// 2. At most as many processes load at once as there are cores: loading costs CPU time, and more
///    of them would only be ready later.
/// 3. A process ends only after the demand could do without it for ``hysteresisMs``, measured by
///    the highest demand of that time, and never while another loads. Then half of what is too
///    much ends, so that after a peak the server comes down in a few steps.
/// 4. Only idle processes end, and never the most recently used one: its caches are the warmest.
/// 5. After early deaths the next start waits, twice as long each time, and is the only one until
///    a process has proved itself.
/// 6. A new generation is brought to the number of processes that the old one had, and one of the
///    old ends for each new one that is ready: capacity never dips, and ``surge(of:)`` bounds what
///    both take together.
/// 7. No process is started that does not fit into the memory budget together with what those that
///    are there will still take. Above the budget the fattest idle process ends first, then the
///    fattest busy one after its requests. Without room, a new generation comes one for one.
///    Neither is one started while all processes wait for memory, whatever the budget leaves.
/// 8. A scout (``ReforkPolicy``) is there besides the others, and goes first where memory is short.
///    A generation that is the same code is exchanged one by one, in its time.
/// 9. Where the processes use up all CPU time already, more than one for each core would only take
///    memory: demand alone does not start them then.
/// 10. Where the demand needs more processes than memory or the settings allow, each may have more
///     threads instead, as far as there is room for them.
/// 11. After ``LoadlineSettings/inactivityMs`` without any demand all processes end, if that is
///     set; the first request that waits brings one back.
public struct LoadlinePolicy: Equatable, Sendable {
  /// How long too much capacity is kept, ms.
  public static let hysteresisMs: Int64 = 30_000
  /// Handlers kept free beyond the demand, so that the next request finds one.
  public static let spareHandlers = 1
  /// Least time between two lines that say that the maximum is reached, ms.
  public static let reportEveryMs: Int64 = 600_000
  /// Time between two looks at the demand while there is some, ms.
  public static let sampleMs: Int64 = 100
  /// The same while there is none.
  public static let quietSampleMs: Int64 = 500
  /// The same where, besides, the number of processes is fixed.
  public static let fixedSampleMs: Int64 = 1000

  /// Bounds.
  public let settings: LoadlineSettings
  /// What the policy remembers.
  public internal(set) var state: State

  /// What kept the server from having more processes when it last decided.
  public var binding: BindingLimit { state.binding }

  /// What is carried from one tick to the next.
  public struct State: Equatable, Sendable {
    /// Whether nobody asked for so long that no process is kept.
    var isAsleep = false
    /// Processes that are too many.
    var surplus = Surplus()
    /// Threads that each process may have.
    var threads: Int
    /// Threads of each that are too many.
    var threadSurplus = Surplus()
    /// When it was last said that threads stand in for processes, ms.
    var lastThreadReportMs: Int64?
    var backOff = BackOff()
    var lastFailureMs: Int64 = 0
    /// Since when a process that was started after the last failure is ready, ms.
    var provingSinceMs: Int64?
    var lastReportMs: Int64?
    /// Busy handlers and waiting connections at the last look.
    var demand = 0
    /// When it was last said that the memory is the limit, ms.
    var lastShortageMs: Int64?
    /// When it was last said that everybody waits for memory, ms.
    var lastStallMs: Int64?
    /// When a process last was ended because of too much memory, ms.
    var unloadedMs: Int64 = -1
    /// When an idle process last was replaced by a fresh one, ms.
    var refreshedMs: Int64 = -LoadlinePolicy.refreshEveryMs
    /// What keeps the server from having more processes.
    var binding = BindingLimit.demand
    /// Processes that the old generation had when the new one came; nil while there is no old one.
    var handoverTarget: Int?
    /// When a process last was exchanged where that has its time, ms: started, and ended.
    var exchangeStartedMs: Int64?
    var exchangeEndedMs: Int64?
  }

  /// A policy that remembers nothing yet.
  public init(settings: LoadlineSettings) {
    self.settings = settings
    state = State(threads: settings.threadsPerProcess)
  }

  /// The processes, counted.
  private struct Census {
    /// All slots with a process.
    var taken: Set<Int> = []
    /// Of this generation and not leaving: what counts as capacity.
    var serving: [ProcessSnapshot] = []
    /// Of an older generation and not leaving.
    var old: [ProcessSnapshot] = []
    /// Of this generation and leaving.
    var leaving = 0
    var loading = 0
    /// Of this generation and not leaving, besides the others.
    var scout: ProcessSnapshot?
    /// Whether any process is leaving, of whatever generation.
    var isAnyLeaving = false
    /// Busy handlers and waiting connections.
    var demand = 0

    init(_ tick: PolicyTick) {
      demand = max(0, tick.waitingConnections)
      for process in tick.occupied {
        taken.insert(process.slot)
        if process.state.isLeaving {
          isAnyLeaving = true
          leaving += process.generation == tick.generation ? 1 : 0
        } else if process.isScout && process.generation == tick.generation {
          scout = process
          demand += max(0, process.busyThreads)
        } else if process.generation == tick.generation {
          serving.append(process)
          loading += process.isLoaded ? 0 : 1
          demand += max(0, process.busyThreads)
        } else if process.generation < tick.generation {
          old.append(process)
          demand += max(0, process.busyThreads)
        }
        // A newer generation is on trial; whoever tries it out decides about it.
      }
    }

    var ready: Int { serving.count { $0.isLoaded } }
  }

  /// Processes above the wanted number while others are ending: a quarter, at least one.
  public static func surge(of wanted: Int) -> Int { max(1, (wanted + 3) / 4) }

  /// When ``decide(_:)`` has something to look at next even if nothing happens; ms.
  public func nextDecisionMs(nowMs: Int64) -> Int64 {
    if state.backOff.failures > 0 {
      return max(nowMs + Self.sampleMs, state.backOff.notBeforeMs)
    }
    // Also where the number is fixed: memory is looked at with the demand.
    if state.demand > 0 || state.handoverTarget != nil { return nowMs + Self.sampleMs }
    let isFixed = settings.minProcesses == settings.maxProcesses
    return nowMs + (isFixed ? Self.fixedSampleMs : Self.quietSampleMs)
  }

  /// What to do now. Call it when ``nextDecisionMs(nowMs:)`` has come, and at once when a child was
  /// reaped or is ready.
  public mutating func decide(_ tick: PolicyTick) -> [ProcessAction] {
    let census = Census(tick)
    state.demand = census.demand
    state.isAsleep = isAsleep(tick, census)
    var actions = noteDeaths(tick, census)
    let wanted = wanted(tick, census)
    let admitted = admitted(tick)
    noteBinding(tick, census, wanted: wanted, admitted: admitted)
    actions += reportShortage(tick, serving: census.serving.count, wanted: wanted)
    if census.serving.count < wanted {
      state.surplus.end()
      let slots = slotsToFill(wanted, tick, census, admitted: admitted)
      if !slots.isEmpty { actions.append(.spawn(slots: slots)) }
    } else if state.isAsleep {
      let idle = census.serving.filter { $0.isLoaded && $0.busyThreads == 0 }
      actions += (idle + [census.scout].compactMap { $0 }).map { .endGracefully(slot: $0.slot) }
    } else if census.serving.count > wanted && census.old.isEmpty {
      actions += shrink(to: wanted, tick.nowMs, census)
    } else {
      state.surplus.end()
    }
    actions += handOver(wanted, tick, census, hasRoom: admitted > 0)
    if !actions.contains(where: \.isAboutProcesses) {
      let unloading = unload(tick, census.serving + census.old, census.scout)
      actions += unloading.isEmpty ? refresh(tick, census.serving) : unloading
    }
    actions += allowThreads(
      tick, demand: census.demand, processes: census.serving.count + census.old.count,
      toCome: max(0, wanted - census.serving.count))
    if census.demand > settings.mostHandlers, !tick.isCPUSaturated {
      actions += reportMaximum(demand: census.demand, nowMs: tick.nowMs)
    }
    return actions
  }

  /// Processes that this generation should have.
  private mutating func wanted(_ tick: PolicyTick, _ census: Census) -> Int {
    if state.isAsleep { return 0 }
    if census.old.isEmpty {
      state.handoverTarget = nil
    } else if state.handoverTarget == nil {
      state.handoverTarget = census.old.count
    }
    var needed = max(wanted(demand: census.demand), state.handoverTarget ?? 0)
    if tick.isCPUSaturated {
      needed = min(needed, max(census.serving.count + census.old.count, tick.usableCores))
    }
    return min(max(needed, settings.minProcesses), settings.maxProcesses)
  }

  /// Whether nobody has asked for long enough. A process that was just started is given as long.
  private func isAsleep(_ tick: PolicyTick, _ census: Census) -> Bool {
    guard settings.inactivityMs > 0, census.demand == 0, census.old.isEmpty else { return false }
    let lastMs = census.serving.reduce(Int64.min / 2) { max($0, $1.lastUsedMs, $1.startedMs) }
    if census.serving.isEmpty { return state.isAsleep }
    return census.loading == 0 && tick.nowMs - lastMs >= settings.inactivityMs
  }

  /// Processes for so much demand, without regard to the bounds.
  func wanted(demand: Int) -> Int {
    let handlers = demand + Self.spareHandlers
    return (handlers + settings.threadsPerProcess - 1) / settings.threadsPerProcess
  }

  private mutating func noteBinding(
    _ tick: PolicyTick, _ census: Census, wanted: Int, admitted: Int
  ) {
    let isShort = census.serving.count < wanted
    if isShort && state.backOff.failures > 0 {
      state.binding = .failures
    } else if isShort && admitted == 0 {
      state.binding = .memory
    } else if self.wanted(demand: census.demand) > settings.maxProcesses {
      state.binding = .processes
    } else if tick.isCPUSaturated && self.wanted(demand: census.demand) > wanted {
      state.binding = .cpu
    } else {
      state.binding = .demand
    }
  }

  // MARK: growing

  private mutating func slotsToFill(
    _ wanted: Int, _ tick: PolicyTick, _ census: Census, admitted: Int
  ) -> [Int] {
    let isFailing = state.backOff.failures > 0
    if isFailing, tick.nowMs < state.backOff.notBeforeMs { return [] }
    let loadable = isFailing ? 1 : max(1, tick.usableCores)
    let most = settings.maxProcesses + Self.surge(of: settings.maxProcesses)
    var count = min(
      admitted, wanted - census.serving.count, loadable - census.loading,
      most - census.serving.count - census.leaving)
    if !census.old.isEmpty {
      let missing = wanted - census.serving.count - census.old.count
      count = min(count, missing + Self.surge(of: wanted))
      if tick.handoverPaceMs > 0, count > max(0, missing) {
        let mayExchange = Self.isTime(tick, since: state.exchangeStartedMs)
        count = max(0, missing) + (mayExchange ? 1 : 0)
        if mayExchange { state.exchangeStartedMs = tick.nowMs }
      }
    }
    guard count > 0 else { return [] }
    return Array((0...).lazy.filter { !census.taken.contains($0) }.prefix(count))
  }

  // MARK: a new generation

  /// Ends processes of the old generation that the new one stands in for. Where there is no room
  /// for both, one goes before its successor comes, as soon as somebody of the new one serves.
  private mutating func handOver(
    _ wanted: Int, _ tick: PolicyTick, _ census: Census, hasRoom: Bool
  ) -> [ProcessAction] {
    var spare = census.ready + census.old.count - wanted
    if spare <= 0 && !hasRoom && census.ready > 0 && census.loading == 0 && !census.isAnyLeaving {
      spare = 1
    }
    guard spare > 0, !census.old.isEmpty else { return [] }
    if tick.handoverPaceMs > 0 {
      guard Self.isTime(tick, since: state.exchangeEndedMs) else { return [] }
      state.exchangeEndedMs = tick.nowMs
      spare = 1
    }
    // Those that do not serve yet go first: nobody would miss them. Then those without a request.
    let inOrder = census.old.sorted { left, right in
      if left.isLoaded != right.isLoaded { return right.isLoaded }
      if left.busyThreads != right.busyThreads { return left.busyThreads < right.busyThreads }
      return left.slot < right.slot
    }
    return inOrder.prefix(spare).map { .endGracefully(slot: $0.slot) }
  }

  /// Whether the next exchange may begin.
  private static func isTime(_ tick: PolicyTick, since lastMs: Int64?) -> Bool {
    lastMs.map { tick.nowMs - $0 >= tick.handoverPaceMs } ?? true
  }

  // MARK: shrinking

  private mutating func shrink(
    to wanted: Int, _ nowMs: Int64, _ census: Census
  ) -> [ProcessAction] {
    let count = state.surplus.toGo(
      have: census.serving.count, wanted: wanted, nowMs: nowMs, mayGo: census.loading == 0)
    return coldest(census.serving).prefix(count).map { .endGracefully(slot: $0) }
  }

  /// Slots of idle processes, the least recently used first, without the most recently used of
  /// all; of those used at the same time the highest slot goes first.
  private func coldest(_ serving: [ProcessSnapshot]) -> [Int] {
    let warmestFirst = serving.sorted {
      $0.lastUsedMs == $1.lastUsedMs ? $0.slot < $1.slot : $0.lastUsedMs > $1.lastUsedMs
    }
    return warmestFirst.dropFirst().reversed()
      .filter { $0.isLoaded && $0.busyThreads == 0 }
      .map(\.slot)
  }

  // MARK: deaths and messages

  private mutating func noteDeaths(_ tick: PolicyTick, _ census: Census) -> [ProcessAction] {
    guard let child = tick.reaped.first(where: BackOff.isEarly) else {
      noteProof(tick.nowMs, census)
      return []
    }
    state.provingSinceMs = nil
    state.lastFailureMs = tick.nowMs
    state.backOff.failed(nowMs: tick.nowMs)
    let failures = state.backOff.failures
    let text =
      "the process in slot \(child.slot) "
      + (child.readyForMs.map { "died \($0) ms after it was ready" } ?? "died before it was ready")
      + (failures > 1 ? ", early death number \(failures) in a row" : "")
      + ": the next start waits \(BackOff.delayMs(failures: failures)) ms; the lines above "
      + "say why it died"
    return [.log(PolicyMessage(.warning, text))]
  }

  /// After a failure: whether a process has lived long enough to trust the next ones.
  private mutating func noteProof(_ nowMs: Int64, _ census: Census) {
    guard state.backOff.failures > 0 else { return }
    guard census.serving.contains(where: { $0.isLoaded && $0.startedMs >= state.lastFailureMs })
    else {
      state.provingSinceMs = nil
      return
    }
    let since = state.provingSinceMs ?? nowMs
    state.provingSinceMs = since
    if nowMs - since >= BackOff.provenMs { state.backOff = BackOff() }
  }

  private mutating func reportMaximum(demand: Int, nowMs: Int64) -> [ProcessAction] {
    if let last = state.lastReportMs, nowMs - last < Self.reportEveryMs { return [] }
    state.lastReportMs = nowMs
    let text =
      "\(demand) requests run or wait, and the \(settings.maxProcesses) processes that are "
      + "allowed have \(settings.mostHandlers) handlers: allow more processes or "
      + "threads, or let requests wait"
    return [.log(PolicyMessage(.warning, text))]
  }
}
