// TreePlan: which workers to fork and to drain. Pure.

/// What a plan asks for.
public enum TreeAction: Equatable, Sendable {
  /// Fork a worker from the mold of this generation into a free slot.
  case fork(generation: Int)
  /// Let the worker of this slot finish.
  case drain(slot: Int)
}

/// The process tree at one moment, and what to do about it.
///
/// The plan is made anew after every event from what is there, not from what happened: an event
/// that is missed or comes twice does no harm.
public struct TreePlan: Equatable, Sendable {
  /// Workers that should serve (`--workers`).
  public var wanted: Int
  /// Generation whose workers should serve; nil while no mold for it can fork.
  public var serving: Int?
  /// A newer generation whose mold is loaded, but of which no worker was ready yet.
  public var trial: Int?
  /// Whether the pause after early deaths of serving workers is over.
  public var mayFork = true
  /// Whether the pause after early deaths of trial workers is over.
  public var mayForkTrial = true
  /// Occupied slots.
  public var workers: [WorkerView]

  /// A tree.
  public init(wanted: Int, serving: Int?, trial: Int? = nil, workers: [WorkerView]) {
    self.wanted = wanted
    self.serving = serving
    self.trial = trial
    self.workers = workers
  }

  /// Workers above the wanted number while an old generation is replaced: a quarter, at least one.
  /// It bounds the memory that a restart takes.
  public static func surge(wanted: Int) -> Int { max(1, (wanted + 3) / 4) }

  /// What to do now.
  ///
  /// - A trial generation gets one worker. Only when that is ready does it become the serving one
  ///   (the caller does that), so a version that loads but cannot serve costs nothing.
  /// - The serving generation is brought to the wanted number, as far as the surge allows.
  /// - Workers of other generations are drained one for one as its workers become ready.
  public func actions() -> [TreeAction] {
    var actions: [TreeAction] = []
    if let trial, mayForkTrial, !workers.contains(where: { isLive($0, trial) }) {
      actions.append(.fork(generation: trial))
    }
    guard let serving else { return actions }
    let current = workers.filter { isLive($0, serving) }
    let others = workers.filter {
      $0.state.isCapacity && $0.generation != serving && $0.generation != trial
    }
    if mayFork {
      let missing = wanted - current.count
      let room = wanted + Self.surge(wanted: wanted) - current.count - others.count
      for _ in 0..<max(0, min(missing, room)) { actions.append(.fork(generation: serving)) }
    }
    let ready = current.count { $0.state == .ready }
    let spare = ready + others.count - wanted
    if spare > 0 {
      // Those that do not serve yet go first: nobody would miss them.
      let byUse = others.filter { $0.state != .ready } + others.filter { $0.state == .ready }
      for worker in byUse.prefix(spare) { actions.append(.drain(slot: worker.slot)) }
    }
    return actions
  }

  private func isLive(_ worker: WorkerView, _ generation: Int) -> Bool {
    worker.generation == generation && worker.state.isCapacity
  }
}
