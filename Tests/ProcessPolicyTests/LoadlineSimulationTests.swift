// LoadlineSimulationTests: random demand, random loading times, and what must hold in each of them.
import Foundation
import ProcessPolicy
import Testing

/// A generator whose numbers follow from its seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// A machine on which the policy's decisions come true after a while.
struct LoadlineSimulation {
  struct Process {
    var startedMs: Int64
    var readyMs: Int64
    var leavesMs: Int64?
    var busy = 0
    var lastUsedMs: Int64 = 0
  }

  let seed: UInt64
  let crashes: Bool
  var random: SeededGenerator
  var policy: LoadlinePolicy
  let cores: Int
  var nowMs: Int64 = 0
  var processes: [Int: Process] = [:]
  var reaped: [ReapedProcess] = []
  var demand = 0
  var waiting = 0
  var lastSpawnMs: Int64?
  var reachedMinimum = false
  /// Everything the policy asked for.
  var history: [ProcessAction] = []
  /// Broken promises.
  var failures: [String] = []

  init(seed: UInt64, crashes: Bool) {
    self.seed = seed
    self.crashes = crashes
    random = SeededGenerator(state: seed)
    let most = Int.random(in: 1...40, using: &random)
    policy = LoadlinePolicy(
      settings: LoadlineSettings(
        // Mostly 1, where the last processes may end.
        minProcesses: max(1, Int.random(in: -2 * most...most, using: &random)), maxProcesses: most,
        threadsPerProcess: Int.random(in: 1...8, using: &random)))
    cores = Int.random(in: 1...8, using: &random)
  }

  mutating func run(steps: Int) {
    for _ in 0..<steps { step() }
  }

  private mutating func step() {
    nowMs += Int64.random(in: 20...1000, using: &random)
    reap()
    moveDemand()
    let tick = PolicyTick(
      nowMs: nowMs, reaped: reaped, processes: snapshots(), waitingConnections: waiting,
      usableCores: cores)
    reaped = []
    let actions = policy.decide(tick)
    history += actions
    for action in actions { apply(action) }
    checkState()
  }

  private mutating func reap() {
    for (slot, process) in processes.sorted(by: { $0.key < $1.key }) {
      let isReady = nowMs >= process.readyMs
      if let leavesMs = process.leavesMs {
        guard nowMs >= leavesMs else { continue }
        reaped.append(ReapedProcess(slot: slot, exit: .finished, readyForMs: nowMs))
      } else if crashes, Int.random(in: 0..<200, using: &random) == 0 {
        let readyForMs = isReady ? nowMs - process.readyMs : nil
        reaped.append(ReapedProcess(slot: slot, exit: .signaled, readyForMs: readyForMs))
      } else {
        continue
      }
      processes[slot] = nil
    }
  }

  private mutating func moveDemand() {
    switch Int.random(in: 0..<100, using: &random) {
    case 0: demand = 0
    case 1: demand = Int.random(in: 0...300, using: &random)
    default: demand = max(0, demand + Int.random(in: -2...2, using: &random))
    }
    var left = demand
    // The lowest slots get the work, as with handlers that are taken most recently used first.
    for slot in processes.keys.sorted() {
      guard var process = processes[slot], process.leavesMs == nil, nowMs >= process.readyMs
      else { continue }
      let busy = min(left, policy.settings.threadsPerProcess)
      // Long requests: a busy process may have begun its last one before an idle one did.
      if busy > process.busy { process.lastUsedMs = nowMs }
      process.busy = busy
      left -= busy
      processes[slot] = process
    }
    waiting = left
    // A short request came and went between two ticks, and nobody saw it.
    if Bool.random(using: &random),
      let slot = processes.keys.sorted().randomElement(using: &random),
      let process = processes[slot], process.leavesMs == nil, nowMs >= process.readyMs
    {
      processes[slot]?.lastUsedMs = nowMs
    }
  }

