// Sums over a whole server.
import ProcessPolicy
import Reporting
import Testing

@Suite struct ServerStatusTests {
  @Test func handlersOfWorkersThatLeaveAreCountedApart() {
    let states = [ProcessState.ready, .writing, .keepAlive]
    var status = ServerStatus()
    status.slots = [
      nil, Samples.worker(slot: 1, pid: 2, .serving, states),
      Samples.worker(slot: 2, pid: 3, .draining, states),
      Samples.worker(slot: 3, pid: 4, .idleCleanup, [.idleCleanup]),
      Samples.worker(slot: 4, pid: 5, .starting, [.starting]),
    ]
    #expect(status.idleHandlers == 1)
    #expect(status.busyHandlers == 2)
    #expect(status.gracefulHandlers == 2)
    #expect(status.stoppingWorkers == 2)
    #expect(status.workers.count == 4)
  }

  @Test func ratesNeedTime() {
    var status = ServerStatus()
    #expect(status.requestsPerSecond == nil && status.bytesPerRequest == nil)
    status = Samples.small
    #expect(status.uptimeSeconds == 840)
    #expect(status.requestsPerSecond == 1000.0 / 840)
    #expect(status.bytesPerRequest == 2500)
    #expect(status.msPerRequest == 12.345)
    #expect(status.cpuPercent == 2.5)
  }
}
