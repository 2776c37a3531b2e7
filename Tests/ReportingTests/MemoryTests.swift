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
    var worker = ServerStatus.Worker()
    worker.memoryBytes = 1_500_000
    var status = ServerStatus()
    status.memory = memory
    status.slots = [worker]
    return status
  }

  @Test func isToldAsASentence() throws {
    let memory = try #require(status().memory)
    #expect(memory.sentence.contains("(50 %)"))
    #expect(memory.capacitySentence(workers: 1).hasPrefix("99 workers of "))
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

  /// Sums of the application's making must not stop the page.
  @Test(arguments: [Int64.min, -1, 0, .max]) func survivesGarbage(bytes: Int64) {
    var status = status()
    status.memory?.usedBytes = bytes
    status.memory?.workerBytes = bytes
    status.memory?.budgetBytes = max(1, bytes)
    _ = StatusTable.render(status)
    _ = StatusReport(status, query: "", host: "").text
  }
}

extension StatusReport {
  fileprivate var text: String { String(decoding: body, as: UTF8.self) }
}