  private func snapshots() -> [ProcessSnapshot] {
    processes.map { slot, process in
      let isLoaded = nowMs >= process.readyMs
      let state: ProcessState =
        process.leavesMs != nil
        ? .graceful : !isLoaded ? .starting : process.busy > 0 ? .writing : .ready
      return ProcessSnapshot(
        slot: slot, state: state, isLoaded: isLoaded, busyThreads: process.busy,
        idleThreads: policy.settings.threadsPerProcess - process.busy,
        lastUsedMs: process.lastUsedMs, startedMs: process.startedMs)
    }
  }

  private mutating func apply(_ action: ProcessAction) {
    switch action {
    case .spawn(let slots):
      lastSpawnMs = nowMs
      for slot in slots {
        check(processes[slot] == nil, "slot \(slot) is taken")
        let readyMs = nowMs + Int64.random(in: 1...5000, using: &random)
        processes[slot] = Process(startedMs: nowMs, readyMs: readyMs)
      }
    case .endGracefully(let slot):
      let staying = processes.filter { $0.value.leavesMs == nil }
      let mostRecentMs = staying.values.map(\.lastUsedMs).max() ?? 0
      let warmest = staying.filter { $0.value.lastUsedMs == mostRecentMs }.keys
      check(warmest.count > 1 || !warmest.contains(slot), "\(slot) was used most recently")
      check(processes[slot]?.busy == 0, "\(slot) is busy or gone")
      if let lastSpawnMs {
        check(
          nowMs - lastSpawnMs >= LoadlinePolicy.hysteresisMs,
          "ended \(nowMs - lastSpawnMs) ms after a start")
      }
      processes[slot]?.leavesMs = nowMs + Int64.random(in: 0...20_000, using: &random)
    case .allowThreads: check(false, "threads changed")
    case .log: break
    case .stopServer: check(false, "stopped")
    }
  }

  private mutating func checkState() {
    let staying = processes.values.filter { $0.leavesMs == nil }
    let loading = staying.filter { $0.readyMs > nowMs }.count
    let most = policy.settings.maxProcesses
    check(staying.count <= most, "\(staying.count) processes stay")
    check(
      processes.count <= most + LoadlinePolicy.surge(of: most), "\(processes.count) processes")
    check(loading <= cores, "\(loading) load at once on \(cores) cores")
    if staying.count >= policy.settings.minProcesses { reachedMinimum = true }
    if reachedMinimum, !crashes {
      check(staying.count >= policy.settings.minProcesses, "only \(staying.count) processes")
    }
  }

  private mutating func check(_ holds: Bool, _ what: String) {
    if !holds { failures.append("at \(nowMs) ms: \(what)") }
  }
}

@Suite struct LoadlineSimulationTests {
  /// Fixed seeds and a new one each time; PLIMSOLL_SEED=n repeats one.
  static let seeds: [UInt64] = {
    if let text = ProcessInfo.processInfo.environment["PLIMSOLL_SEED"], let seed = UInt64(text) {
      return [seed]
    }
    return Array(1...12) + [UInt64.random(in: 0...UInt64(UInt32.max))]
  }()

  @Test(arguments: seeds, [false, true])
  func promisesHold(seed: UInt64, crashes: Bool) {
    print("loadline simulation: PLIMSOLL_SEED=\(seed)\(crashes ? ", with crashes" : "")")
    var simulation = LoadlineSimulation(seed: seed, crashes: crashes)
    simulation.run(steps: 2000)
    #expect(
      simulation.failures.isEmpty,
      "PLIMSOLL_SEED=\(seed): \(simulation.failures.prefix(5))")
    if !crashes { #expect(simulation.reachedMinimum, "PLIMSOLL_SEED=\(seed)") }
  }

  @Test func theSameSeedGivesTheSameRun() {
    var first = LoadlineSimulation(seed: 7, crashes: true)
    var second = LoadlineSimulation(seed: 7, crashes: true)
    first.run(steps: 1000)
    second.run(steps: 1000)
    #expect(first.history == second.history)
    #expect(first.history.contains { $0.spawnCount > 0 })
  }
}
