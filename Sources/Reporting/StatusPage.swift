// StatusPage: a status as an HTML page. Pure.

/// One HTML5 page, readable on a phone: no script, nothing loaded from elsewhere, light or dark as
/// the reader's system is. Every text that a client chose is escaped.
public enum StatusPage {
  /// What it is sent as.
  public static let contentType: StaticString = "text/html; charset=utf-8"

  /// A policy for the field `Content-Security-Policy` that allows what the page needs, no more.
  public static let securityPolicy: StaticString = """
    default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; \
    base-uri 'none'; frame-ancestors 'none'
    """

  /// Workers, and requests, that have a row of their own at most.
  public static let mostRows = 200
  /// Letters of the scoreboard at most.
  static let mostLetters = 8192

  /// The page.
  ///
  /// - Parameter refreshSeconds: after how many seconds a browser asks again; nil: never.
  public static func render(_ status: ServerStatus, refreshSeconds: Int? = nil) -> [UInt8] {
    var writer = ReportWriter(capacity: 65_536)
    writer.append("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
    writer.append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
    writer.append("<meta name=\"color-scheme\" content=\"light dark\">\n")
    writer.append("<meta name=\"robots\" content=\"noindex\">\n")
    if let refreshSeconds {
      writer.append("<meta http-equiv=\"refresh\" content=\"\(refreshSeconds)\">\n")
    }
    writer.append("<link rel=\"icon\" href=\"data:,\">\n<title>")
    writer.append("\(status.busyHandlers) busy, \(status.idleHandlers) idle · ")
    writer.append(html: status.title)
    writer.append("</title>\n<style>\(style)</style>\n</head>\n<body>\n<main>\n")
    header(status, &writer)
    capacity(status, &writer)
    facts(status, &writer)
    if status.hasGroups {
      groups(status, &writer)
    } else {
      scoreboard(status, &writer)
      fronts(status, &writer)
      workers(status, &writer)
      requests(status, &writer)
    }
    footer(status, refreshSeconds, &writer)
    writer.append("</main>\n</body>\n</html>\n")
    return writer.bytes
  }

  private static func header(_ status: ServerStatus, _ writer: inout ReportWriter) {
    writer.append("<header>\n\(mark)\n<div>\n<h1>")
    writer.append(html: status.title)
    writer.append("</h1>\n<p>")
    writer.append(html: status.software)
    writer.append(" · MPM <b>")
    writer.append(html: status.mpm)
    writer.append("</b> · policy <b>")
    writer.append(html: status.policy)
    writer.append("</b> · pid \(status.supervisorPid)</p>\n</div>\n</header>\n")
  }

  /// How much of what could work does.
  private static func capacity(_ status: ServerStatus, _ writer: inout ReportWriter) {
    let parts = [
      ("busy", status.busyHandlers), ("finishing", status.gracefulHandlers),
      ("idle", status.idleHandlers),
    ]
    let all = parts.reduce(0) { $0 + $1.1 }
    writer.append("<section class=\"load\" aria-label=\"Handlers\">\n<p>")
    for (name, count) in parts where count > 0 || name != "finishing" {
      writer.append("<span class=\"\(name)\"><b>\(count)</b> \(name)</span> ")
    }
    writer.append("</p>\n<div class=\"bar\" aria-hidden=\"true\">")
    for (name, count) in parts where count > 0 {
      let share = Double(count) * 100 / Double(all)
      writer.append(
        "<i class=\"\(name)\" style=\"width:\(NumberText.fixed(share, decimals: 2))%\"></i>")
    }
    writer.append("</div>\n</section>\n")
  }

  private static func facts(_ status: ServerStatus, _ writer: inout ReportWriter) {
    func fact(_ name: String, _ value: String, _ note: String = "") {
      writer.append("<div><dt>\(name)</dt><dd>\(value)")
      if !note.isEmpty { writer.append("<small>\(note)</small>") }
      writer.append("</dd></div>\n")
    }
    let totals = status.totals
    writer.append("<dl class=\"facts\">\n")
    fact(
      "Uptime", NumberText.duration(ms: status.uptimeSeconds &* 1000),
      "\(status.forks) workers started, \(status.deaths) died")
    if status.hasGroups {
      fact(
        "Process groups", "\(status.groups.count)",
        "\(status.groups.count { $0.state == .serving }) serve")
    } else if status.generation > 0 {
      fact(
        "Generation", "\(status.generation)",
        "serves for \(NumberText.duration(ms: status.servingMs))")
    } else {
      fact("Generation", "none", "nothing serves yet")
    }
    fact(
      "Requests", NumberText.grouped(totals.requests),
      [
        status.requestsPerSecond.map { "\(NumberText.rate($0)) per second" },
        status.shed > 0 ? "503 for \(status.shedReasons.sentence)" : nil,
        status.interrupted > 0 ? "\(NumberText.grouped(status.interrupted)) interrupted" : nil,
      ].compactMap { $0 }.joined(separator: ", "))
    fact(
      "Sent", NumberText.bytes(Double(totals.bytes)),
      [
        status.bytesPerSecond.map { "\(NumberText.bytes($0)) per second" },
        status.bytesPerRequest.map { "\(NumberText.bytes($0)) per request" },
      ].compactMap { $0 }.joined(separator: ", "))
    fact(
      "Time per request", status.msPerRequest.map { "\(NumberText.rate($0)) ms" } ?? "–",
      "\(NumberText.duration(ms: totals.durationMs)) in all")
    fact(
      "CPU", status.cpuPercent.map { "\(NumberText.rate($0)) %" } ?? "–",
      "\(NumberText.duration(ms: status.cpuMs)) in all")
    if status.lockWaits.count > 0 {
      fact(
        "Waits for the GIL", NumberText.duration(ms: status.lockWaits.us / 1000),
        "in \(NumberText.grouped(status.lockWaits.count)) waits")
    }
    if let load = status.load {
      fact(
        "Load of the machine", NumberText.fixed(load.one, decimals: 2),
        "\(NumberText.fixed(load.five, decimals: 2)) over 5 min, "
          + "\(NumberText.fixed(load.fifteen, decimals: 2)) over 15 min")
    }
    if let memory = status.memory {
      fact(
        "Memory", NumberText.bytes(Double(memory.usedBytes)),
        "of \(NumberText.bytes(Double(memory.budgetBytes))); "
          + ([memory.capacitySentence(policy: status.policy)] + memory.notes)
          .joined(separator: "; "))
    }
    if let usual = status.forkTimes.usualText {
      fact("Fork to ready", usual, status.forkTimes.worstText)
    }
    let connections = status.connections
    fact(
      "Connections", NumberText.grouped(Int64(connections.total)),
      "\(connections.keepAlive) kept alive, \(connections.reading) read, "
        + "\(connections.writing) written, \(connections.closing) closing; "
        + (status.queueSentence ?? "0 requests wait"))
    writer.append("</dl>\n")
  }

  private static func footer(
    _ status: ServerStatus, _ refreshSeconds: Int?, _ writer: inout ReportWriter
  ) {
    writer.append("<footer>\n<p>Read at ")
    writer.append(time: status.nowSeconds)
    writer.append("; started at ")
    writer.append(time: status.startedSeconds)
    writer.append(".</p>\n<p>")
    if let refreshSeconds {
      writer.append("Read again every \(refreshSeconds) s · <a href=\"?\">stop</a>")
    } else {
      writer.append("<a href=\"?refresh=5\">Read again every 5 s</a>")
    }
    writer.append(" · <a href=\"?auto\">as text</a> · <a href=\"?json\">as JSON</a></p>\n")
    writer.append("</footer>\n")
  }
}
