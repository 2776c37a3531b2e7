// Yard: a scoreboard that does at once what Apache's policy asks for.
import ProcessPolicy

/// Processes without any behaviour of their own; tests say what state they are in.
struct Yard {
  var policy: ApachePolicy
  var processes: [Int: ProcessSnapshot] = [:]
  var nowMs: Int64 = 0
  var generation = 0
  /// What the policy asked for since the last `takeActions`.
  var actions: [ProcessAction] = []

  /// What new processes become before the next tick: all busy, or ready and idle.
  var newcomersAreBusy = true

  init(_ settings: ApacheSettings) throws {
    policy = ApachePolicy(settings: try settings.corrected().settings)
  }

  var count: Int { processes.count }
  var threads: Int { policy.settings.threadsPerChild }
  var texts: [String] { actions.compactMap(\.text) }

  mutating func start() { apply(policy.start(nowMs: nowMs)) }

  /// A second goes by in which nothing was reaped.
  mutating func quietSecond() {
    nowMs += 1000
    apply(policy.decide(tick()))
  }

  /// A child ended.
  mutating func reap(_ slot: Int, _ exit: ReapedProcess.Exit) {
    processes[slot] = nil
    apply(policy.decide(tick(reaped: [ReapedProcess(slot: slot, exit: exit, readyForMs: 10)])))
  }

  func tick(reaped: [ReapedProcess] = []) -> PolicyTick {
    PolicyTick(
      nowMs: nowMs, generation: generation, reaped: reaped, processes: Array(processes.values))
  }

  /// Every process is in this state, all threads of it busy or idle.
  mutating func all(_ state: ProcessState) {
    for slot in processes.keys { set(slot, state) }
  }

  mutating func set(_ slot: Int, _ state: ProcessState) {
    let isBusy = !state.isSpare && !state.isLeaving
    let threads = threads
    processes[slot]?.state = state
    processes[slot]?.busyThreads = isBusy ? threads : 0
    processes[slot]?.idleThreads = state == .ready ? threads : 0
  }

  mutating func apply(_ new: [ProcessAction]) {
    actions += new
    for action in new {
      switch action {
      case .spawn(let slots):
        for slot in slots {
          processes[slot] = ProcessSnapshot(
            slot: slot, state: .starting, generation: generation, startedMs: nowMs)
          set(slot, newcomersAreBusy ? .writing : .ready)
        }
      case .endGracefully(let slot): processes[slot] = nil
      case .allowThreads, .log, .stopServer: break
      }
    }
  }
}

extension ProcessAction {
  /// The text of a message.
  var text: String? {
    switch self {
    case .log(let message), .stopServer(let message): message.text
    default: nil
    }
  }

  var ended: Int? { if case .endGracefully(let slot) = self { slot } else { nil } }
  var spawned: [Int] { if case .spawn(let slots) = self { slots } else { [] } }
}
