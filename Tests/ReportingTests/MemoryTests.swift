// The memory of a server in each of the forms of its status.
import ProcessPolicy
import Reporting
import Testing

@Suite struct MemoryTests {
  private func status(_ binding: BindingLimit = .memory) -> ServerStatus {
    var memory = ServerStatus.Memory()
    memory.budgetBytes = 248_000_000
    memory.usedBytes = 124_000_000
    memory.supervisorBytes = 1_000_000
    memory.moldBytes = 50_000_000
    memory.workerBytes = 2_000_000
    memory.freshWorkerBytes = 1_000_000
    memory.capacity = 99
    memory.binding = binding
    (memory.stallPercent, memory.mergedBytes) = (12, 3_000_000)
    var worker = ServerStatus.Worker()
    worker.phase = .serving
    worker.memoryBytes = 1_500_000
    worker.growthBytes = 600_000
    worker.totals.requests = 400
    var status = ServerStatus()
    status.memory = memory
    status.slots = [worker]
    return status
  }

  @Test func isToldAsASentence() throws {
    let memory = try #require(status().memory)
    #expect(memory.sentence.contains("(50 %)"))
    #expect(
      memory.capacitySentence(policy: "loadline")
        == "99 workers of 1.9 MB fit, a fresh one takes 977 kB; the memory is the limit now")
  }

  /// What was not measured yet is no 0, and what nobody heeds is no limit.
  @Test func saysNothingThatIsNotKnown() throws {
    var memory = try #require(status(.demand).memory)
    memory.freshWorkerBytes = 0
    memory.capacity = 18_662
    #expect(
      memory.capacitySentence(policy: "loadline")
        == "18,662 workers of 1.9 MB fit; there are as many as the demand needs")
    #expect(
      memory.capacitySentence(policy: "apache")
        == "18,662 workers of 1.9 MB fit; Apache's policy does not heed it")
    memory.workerBytes = 0
    #expect(memory.capacitySentence(policy: "loadline") == "no worker was measured yet")
  }

  @Test(arguments: [BindingLimit.demand, .processes, .memory, .cpu, .failures])
  func saysWhatBinds(binding: BindingLimit) throws {
    let text = StatusTable.render(status(binding))
    #expect(text.contains("  memory     "))
    #expect(text.contains("99 workers"))
    #expect(
      StatusReport(status(binding), query: "json", host: "").text
        .contains("\"binding\": \"\(binding.rawValue)\""))
  }

  @Test func isLeftOutWhereNobodyMeasures() {
    var status = status()
    status.memory = nil
    #expect(!StatusTable.render(status).contains("  memory "))
    #expect(StatusReport(status, query: "json", host: "").text.contains("\"memory\": null"))
  }

  @Test func isPartOfThePage() {
    let page = StatusReport(status(), query: "", host: "").text
    #expect(page.contains(">Memory<"))
    #expect(page.contains("the memory is the limit now"))
  }

  @Test func saysWhatProcessesWaitForAndWhatIsMerged() throws {
    var status = status()
    let table = StatusTable.render(status)
    let waited = "all processes waited for memory in 12 % of the last 10 s"
    let merged = "2.9 MB of the workers' pages are merged with equal ones"
    #expect(table.contains("\n             \(waited)\n             \(merged)\n"))
    #expect(StatusReport(status, query: "", host: "").text.contains("; \(waited); \(merged)"))
    let json = StatusReport(status, query: "json", host: "").text
    #expect(json.contains("\"stall_percent\": 12, \"merged_bytes\": 3000000"))
    status.memory?.stallPercent = 0
    status.memory?.mergedBytes = 0
    #expect(!StatusTable.render(status).contains("merged"))
    #expect(!StatusTable.render(status).contains("waited"))
  }

  @Test func saysWhatARequestTakes() {
    var status = status()
    #expect(status.growthBytesPerRequest == 1500)
    let json = StatusReport(status, query: "json", host: "").text
    #expect(json.contains("\"growth_bytes\": 600000, \"growth_bytes_per_request\": 1500,"))
    #expect(json.contains("\"growth_bytes_per_request\": 1500}"))
    status.slots[0]?.totals.requests = 0
    #expect(status.growthBytesPerRequest == nil)
    #expect(
      StatusReport(status, query: "json", host: "").text
        .contains("\"growth_bytes\": 600000, \"growth_bytes_per_request\": null,"))
    status.slots[0]?.totals.requests = 1
    status.slots[0]?.phase = .draining
    #expect(status.growthBytesPerRequest == nil)
  }

  /// Sums of the application's making must not stop the page.
  @Test(arguments: [Int64.min, -1, 0, .max]) func survivesGarbage(bytes: Int64) {
    var status = status()
    status.memory?.usedBytes = bytes
    status.memory?.workerBytes = bytes
    status.memory?.budgetBytes = max(1, bytes)
    status.memory?.mergedBytes = bytes
    status.slots[0]?.growthBytes = bytes
    _ = StatusTable.render(status)
    _ = StatusReport(status, query: "", host: "").text
    _ = StatusReport(status, query: "json", host: "").text
  }
}

extension StatusReport {
  fileprivate var text: String { String(decoding: body, as: UTF8.self) }
}
