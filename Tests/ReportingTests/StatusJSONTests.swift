// The JSON form: valid, escaped, its keys as documented.
import Foundation
import ProcessPolicy
import Reporting
import Testing

@Suite struct StatusJSONTests {
  private func object(_ status: ServerStatus) throws -> [String: Any] {
    let data = Data(StatusJSON.render(status))
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }

  @Test func keysAreThoseOfTheManual() throws {
    let root = try object(Samples.small)
    #expect(
      root.keys.sorted() == [
        "busy_handlers", "bytes_per_request", "bytes_per_second", "connections", "cpu_ms",
        "cpu_percent", "deaths", "deaths_by_cause", "fork_asked_us", "fork_us", "forks", "format",
        "fronts", "generation", "gil_wait_us", "gil_waits", "graceful_handlers", "groups",
        "idle_handlers", "interrupted", "load", "memory",
        "mpm",
        "ms_per_request",
        "now_seconds", "policy", "requests_per_second", "scoreboard", "serving_since_seconds",
        "shed", "shed_reasons", "slots", "software",
        "started_seconds", "stopping_workers", "supervisor_pid", "threads_per_worker",
        "threads_per_worker_most", "title", "totals", "uptime_seconds", "workers", "workers_most",
      ])
    let workers = try #require(root["workers"] as? [[String: Any]])
    #expect(
      workers[0].keys.sorted() == [
        "accepting", "age_ms", "connections", "cpu_ms", "generation", "gil_wait_us", "gil_waits",
        "group", "growth_bytes",
        "growth_bytes_per_request", "handler_count", "handlers", "interrupted", "memory_bytes",
        "phase", "pid",
        "shed", "slot", "totals",
      ])
    let handlers = try #require(workers[0]["handlers"] as? [[String: Any]])
    #expect(
      handlers[0].keys.sorted() == [
        "client", "connection_requests", "host", "last_duration_ms", "request", "since_begin_ms",
        "state", "totals",
      ])
  }

  @Test func aGroupHasTheKeysOfTheManual() throws {
    let groups = try #require(try object(Samples.small)["groups"] as? [[String: Any]])
    #expect(groups.count == 1)
    #expect(
      groups[0].keys.sorted() == [
        "busy_handlers", "cpu_ms", "deaths", "deaths_by_cause", "fork_us", "forks", "generation",
        "generations_failed", "generations_served", "gil_wait_us", "gil_waits",
        "graceful_handlers", "idle_handlers", "interrupted", "memory", "name", "python", "queue",
        "serving_since_seconds", "shed",
        "shed_reasons", "state", "stopping_workers", "threads_per_worker", "title", "totals",
        "urls", "workers",
        "workers_most",
      ])
  }

  @Test func valuesAreThoseOfTheStatus() throws {
    let root = try object(Samples.small)
    #expect(root["format"] as? Int == 1)
    #expect(root["scoreboard"] as? String == "_W..GG")
    #expect(root["requests_per_second"] as? Double == 1.19)
    #expect(root["load"] as? [Double] == [0.05, 0.1, 1.52])
    #expect(root["workers_most"] is NSNull)
    let workers = try #require(root["workers"] as? [[String: Any]])
    #expect(workers.map { $0["phase"] as? String } == ["serving", "draining"])
    let handlers = try #require(workers[0]["handlers"] as? [[String: Any]])
    #expect(handlers.map { $0["state"] as? String } == ["_", "W"])
    #expect(handlers[0]["since_begin_ms"] is NSNull)
    #expect(handlers[1]["request"] as? String == "GET /long HTTP/1.1")
  }

  @Test func forkTimesAreNullBeforeAnyWorkerServed() throws {
    var status = Samples.small
    let none = try #require(try object(status)["fork_us"] as? [String: Any])
    #expect(none["count"] as? Int == 0)
    #expect(none["p50"] is NSNull && none["p99"] is NSNull && none["max"] is NSNull)
    status.forkTimes.fork.count(us: 2_000)
    status.forkTimes.asked.count(us: 3_000)
    let fork = try #require(try object(status)["fork_us"] as? [String: Int])
    #expect(fork == ["count": 1, "p50": 2_000, "p99": 2_000, "max": 2_000])
    let asked = try #require(try object(status)["fork_asked_us"] as? [String: Int])
    #expect(asked["max"] == 3_000)
  }

  @Test func frontsAndCausesOfDeath() throws {
    var status = Samples.small
    #expect((try object(status)["fronts"] as? [Any])?.isEmpty == true)
    status.fronts = [Samples.front]
    status.deathCounts[.front, .outOfMemory] = 3
    let root = try object(status)
    let fronts = try #require(root["fronts"] as? [[String: Any]])
    #expect(
      fronts[0].keys.sorted() == [
        "age_ms", "connections", "cpu_ms", "number", "pid", "shed", "totals",
      ])
    #expect(fronts[0]["pid"] as? Int == 4800)
    let connections = try #require(root["connections"] as? [String: Int])
    #expect(connections["total"] == 7 + 20 && connections["waiting"] == 4)
    let deaths = try #require(root["deaths_by_cause"] as? [String: [String: Int]])
    #expect(deaths["front"]?["out_of_memory"] == 3 && deaths["worker"]?["signal"] == 0)
  }

  @Test func anEmptyServerIsAnObjectToo() throws {
    let root = try object(ServerStatus())
    #expect((root["workers"] as? [Any])?.isEmpty == true)
    #expect(root["requests_per_second"] is NSNull)
    #expect(root["load"] is NSNull)
    #expect(root["serving_since_seconds"] is NSNull)
  }

  @Test(arguments: Samples.hostile)
  func foreignTextComesBackAsItWas(foreign: String) throws {
    let root = try object(Samples.foreign(foreign))
    #expect(root["title"] as? String == foreign)
    let workers = try #require(root["workers"] as? [[String: Any]])
    let handlers = try #require(workers[0]["handlers"] as? [[String: Any]])
    #expect(handlers[1]["request"] as? String == foreign)
    let bytes = StatusJSON.render(Samples.foreign(foreign))
    #expect(bytes.allSatisfy { $0 >= 0x20 || $0 == 0x0A } && !bytes.contains(0x7F))
  }

  @Test(arguments: [Int64.min, -1, 0, .max])
  func absurdNumbersStopNothing(number: Int64) throws {
    let root = try object(Samples.absurd(number))
    #expect(root["cpu_ms"] as? Int64 == number)
  }

  @Test func aBigServerIsBounded() throws {
    let root = try object(Samples.big(slots: 1000, threads: 16))
    let workers = try #require(root["workers"] as? [[String: Any]])
    #expect(workers.count == 1000)
    let listed = workers.map { ($0["handlers"] as? [Any])?.count ?? 0 }
    #expect(listed.reduce(0, +) == StatusJSON.mostHandlers)
    #expect(workers.allSatisfy { $0["handler_count"] as? Int == 16 })
    #expect(root["busy_handlers"] as? Int == 16_000)
  }
}
