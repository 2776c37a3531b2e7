// Sums over a whole server.
import ProcessPolicy
import Reporting
import Testing

@Suite struct ServerStatusTests {
  @Test func idleHandlersAreThoseOfWorkersThatStay() {
    var worker = ServerStatus.Worker()
    worker.phase = .serving
    worker.handlers = [ProcessState.ready, .writing, .keepAlive].map { state in
      var handler = ServerStatus.Handler()
      handler.state = state
      return handler
    }
    var leaving = worker
    leaving.phase = .draining
    var status = ServerStatus()
    status.slots = [nil, worker, leaving]
    #expect(status.idleHandlers == 1)
    #expect(status.busyHandlers == 4)
    #expect(status.workers.count == 2)
  }
}
