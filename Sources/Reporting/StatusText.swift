// StatusText: a status in mod_status's `?auto` form, for monitoring that knows Apache. Pure.
internal import ProcessPolicy

/// The lines of `GET /server-status?auto` of httpd 2.4, as mod_status prints them with
/// `ExtendedStatus On`: the same keys in the same order with the same number forms.
///
/// Left out is what this server does not know: `Server Built`, and CPU time apart for user and
/// system, parent and children (`CPUUser` … `CPUChildrenSystem`). docs/reference/status.md has
/// the meaning of each line.
public enum StatusText {
  /// What it is sent as.
  public static let contentType: StaticString = "text/plain; charset=utf-8"

  /// Letters of the scoreboard at most; what is above is left out, the open slots first.
  public static let mostLetters = 65_536

  /// The lines.
  ///
  /// - Parameter host: the first line, in httpd the name of the server that was asked; empty: none.
  public static func render(_ status: ServerStatus, host: String = "localhost") -> [UInt8] {
    var writer = ReportWriter()
    if !host.isEmpty {
      writer.append(line: host)
      writer.append("\n")
    }
    server(status, &writer)
    totals(status, &writer)
    workers(status, &writer)
    return writer.bytes
  }

  private static func server(_ status: ServerStatus, _ writer: inout ReportWriter) {
    writer.append("ServerVersion: ")
    writer.append(line: status.software)
    writer.append("\nServerMPM: ")
    writer.append(line: status.mpm)
    writer.append("\nCurrentTime: ")
    writer.append(apacheTime: status.nowSeconds)
    writer.append("\nRestartTime: ")
    writer.append(apacheTime: status.startedSeconds)
    // httpd numbers its configurations from 1, and its generations of processes from 0.
    writer.append("\nParentServerConfigGeneration: \(status.generation)\n")
    writer.append("ParentServerMPMGeneration: \(max(0, status.generation &- 1))\n")
    writer.append("ServerUptimeSeconds: \(status.uptimeSeconds)\n")
    writer.append("ServerUptime:\(NumberText.apacheDuration(status.uptimeSeconds))\n")
    if let load = status.load {
      writer.append("Load1: \(NumberText.fixed(load.one, decimals: 2))\n")
      writer.append("Load5: \(NumberText.fixed(load.five, decimals: 2))\n")
      writer.append("Load15: \(NumberText.fixed(load.fifteen, decimals: 2))\n")
    }
  }

  private static func totals(_ status: ServerStatus, _ writer: inout ReportWriter) {
    writer.append("Total Accesses: \(status.totals.requests)\n")
    writer.append("Total kBytes: \(status.totals.bytes >> 10)\n")
    writer.append("Total Duration: \(status.totals.durationMs)\n")
    if status.cpuMs > 0, let percent = status.cpuPercent {
      writer.append("CPULoad: \(NumberText.apache(percent))\n")
    }
    writer.append("Uptime: \(status.uptimeSeconds)\n")
    for (key, value) in [
      ("ReqPerSec", status.requestsPerSecond), ("BytesPerSec", status.bytesPerSecond),
      ("BytesPerReq", status.bytesPerRequest), ("DurationPerReq", status.msPerRequest),
    ] {
      if let value { writer.append("\(key): \(NumberText.apache(value))\n") }
    }
  }

  private static func workers(_ status: ServerStatus, _ writer: inout ReportWriter) {
    writer.append("BusyWorkers: \(status.busyHandlers)\n")
    writer.append("GracefulWorkers: \(status.gracefulHandlers)\n")
    writer.append("IdleWorkers: \(status.idleHandlers)\n")
    if status.mpm == "event" {
      let connections = status.connections
      writer.append("Processes: \(status.workers.count)\n")
      writer.append("Stopping: \(status.stoppingWorkers)\n")
      writer.append("ConnsTotal: \(connections.total)\n")
      writer.append("ConnsAsyncWaitIO: \(connections.reading)\n")
      writer.append("ConnsAsyncWriting: \(connections.writing)\n")
      writer.append("ConnsAsyncKeepAlive: \(connections.keepAlive)\n")
      writer.append("ConnsAsyncClosing: \(connections.closing)\n")
    }
    writer.append("Scoreboard: ")
    _ = status.forEachSlot(mostLetters: mostLetters) { letters in
      for letter in letters { writer.append(letter: letter) }
    }
    writer.append("\n")
  }
}

extension ReportWriter {
  mutating func append(letter: ProcessState) {
    append(byte: letter.rawValue.asciiValue ?? UInt8(ascii: "."))
  }
}
