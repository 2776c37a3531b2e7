// When a worker takes connections, under each MPM, at each edge.
import ProcessPolicy
import Testing

@testable import Server

@Suite struct AcceptRuleTests {
  typealias Load = AcceptRule.Load

  private func rule(
    _ model: ApacheSettings.MPM, threads: Int = 4, capacity: Int = 100, lifetime: Int = .max,
    isShared: Bool = true, gate: AcceptGate? = nil, makesRoom: Bool = true
  ) -> AcceptRule {
    AcceptRule(
      model: model, threads: threads, capacity: capacity, lifetimeConnections: lifetime,
      isShared: isShared, gate: gate, makesRoom: makesRoom)
  }

  private func gate(threads: Int) -> AcceptGate {
    var settings = ApacheSettings(mpm: .event)
    settings.threadsPerChild = threads
    settings.asyncRequestWorkerFactor = 2
    return AcceptGate(settings)
  }

  // MARK: prefork

  @Test func preforkTakesOneConnectionAtATime() {
    let rule = rule(.prefork)
    #expect(rule.handlers == 1)
    #expect(!rule.needsMonitor)
    #expect(rule.accepts(Load(connections: 0, freeHandlers: 1)))
    #expect(!rule.accepts(Load(connections: 1, freeHandlers: 1)))
  }

  @Test func preforkHoldsAConnectionThatLingers() {
    #expect(!rule(.prefork).accepts(Load(connections: 1, lingering: 1, freeHandlers: 1)))
  }

  @Test(arguments: [true, false]) func preforkTakesOneForOneAnnouncement(isShared: Bool) {
    let rule = rule(.prefork, isShared: isShared)
    #expect(rule.share(Load(connections: 0)) == 1)
    #expect(rule.share(Load(connections: 1)) == 0)
  }

  // MARK: scout

  @Test func aScoutHasOneThreadAndOneRequestAtATime() {
    let rule = AcceptRule.scout
    #expect(rule.handlers == 1)
    #expect(!rule.needsMonitor)
    #expect(rule.endsConnections)
    #expect(!rule.mayBeWokenAlone(listeners: 1))
    #expect(rule.accepts(Load(connections: 0, taken: 1_000)))
    #expect(!rule.accepts(Load(connections: 1)))
    #expect(!self.rule(.event).endsConnections)
  }

  // MARK: worker

  @Test(arguments: [(0, true), (3, true), (4, false), (5, false)])
  func workerTakesAsManyAsItHasThreads(connections: Int, accepts: Bool) {
    let rule = rule(.worker, threads: 4)
    #expect(rule.needsMonitor)
    #expect(rule.accepts(Load(connections: connections, freeHandlers: 1)) == accepts)
    // A monitor that polls changes nothing: a handler is free for whoever is taken.
    #expect(rule.accepts(Load(connections: connections, freeHandlers: 0)) == accepts)
  }

  @Test func workerTakesWhatItCanServe() {
    #expect(rule(.worker, isShared: true).share(Load(connections: 1)) == 1)
    #expect(rule(.worker, isShared: false).share(Load(connections: 1)) == 3)
    #expect(rule(.worker, isShared: false).share(Load(connections: 4)) == 0)
  }

  @Test func workerStaysWithinItsTable() {
    let rule = rule(.worker, threads: 4, capacity: 2)
    #expect(rule.accepts(Load(connections: 1)))
    #expect(!rule.accepts(Load(connections: 2)))
  }

  // MARK: event

  @Test(arguments: [0, 1, 99, 100])
  func eventTakesConnectionsWhileAHandlerIsFree(connections: Int) {
    let rule = rule(.event, capacity: 100)
    #expect(rule.accepts(Load(connections: connections, freeHandlers: 1)))
    #expect(!rule.accepts(Load(connections: connections, freeHandlers: 0)))
  }

  @Test(arguments: [(3, true), (4, false), (5, false)])
  func eventHeedsWhoClaimsAHandler(claims: Int, accepts: Bool) {
    let load = Load(connections: 50, freeHandlers: 1, claims: claims, handlers: 4)
    #expect(rule(.event).accepts(load) == accepts)
  }

  @Test func claimsMatterWhereOthersCouldTakeWhatIsLeft() {
    #expect(rule(.event, isShared: true).heedsClaims)
    #expect(!rule(.event, isShared: false).heedsClaims)
    #expect(!rule(.event, gate: gate(threads: 4)).heedsClaims)
    #expect(!rule(.worker).heedsClaims)
    #expect(!rule(.prefork).heedsClaims)
  }

  @Test func onlyEventHasMoreHandlers() {
    let rules = [ApacheSettings.MPM.prefork, .worker, .event].map {
      AcceptRule(model: $0, threads: 4, mostThreads: 16, capacity: 100)
    }
    #expect(rules.map(\.handlers) == [1, 4, 4])
    #expect(rules.map(\.mostHandlers) == [1, 4, 16])
  }

  @Test func eventSharesWithOthers() {
    #expect(rule(.event, isShared: true).share(Load()) == 1)
    #expect(rule(.event, isShared: false).share(Load()) == 64)
  }

  @Test func eventTakesWhatNobodyTook() {
    #expect(rule(.event, threads: 4, isShared: true).overdueShare(Load()) == 0)
    #expect(rule(.event, threads: 4, isShared: false).overdueShare(Load()) == 64)
    #expect(rule(.event, lifetime: 10, isShared: false).overdueShare(Load(taken: 9)) == 1)
    let gated = rule(.event, threads: 4, isShared: false, gate: gate(threads: 4))
    #expect(gated.overdueShare(Load()) == 0)
    #expect(rule(.worker).overdueShare(Load()) == 0)
    #expect(rule(.prefork).overdueShare(Load()) == 0)
  }

