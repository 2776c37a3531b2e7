// The load line: where it comes from, and what fits below it.
import Testing

@testable import ProcessPolicy

private let mebibyte: Int64 = 1 << 20

@Suite struct MemoryBudgetTests {
  private let machine = MemoryBudget.Machine(
    totalBytes: 4096 * mebibyte, availableBytes: 2000 * mebibyte)

  private func group(_ limit: Int64, used: Int64 = 0) -> MemoryBudget.Group {
    MemoryBudget.Group(path: "/site", limitBytes: limit, usedBytes: used)
  }

  @Test func theGroupsLimitLessTheReserve() {
    let budget = MemoryBudget.decide(setting: nil, group: group(256 * mebibyte), machine: machine)
    #expect(budget.bytes == 248 * mebibyte && budget.source == .group && budget.warning == nil)
    #expect(
      budget.reason
        == "248 MB: the limit of the control group /site is 256 MB, less 8 MB that stay free for "
        + "what the kernel holds for connections and files, and for growth between two looks")
  }

  @Test func aShareOfWhatTheMachineHasAvailable() {
    let budget = MemoryBudget.decide(setting: nil, group: nil, machine: machine)
    #expect(budget.source == .machine && budget.warning == nil)
    #expect(budget.bytes == 2000 * mebibyte / 100 * 75)
    #expect(
      budget.reason == "1.5 GB: 75 % of the 2 GB that this machine of 4 GB had available at the "
        + "start; --memory sets another")
  }

  @Test func whatWasSaidHolds() {
    let said = MemoryBudget.decide(
      setting: 100 * mebibyte, group: group(256 * mebibyte), machine: machine)
    #expect(said.bytes == 100 * mebibyte && said.source == .setting && said.warning == nil)
    #expect(said.reason == "100 MB: set with --memory or MemoryBudget")
    let much = MemoryBudget.decide(setting: 3000 * mebibyte, group: nil, machine: machine)
    #expect(much.bytes == 3000 * mebibyte && much.warning?.contains("2 GB of 4 GB") == true)
  }

  @Test(arguments: [(Int64(-1), false), (0, false), (1, true)])
  func theGroupBoundsWhatWasSaid(beyond: Int64, isBounded: Bool) {
    let setting = 248 * mebibyte + beyond
    let budget = MemoryBudget.decide(
      setting: setting, group: group(256 * mebibyte), machine: machine)
    #expect(budget.bytes == min(setting, 248 * mebibyte))
    #expect((budget.source == .group) == isBounded && (budget.warning != nil) == isBounded)
  }

  @Test(arguments: [(Int64(-1), MemoryBudget.Source.group), (0, .machine), (1, .machine)])
  func aLimitThatTheMachineCannotReachIsNone(beyond: Int64, source: MemoryBudget.Source) {
    let free = MemoryBudget.Machine(totalBytes: 4096 * mebibyte, availableBytes: 4096 * mebibyte)
    let limit = group(free.totalBytes + beyond)
    #expect(MemoryBudget.decide(setting: nil, group: limit, machine: free).source == source)
  }

  @Test(arguments: [(Int64(-1), MemoryBudget.Source.machine), (0, .group), (1, .group)])
  func whatTheMachineHasLeftBoundsTheGroup(beyond: Int64, source: MemoryBudget.Source) {
    let limit = group(256 * mebibyte, used: 48 * mebibyte)
    let small = MemoryBudget.Machine(
      totalBytes: 4096 * mebibyte, availableBytes: 200 * mebibyte + beyond)
    let budget = MemoryBudget.decide(setting: nil, group: limit, machine: small)
    #expect(budget.source == source && (budget.warning != nil) == (source == .machine))
  }

  @Test func withoutAnyFigureThereIsNoBound() {
    let budget = MemoryBudget.decide(setting: nil, group: nil, machine: nil)
    #expect(budget.bytes == .max && budget.reason.hasPrefix("no bound: "))
    let figures = MemoryFigures(server: ServerMemory(workersBytes: .max), pendingBytes: .max)
    #expect(budget.room(figures).bytes == 0)
  }

  static let reserves: [(Int64, Int64)] = [
    (-5, 0), (0, 0), (3, 0), (4, 1), (16_777_216, 4_194_304), (20_971_520, 4_194_304),
    (134_217_728, 4_194_304), (134_217_760, 4_194_305), (8_589_934_592, 268_435_456),
    (8_589_934_560, 268_435_455), (.max, 268_435_456),
  ]

  @Test(arguments: reserves)
  func theReserveIsBounded(limit: Int64, reserve: Int64) {
    #expect(MemoryBudget.reserveBytes(limitBytes: limit) == reserve)
  }

  static let sizes: [(Int64, String)] = [
    (0, "0 B"), (1023, "1023 B"), (1024, "1 kB"), (1536, "1.5 kB"), (8_388_608, "8 MB"),
    (104_333_312, "99.5 MB"), (268_435_456, "256 MB"), (1_047_527_424, "999 MB"),
    (1_048_576_000, "1 GB"), (1_649_267_441_664, "1.5 TB"), (.max, "8192 PB"),
    (-2_097_152, "-2 MB"),
  ]

  @Test(arguments: sizes)
  func sizesAreForPeople(bytes: Int64, text: String) { #expect(bytes.asSize == text) }

  // MARK: admission

  private let budget = MemoryBudget(bytes: 100, source: .setting, reason: "")

  private func figures(_ sum: Int64, pending: Int64 = 0) -> MemoryFigures {
    MemoryFigures(
      server: ServerMemory(moldsBytes: sum / 2, workersBytes: sum - sum / 2), pendingBytes: pending)
  }

  @Test(arguments: [(Int64(59), true), (60, true), (61, false)])
  func oneMoreFitsUpToTheLine(sum: Int64, fits: Bool) {
    #expect(
      budget.admitted(expectedBytes: 30, figures(sum, pending: 10), most: 9) == (fits ? 1 : 0))
  }

  @Test func severalFitUpToTheMost() {
    #expect(budget.admitted(expectedBytes: 10, figures(50), most: 9) == 5)
    #expect(budget.admitted(expectedBytes: 10, figures(51), most: 9) == 4)
    #expect(budget.admitted(expectedBytes: 10, figures(50), most: 4) == 4)
    #expect(budget.admitted(expectedBytes: 10, figures(50), most: 0) == 0)
    #expect(budget.admitted(expectedBytes: 0, figures(50), most: 3) == 3)
    #expect(budget.admitted(expectedBytes: 0, figures(101), most: 3) == 0)
  }

  @Test(arguments: [(Int64(99), Int64(0)), (100, 0), (101, 1)])
  func onlyWhatIsTakenIsTooMuch(sum: Int64, excess: Int64) {
    #expect(budget.excessBytes(figures(sum, pending: 500)) == excess)
  }

  @Test func theNearestLineBinds() {
    var now = figures(50, pending: 5)
    #expect(budget.room(now) == MemoryRoom(bytes: 45, line: .budget))
    // A quarter of so small a limit stays free.
    now.group = group(100, used: 30)
    #expect(budget.room(now) == MemoryRoom(bytes: 40, line: .group))
    now.machine = MemoryBudget.Machine(totalBytes: 100, availableBytes: 50)
    #expect(budget.room(now) == MemoryRoom(bytes: 20, line: .machine))
    #expect(budget.excessBytes(now) == 0)
    now.group?.usedBytes = 80
    #expect(budget.room(now) == MemoryRoom(bytes: -10, line: .group))
    #expect(budget.excessBytes(now) == 5)
    now.group?.usedBytes = .max
    #expect(
      budget.admitted(expectedBytes: 0, now, most: 9) == 0 && budget.excessBytes(now) > 1 << 60)
  }

  @Test func startingOnesCountWithWhatTheyStillTake() {
    #expect(MemoryBudget.stillToTake(expectedBytes: 10, measuredBytes: 3) == 7)
    #expect(MemoryBudget.stillToTake(expectedBytes: 10, measuredBytes: 10) == 0)
    #expect(MemoryBudget.stillToTake(expectedBytes: 10, measuredBytes: 11) == 0)
    #expect(MemoryBudget.stillToTake(expectedBytes: 10, measuredBytes: -1) == 10)
  }

  @Test(arguments: [(Int64(80), 2), (81, 1), (90, 1), (91, 0), (100, 0), (101, 0)])
  func capacityIsWhatTheBaseLeaves(base: Int64, workers: Int) {
    let server = ServerMemory(supervisorBytes: 1, moldsBytes: base - 1, workersBytes: 77)
    #expect(budget.capacity(expectedBytes: 10, server) == workers)
    #expect((budget.misfit(expectedBytes: 10, server) == nil) == (workers > 0))
  }

  @Test func whatDoesNotFitIsShownWithItsArithmetic() {
    let small = MemoryBudget(bytes: 64 * mebibyte, source: .setting, reason: "")
    let server = ServerMemory(supervisorBytes: 2 * mebibyte, moldsBytes: 70 * mebibyte)
    #expect(
      small.misfit(expectedBytes: 4 * mebibyte, server)
        == "the application does not fit into the memory budget: supervisor 2 MB + molds 70 MB + "
        + "one worker 4 MB = 76 MB, and the budget is 64 MB; give it at least 76 MB, or load less")
    let full = MemoryFigures(server: server, pendingBytes: mebibyte)
    #expect(
      small.refusal(expectedBytes: 4 * mebibyte, full)
        == "one more worker takes 4 MB, and the memory budget of 64 MB leaves 0 B (the server "
        + "takes 72 MB, those that are there will take 1 MB more)")
  }

  @Test func theSumHasAllParts() {
    let server = ServerMemory(
      supervisorBytes: 1, frontsBytes: 2, moldsBytes: 4, workersBytes: 8, connectionsBytes: 16,
      queuesBytes: 32, sharedMemoryBytes: 64, kernelBytes: 128)
    #expect(server.totalBytes == 255 && server.baseBytes == 247)
    #expect(server.parts.map(\.bytes).reduce(0, +) == 255)
    #expect(ServerMemory(moldsBytes: .max, workersBytes: 1).totalBytes == .max)
    #expect(ServerMemory(moldsBytes: -5, workersBytes: 1).totalBytes == 1)
  }
}

