// LoadlinePolicy+Memory: the half of the policy that keeps the server above the water. Pure.

extension LoadlinePolicy {
  /// A worker is replaced by a fresh fork when it takes more than so many times what a fresh one
  /// takes …
  public static let refreshFactor: Int64 = 3
  /// … and at least so much more, bytes.
  public static let refreshLeastBytes: Int64 = 4 << 20
  /// Share of the budget in use from which on idle workers are replaced, in percent: below it
  /// nobody needs what that would give back.
  public static let refreshFromPercent: Int64 = 60
  /// Share of the last 10 s in which everybody waited for memory, percent, from which on no process
  /// is started: the kernel takes pages away that are needed again at once, and one more process
  /// would only make all of them slower. An idle or busy machine with enough memory shows 0.
  public static let stallLimitPercent = 10
  /// Least time between two such replacements, ms.
  public static let refreshEveryMs: Int64 = 1_000

  /// Processes that the memory admits now: what is measured, what those that are there will still
  /// take, and the new ones fit into the budget, and nobody waits for memory much. One where there
  /// is none at all: somebody must serve.
  func admitted(_ tick: PolicyTick) -> Int {
    guard let memory = tick.memory else { return .max }
    let figures = figures(memory, tick)
    let admitted =
      Self.isStalled(memory)
      ? 0
      : memory.budget.admitted(
        expectedBytes: memory.expectedBytes, figures, most: settings.maxProcesses)
    let isAlone = tick.occupied.allSatisfy(\.state.isLeaving)
    return isAlone ? max(1, admitted) : admitted
  }

  static func isStalled(_ memory: MemoryView) -> Bool {
    memory.stallPercent >= stallLimitPercent
  }

  /// What was measured, with what those that stay will still take.
  func figures(_ memory: MemoryView, _ tick: PolicyTick) -> MemoryFigures {
    var figures = memory.figures
    figures.pendingBytes = tick.occupied.lazy.filter { !$0.state.isLeaving }.reduce(0) {
      $0
        + MemoryBudget.stillToTake(
          expectedBytes: memory.expectedBytes, measuredBytes: $1.memoryBytes ?? 0)
        + pendingThreadBytes($1)
    }
    return figures
  }

  /// Says that the memory keeps processes from being started; once in a while.
  mutating func reportShortage(_ tick: PolicyTick, serving: Int, wanted: Int) -> [ProcessAction] {
    guard state.binding == .memory, let memory = tick.memory else { return [] }
    let isStalled = Self.isStalled(memory)
    let last = isStalled ? state.lastStallMs : state.lastShortageMs
    if let last, tick.nowMs - last < Self.reportEveryMs { return [] }
    let why: String
    if isStalled {
      state.lastStallMs = tick.nowMs
      why =
        "all processes waited for memory in \(memory.stallPercent) % of the last 10 s (full "
        + "pressure), and none is started from \(Self.stallLimitPercent) % on: give the machine "
        + "or the control group more memory, or end other programs"
    } else {
      state.lastShortageMs = tick.nowMs
      why = memory.budget.refusal(
        expectedBytes: memory.expectedBytes, figures(memory, tick))
    }
    let processes = serving == 1 ? "1 process serves" : "\(serving) processes serve"
    let text = "\(processes) where \(wanted) are wanted: \(why)"
    return [.log(PolicyMessage(.warning, text))]
  }

  /// Above the line: one process ends, the scout, else the fattest idle one, else the fattest busy
  /// one after its requests. The next only once this one is gone and everything was measured again.
  mutating func unload(
    _ tick: PolicyTick, _ staying: [ProcessSnapshot], _ scout: ProcessSnapshot? = nil
  ) -> [ProcessAction] {
    guard let memory = tick.memory, memory.isHeaviest,
      memory.budget.excessBytes(memory.figures) > 0,
      memory.measuredMs > state.unloadedMs,
      !tick.occupied.contains(where: \.state.isLeaving), scout != nil || staying.count > 1,
      let fattest = scout ?? Self.fattest(staying.filter { $0.isLoaded && $0.busyThreads == 0 })
        ?? Self.fattest(staying.filter(\.isLoaded))
    else { return [] }
    state.unloadedMs = tick.nowMs
    let text =
      "the server takes \(memory.figures.server.totalBytes.asSize), "
      + "\(memory.budget.excessBytes(memory.figures).asSize) above its line (budget "
      + "\(memory.budget.bytes.asSize)): the process in slot \(fattest.slot), which takes "
      + "\((fattest.memoryBytes ?? 0).asSize), ends after its requests"
    return [.log(PolicyMessage(.warning, text)), .endGracefully(slot: fattest.slot)]
  }

  /// Replaces an idle process that has grown dirty by a fresh fork, one at a time.
  mutating func refresh(_ tick: PolicyTick, _ staying: [ProcessSnapshot]) -> [ProcessAction] {
    guard let memory = tick.memory, memory.freshWorkerBytes > 0,
      tick.nowMs - state.refreshedMs >= Self.refreshEveryMs,
      memory.budget.room(memory.figures).bytes
        <= memory.budget.bytes / 100 * (100 - Self.refreshFromPercent),
      !tick.occupied.contains(where: \.state.isLeaving), staying.allSatisfy(\.isLoaded),
      staying.count > 1
    else { return [] }
    let warmest = staying.map(\.lastUsedMs).max() ?? 0
    let limit = max(
      memory.freshWorkerBytes * Self.refreshFactor,
      memory.freshWorkerBytes + Self.refreshLeastBytes)
    guard
      let dirty = Self.fattest(
        staying.filter {
          $0.busyThreads == 0 && $0.lastUsedMs < warmest && ($0.memoryBytes ?? 0) > limit
        })
    else { return [] }
    state.refreshedMs = tick.nowMs
    let text =
      "the idle process in slot \(dirty.slot) takes \((dirty.memoryBytes ?? 0).asSize), a fresh "
      + "one \(memory.freshWorkerBytes.asSize): it is replaced"
    return [.log(PolicyMessage(.info, text)), .endGracefully(slot: dirty.slot)]
  }

  /// The process that takes most; of equals the one in the highest slot.
  private static func fattest(_ processes: [ProcessSnapshot]) -> ProcessSnapshot? {
    processes.max {
      ($0.memoryBytes ?? 0, $0.slot) < ($1.memoryBytes ?? 0, $1.slot)
    }
  }
}
