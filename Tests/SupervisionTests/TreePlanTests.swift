// What is forked and drained, in every situation, and that restarts lose no capacity.
import Supervision
import Testing

@Suite struct TreePlanTests {
  func worker(_ slot: Int, _ generation: Int, _ state: WorkerState) -> WorkerView {
    WorkerView(slot: slot, generation: generation, state: state)
  }

  @Test func nothingWithoutAMold() {
    #expect(TreePlan(wanted: 4, serving: nil, workers: []).actions().isEmpty)
  }

  @Test func theFirstStartForksAll() {
    let plan = TreePlan(wanted: 3, serving: 1, workers: [])
    #expect(plan.actions() == Array(repeating: .fork(generation: 1), count: 3))
  }

  @Test func thoseOnTheirWayCount() {
    let plan = TreePlan(
      wanted: 3, serving: 1,
      workers: [worker(0, 1, .forking), worker(1, 1, .starting), worker(2, 1, .ready)])
    #expect(plan.actions().isEmpty)
  }

  @Test(arguments: [WorkerState.draining, .condemned]) func thoseOnTheirWayOutAreReplaced(
    _ state: WorkerState
  ) {
    let plan = TreePlan(
      wanted: 2, serving: 1, workers: [worker(0, 1, .ready), worker(1, 1, state)])
    #expect(plan.actions() == [.fork(generation: 1)])
  }

  @Test func aPauseIsKept() {
    var plan = TreePlan(wanted: 2, serving: 1, trial: 2, workers: [])
    plan.mayFork = false
    plan.mayForkTrial = false
    #expect(plan.actions().isEmpty)
  }

  @Test func aTrialGetsOneWorkerAndDrainsNobody() {
    let serving = [worker(0, 1, .ready), worker(1, 1, .ready)]
    let plan = TreePlan(wanted: 2, serving: 1, trial: 2, workers: serving)
    #expect(plan.actions() == [.fork(generation: 2)])
    let second = TreePlan(
      wanted: 2, serving: 1, trial: 2, workers: serving + [worker(2, 2, .starting)])
    #expect(second.actions().isEmpty)
  }

  @Test func theOldVersionReplacesItsDeadDuringATrial() {
    let plan = TreePlan(
      wanted: 2, serving: 1, trial: 2, workers: [worker(0, 1, .ready), worker(2, 2, .starting)])
    #expect(plan.actions() == [.fork(generation: 1)])
  }

  @Test func aReadyNewWorkerLetsAnOldOneGo() {
    let plan = TreePlan(
      wanted: 2, serving: 2,
      workers: [worker(0, 1, .ready), worker(1, 1, .ready), worker(2, 2, .ready)])
    #expect(plan.actions() == [.drain(slot: 0)])
  }

  @Test func oldOnesThatDoNotServeYetGoFirst() {
    let plan = TreePlan(
      wanted: 2, serving: 2,
      workers: [worker(0, 1, .ready), worker(1, 1, .starting), worker(2, 2, .ready)])
    #expect(plan.actions() == [.drain(slot: 1)])
  }

  /// Plays whole restarts: forks become ready and drained ones go, one event after another.
  @Test(arguments: [1, 2, 3, 4, 7, 16, 150]) func aRestartKeepsItsCapacityAndItsBound(
    _ wanted: Int
  ) {
    var workers = (0..<wanted).map { worker($0, 1, .ready) }
    workers.append(worker(wanted, 2, .ready))
    var nextSlot = wanted + 1
    for _ in 0..<(10 * wanted + 10) {
      let actions = TreePlan(wanted: wanted, serving: 2, workers: workers).actions()
      for action in actions {
        switch action {
        case .fork(let generation):
          workers.append(worker(nextSlot, generation, .starting))
          nextSlot += 1
        case .drain(let slot): workers.removeAll { $0.slot == slot }
        }
      }
      #expect(workers.count { $0.state == .ready } >= wanted)
      #expect(workers.count <= wanted + TreePlan.surge(wanted: wanted))
      if let index = workers.firstIndex(where: { $0.state == .starting }) {
        workers[index].state = .ready
      } else if actions.isEmpty {
        break
      }
    }
    #expect(workers.count == wanted)
    #expect(workers.allSatisfy { $0.generation == 2 && $0.state == .ready })
  }
}