@Suite struct MarginalCostTests {
  @Test func thePriorGivesWayToReadings() {
    var cost = MarginalCost(priorBytes: 100)
    #expect(cost.expectedBytes == 100 && cost.percentileBytes(50) == 100 && cost.measured == 0)
    for count in 1...4 {
      #expect(cost.expectedBytes == 100)
      cost.record(bytes: 10)
      #expect(cost.measured == count)
    }
    #expect(cost.expectedBytes == 10)
    var dear = MarginalCost(priorBytes: 100)
    dear.record(bytes: 300)
    #expect(dear.expectedBytes == 300)
  }

  @Test(arguments: [(19, Int64(9)), (20, 1), (21, 1)])
  func oneOfTwentyMayBeMore(count: Int, expected: Int64) {
    var cost = MarginalCost(priorBytes: 0)
    cost.record(bytes: 9)
    for _ in 1..<count { cost.record(bytes: 1) }
    #expect(cost.expectedBytes == expected)
    #expect(cost.percentileBytes(100) == 9 && cost.percentileBytes(0) == 1)
  }

  @Test func onlyTheLatestCount() {
    var cost = MarginalCost(priorBytes: 5)
    cost.record(bytes: 1000)
    for _ in 0..<MarginalCost.mostSamples - 1 { cost.record(bytes: 7) }
    #expect(cost.percentileBytes(100) == 1000)
    cost.record(bytes: 7)
    #expect(cost.percentileBytes(100) == 7 && cost.percentileBytes(1) == 7)
  }

  @Test func priorsFollowTheMold() {
    #expect(MarginalCost.prior(moldBytes: nil) == 32 * mebibyte)
    #expect(MarginalCost.prior(moldBytes: 12 * mebibyte) == 4 * mebibyte)
    #expect(MarginalCost.prior(moldBytes: 12 * mebibyte - 3) == 4 * mebibyte)
    #expect(MarginalCost.prior(moldBytes: 12 * mebibyte + 3) == 4 * mebibyte + 1)
    #expect(MarginalCost(priorBytes: -1).expectedBytes == 0)
  }
}
