// Several process groups as one server: sums, what there is once, and what each says of itself.
import Foundation
import ProcessPolicy
import Reporting
import Testing

@Suite struct ServerStatusGroupsTests {
  private let all = ServerStatus.merged(Samples.groups)

  @Test func ofOneGroupItIsThatGroup() {
    var one = Samples.small
    one.group = "main"
    var merged = ServerStatus.merged([one])
    #expect(merged.groups == [one])
    merged.groups = []
    #expect(merged == one)
    #expect(ServerStatus.merged([]) == ServerStatus())
  }

  @Test func whatWasDoneIsSummedUp() {
    #expect(all.totals == .init(requests: 2000, bytes: 5_000_000, durationMs: 24_690))
    #expect(all.cpuMs == 42_000 && all.shed == 3 && all.forks == 7 && all.deaths == 1)
    #expect(all.deathCounts[.worker, .signal] == 1 && all.deathCounts[.mold, .exit] == 4)
    #expect(all.shedReasons[.queueFull] == 3 && all.interrupted == 6)
    #expect(all.lockWaits == .init(count: 80, us: 5_000_000))
    #expect(all.generationsServed == 2 && all.generationsFailed == 4)
    #expect(all.mostWorkers == 3 && all.slots.count == 5 && all.workers.count == 2)
    #expect(all.queue.waits.counts[3] == 7 && all.queue.waitedUs == 9_000)
    #expect(all.serviceTimes.counts[2] == 5)
  }

  @Test func whatThereIsOnceComesFromOne() {
    #expect(all.supervisorPid == 4711 && all.load == Samples.small.load)
    #expect(all.startedSeconds == Samples.small.startedSeconds)
    #expect(all.generation == 5 && all.queue.oldestMs == 1_400)
    #expect(all.title == "blog, shop, wiki" && all.group == "" && all.python == "")
    #expect(all.urls == "/blog, /news, /shop, /wiki")
    let many = ServerStatus.merged((0..<9).map { _ in Samples.groups[0] })
    #expect(many.title == "blog, blog, blog, blog and 5 more")
  }

  @Test func aFrontIsThereOnce() {
    #expect(all.fronts.count == 1)
    #expect(all.fronts[0].connections.total == 20 && all.fronts[0].connections.waiting == 6)
    #expect(all.fronts[0].shed == 1)
    #expect(all.connections.waiting == 6)
    #expect(all.groups.map(\.connections.waiting) == [4, 2, 0])
  }

  @Test func memoryOfTheServerIsNotCountedTwice() throws {
    let memory = try #require(all.memory)
    #expect(memory.budgetBytes == 256 << 20 && memory.usedBytes == 90 << 20)
    #expect(memory.moldBytes == 50 << 20 && memory.workerBytes == 9 << 20)
    // 2 workers are there; shop could have 4 more, blog 10.
    #expect(memory.capacity == 6 && memory.binding == .memory)
  }

  @Test(arguments: [
    ([GroupState.failed, .loading], GroupState.loading), ([.asleep, .failed], .asleep),
    ([.loading, .asleep, .serving], .serving), ([.failed], .failed),
  ])
  func theBestStateIsTheServers(states: [GroupState], expected: GroupState) {
    let parts = states.map { state in
      var part = Samples.small
      part.state = state
      return part
    }
    #expect(ServerStatus.merged(parts).state == expected)
  }

  @Test func numbersThatAreAbsurdDoNotTrap() {
    for number in [Int64.max, .min, -1] {
      let merged = ServerStatus.merged([Samples.absurd(number), Samples.absurd(number)])
      #expect(!StatusJSON.render(merged).isEmpty && !StatusPage.render(merged).isEmpty)
      #expect(!StatusText.render(merged).isEmpty && !StatusTable.render(merged).isEmpty)
      #expect(!MetricsText.render(merged).isEmpty)
    }
  }

  @Test func theLettersAreThoseOfAllGroups() {
    // Of blog no open slot may be filled, of shop one; its workers have one thread.
    let text = String(decoding: StatusText.render(all), as: UTF8.self)
    #expect(text.hasSuffix("Scoreboard: _WGG.\n"))
    #expect(text.contains("Total Accesses: 2000\n") && text.contains("ConnsTotal: 27\n"))
  }

  @Test func theTableHasALineForEachGroup() {
    let table = StatusTable.render(all)
    let lines = table.split(separator: "\n").map(String.init)
    #expect(lines.allSatisfy { $0.count <= StatusTable.columns })
    for (group, state) in [("blog", "serving"), ("shop", "asleep"), ("wiki", "failed")] {
      #expect(lines.contains { $0.hasPrefix("  \(group) ") && $0.contains(" \(state) ") })
    }
    #expect(table.contains("  queue      6 requests wait, the oldest for 1.4 s\n"))
    #expect(lines.contains { $0.contains("GROUP  SLOT") })
    #expect(!StatusTable.render(Samples.small).contains("GROUP"))
  }

  @Test func thePageHasAPartForEachGroup() {
    let page = String(decoding: StatusPage.render(all), as: UTF8.self)
    for part in [
      "<h2>Process groups</h2>", "<h2>blog <small class=\"idle\">serving</small></h2>",
      "/blog, /news · /srv/blog/.venv/bin/python", "<h3>Workers</h3>", "id=\"group-2\"",
    ] {
      #expect(page.contains(part), "\(part)")
    }
    #expect(page.components(separatedBy: "<h2>Fronts</h2>").count == 2)
    #expect(page.components(separatedBy: "<ul class=\"key\">").count == 2)
  }

  @Test func jsonHasEachGroup() throws {
    let data = Data(StatusJSON.render(all))
    let root = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let groups = try #require(root["groups"] as? [[String: Any]])
    #expect(groups.map { $0["name"] as? String } == ["blog", "shop", "wiki"])
    #expect(groups.map { $0["state"] as? String } == ["serving", "asleep", "failed"])
    let queue = try #require(groups[0]["queue"] as? [String: Int])
    #expect(queue == ["length": 4, "oldest_ms": 1400, "handed_on": 7, "waited_ms": 9])
    #expect(groups[2]["memory"] is NSNull && groups[1]["workers"] as? Int == 0)
    let workers = try #require(root["workers"] as? [[String: Any]])
    #expect(workers.map { $0["group"] as? String } == ["blog", "blog"])
  }
}
