// Prometheus's text form: each metric declared once, labels escaped, numbers plain.
import Foundation
import ProcessPolicy
import Reporting
import Testing

@Suite struct MetricsTextTests {
  private func text(_ status: ServerStatus) -> String {
    String(decoding: MetricsText.render(status), as: UTF8.self)
  }

  private func lines(_ status: ServerStatus) -> [String] {
    text(status).split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(
      String.init)
  }

  /// A server of which everything is known.
  private var full: ServerStatus {
    var status = Samples.small
    status.fronts = [Samples.front]
    status.mostWorkers = 4
    status.memory = ServerStatus.Memory()
    status.memory?.budgetBytes = 256 << 20
    status.memory?.stallPercent = 7
    status.memory?.binding = .memory
    return status
  }

  /// The name of a sample without what histograms add.
  private func family(_ sample: String) -> String {
    let name = String(sample.prefix { $0 != "{" && $0 != " " })
    for suffix in ["_bucket", "_sum", "_count"]
    where name.hasPrefix("plimsoll_") && name.contains("_duration_") && name.hasSuffix(suffix) {
      return String(name.dropLast(suffix.count))
    }
    return name
  }

  @Test func everyMetricIsDeclaredOnceBeforeItsSamples() {
    for status in [ServerStatus(), Samples.small, full] {
      var declared: [String] = []
      var current = ""
      for line in lines(status) {
        let words = line.split(separator: " ").map(String.init)
        if line.hasPrefix("# HELP ") {
          current = words[2]
          #expect(!declared.contains(current), "\(current)")
          declared.append(current)
          #expect(line.hasSuffix(".") && !line.contains("\\"))
        } else if line.hasPrefix("# TYPE ") {
          #expect(words[2] == current)
          #expect((words[3] == "counter") == current.hasSuffix("_total"), "\(line)")
        } else {
          #expect(family(line) == current, "\(line)")
        }
      }
      #expect(declared.count > 15)
    }
  }

  @Test func theOrderStays() {
    var other = full
    other.totals.requests = 5
    other.slots = []
    func names(_ status: ServerStatus) -> [String] {
      lines(status).map { String($0.prefix { $0 != "}" }.prefix { $0 != " " || $0 == "#" }) }
    }
    #expect(names(full) == names(other))
  }

  @Test(arguments: [
    "plimsoll_requests_total{group=\"main\"} 1000",
    "plimsoll_response_bytes_total{group=\"main\"} 2500000",
    "plimsoll_request_duration_seconds_sum{group=\"main\"} 12.345",
    "plimsoll_cpu_seconds_total 21", "plimsoll_generation{group=\"main\"} 2",
    "plimsoll_waiting_requests{group=\"main\"} 4",
    "plimsoll_connections{state=\"keep_alive\"} 12",
    "plimsoll_connections{state=\"in_hand\"} 11",
    "plimsoll_handlers{group=\"main\",state=\"busy\"} 1",
    "plimsoll_handlers{group=\"main\",state=\"finishing\"} 2",
    "plimsoll_workers{group=\"main\",phase=\"draining\"} 1",
    "plimsoll_workers{group=\"main\",phase=\"starting\"} 0", "plimsoll_fronts 1",
    "plimsoll_deaths_total{group=\"main\",process=\"mold\",cause=\"timeout\"} 0",
    "plimsoll_memory_budget_bytes 268435456", "plimsoll_memory_stall_ratio 0.07",
    "plimsoll_workers_bound{group=\"main\",limit=\"memory\"} 1",
    "plimsoll_workers_bound{group=\"main\",limit=\"demand\"} 0",
    "plimsoll_gil_waits_total{group=\"main\"} 40",
    "plimsoll_gil_wait_seconds_total{group=\"main\"} 2.5",
    "plimsoll_interrupted_requests_total{group=\"main\"} 3",
    "plimsoll_deaths_total{group=\"main\",process=\"worker\",cause=\"deadlock\"} 0",
    "plimsoll_workers_max{group=\"main\"} 4", "plimsoll_start_time_seconds 1795390622",
  ])
  func tells(line: String) { #expect(lines(full).contains(line), "\(line)") }

  @Test func histogramsAddUp() {
    var status = full
    for us in [Int64(0), 100, 101, 2_500, 2_501, 10_000_000, 10_000_001] {
      status.serviceTimes.add(1, to: ServiceTimes.index(us: us))
    }
    let name = "plimsoll_request_duration_seconds"
    let found = lines(status).filter { $0.hasPrefix(name + "_bucket") }
    func bucket(_ bound: String) -> String? {
      found.first { $0.contains("le=\"\(bound)\"") }.map { String($0.split(separator: " ")[1]) }
    }
    #expect(found.count == ServiceTimes.classes)
    #expect(bucket("0.0001") == "2" && bucket("0.0005") == "3" && bucket("0.0025") == "4")
    #expect(bucket("0.005") == "5" && bucket("10") == "6" && bucket("+Inf") == "7")
    #expect(lines(status).contains("\(name)_count{group=\"main\"} 7"))
  }

  @Test func forkTimesAreCountedInTheirOctaves() {
    var status = full
    for us in [Int64(511), 512, 1_023, 1_024, 1 << 40] { status.forkTimes.fork.count(us: us) }
    let found = lines(status).filter { $0.hasPrefix("plimsoll_fork_duration_seconds") }
    func has(_ rest: String) -> Bool { found.contains { $0.hasSuffix(rest) } }
    #expect(has("le=\"0.000511\"} 1") && has("le=\"0.001023\"} 3") && has("le=\"0.002047\"} 4"))
    #expect(has("le=\"+Inf\"} 5") && has("_count{group=\"main\"} 5"))
    #expect(has("_sum{group=\"main\"} 1099511.630846"))
  }

  @Test func whatNobodyMeasuresIsLeftOut() {
    let text = text(Samples.small)
    #expect(!text.contains("plimsoll_memory_") && !text.contains("plimsoll_workers_max"))
  }

  @Test func labelsAreEscaped() {
    var status = Samples.small
    status.title = "a\"b\\c\nd\\n"
    #expect(text(status).contains("title=\"a\\\"b\\\\c\\nd\\\\n\",mpm="))
  }

  @Test(arguments: Samples.hostile)
  func foreignTextStaysInItsLabel(foreign: String) {
    let count = lines(Samples.foreign("x")).count
    #expect(lines(Samples.foreign(foreign)).count == count)
  }

  @Test(arguments: [Int64.min, -1, 0, .max])
  func absurdNumbersAreNumbersStill(number: Int64) {
    for line in lines(Samples.absurd(number)) where !line.hasPrefix("#") {
      let value = line.split(separator: " ").last.map(String.init) ?? ""
      #expect(Double(value).map { $0 >= 0 && $0.isFinite } == true, "\(line)")
    }
  }
}