  @Test func eventKeepsToItsGate() {
    // 4 threads and a factor of 2: with 3 free handlers fewer than 4 + 3 × 2 connections.
    let rule = rule(.event, threads: 4, gate: gate(threads: 4))
    #expect(rule.accepts(Load(connections: 9, freeHandlers: 3)))
    #expect(!rule.accepts(Load(connections: 10, freeHandlers: 3)))
    // Those that linger do not count, and a closed gate opens one thread later.
    #expect(rule.accepts(Load(connections: 11, lingering: 2, freeHandlers: 3)))
    #expect(!rule.accepts(Load(connections: 8, freeHandlers: 3, gateIsClosed: true)))
    #expect(rule.accepts(Load(connections: 7, freeHandlers: 3, gateIsClosed: true)))
  }

  @Test func onlyEventHasAGate() {
    #expect(rule(.worker, gate: gate(threads: 1)).gate == nil)
    #expect(rule(.prefork, gate: gate(threads: 1)).gate == nil)
  }

  // MARK: the number of connections in a worker's life

  @Test(arguments: [ApacheSettings.MPM.prefork, .worker, .event])
  func takesNoMoreThanItsLifeAllows(model: ApacheSettings.MPM) {
    let rule = rule(model, lifetime: 10, isShared: false)
    #expect(rule.accepts(Load(freeHandlers: 1, taken: 9)))
    #expect(rule.share(Load(freeHandlers: 1, taken: 9)) == 1)
    #expect(!rule.accepts(Load(freeHandlers: 1, taken: 10)))
    #expect(rule.share(Load(freeHandlers: 1, taken: 10)) == 0)
    #expect(!rule.isSpent(Load(taken: 9)))
    #expect(rule.isSpent(Load(taken: 10)))
    #expect(rule.isSpent(Load(connections: 1, taken: 10)) == (model != .prefork))
  }

  // MARK: those who wait in the backlog

  private func probes(
    _ rule: AcceptRule, timeoutMs: Int64 = 1000, stuckForMs: Int64 = 250, probeWaits: Bool = false,
    taken: Int = 0
  ) -> Int {
    rule.probeShare(
      limit: QueueLimit(timeoutMs: timeoutMs), stuckForMs: stuckForMs, probeWaits: probeWaits,
      Load(connections: 50, taken: taken))
  }

  @Test(arguments: [(0, 0), (249, 0), (250, 1), (251, 1)] as [(Int64, Int)])
  func aStuckWorkerTakesOneForItsAge(stuckForMs: Int64, share: Int) {
    #expect(probes(rule(.event), stuckForMs: stuckForMs) == share)
  }

  @Test func aStuckWorkerHoardsNobody() {
    #expect(probes(rule(.event), probeWaits: true) == 0)
    #expect(probes(rule(.event, lifetime: 10), taken: 9) == 1)
    #expect(probes(rule(.event, lifetime: 10), taken: 10) == 0)
  }

  @Test func onlyWhoEnforcesALimitTakesForTheAge() {
    #expect(probes(rule(.event), timeoutMs: 0) == 0)
    // Who is alone takes all of them; where connections hold handlers none may be taken.
    #expect(probes(rule(.event, isShared: false)) == 0)
    #expect(probes(rule(.event, gate: gate(threads: 4))) == 0)
    #expect(probes(rule(.worker)) == 0)
    #expect(probes(rule(.prefork)) == 0)
  }

  @Test(arguments: [ApacheSettings.MPM.prefork, .worker])
  func handlersAreHeldForeverOnlyAsInApache(model: ApacheSettings.MPM) {
    for isShared in [true, false] {
      #expect(rule(model, isShared: isShared).sendsClientsElsewhere)
      #expect(!rule(model, isShared: isShared, makesRoom: false).sendsClientsElsewhere)
    }
    #expect(rule(model).closesIdleConnections)
    #expect(!rule(model, makesRoom: false).closesIdleConnections)
  }

  @Test func eventSendsClientsElsewhereWhereThereIsSuchAPlace() {
    #expect(rule(.event, isShared: true).sendsClientsElsewhere)
    #expect(!rule(.event, isShared: false).sendsClientsElsewhere)
  }

  // MARK: wake-ups

  @Test func onlyWhoHoldsOneConnectionSleepsApart() {
    #expect(rule(.prefork).sleepsApart)
    #expect(rule(.worker, threads: 1).sleepsApart)
    #expect(!rule(.worker, threads: 2).sleepsApart)
    #expect(!rule(.event, threads: 1, capacity: 1).sleepsApart)
  }

  @Test func nobodyIsWokenAloneWhoMayNotAccept() {
    for model in [ApacheSettings.MPM.prefork, .worker] {
      #expect(rule(model).mayBeWokenAlone(listeners: 1))
      #expect(!rule(model).mayBeWokenAlone(listeners: 2))
      #expect(!rule(model).takesLateAnnouncements)
    }
    #expect(rule(.event).mayBeWokenAlone(listeners: 2))
    #expect(rule(.event).takesLateAnnouncements)
  }

  @Test func whatWasAnnouncedIsTakenAtTheEnd() {
    #expect(rule(.event).lastShare(Load(connections: 50, freeHandlers: 0)) == .max)
    #expect(rule(.prefork).lastShare(Load(connections: 0)) == 1)
    #expect(rule(.worker).lastShare(Load(connections: 3)) == 1)
  }
}
