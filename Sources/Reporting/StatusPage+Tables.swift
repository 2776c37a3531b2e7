// StatusPage+Tables: scoreboard, workers and requests of the status page. Pure.
internal import ProcessPolicy

extension StatusPage {
  static func scoreboard(_ status: ServerStatus, _ writer: inout ReportWriter) {
    writer.append("<section>\n<h2>Scoreboard</h2>\n")
    key(seen: board(status, &writer), &writer)
    writer.append("</section>\n")
  }

  /// The letters. Gives back which there are.
  static func board(_ status: ServerStatus, _ writer: inout ReportWriter) -> Set<ProcessState> {
    writer.append("<p class=\"board\">")
    var seen: Set<ProcessState> = []
    var isFirst = true
    let leftOut = status.forEachSlot(mostLetters: mostLetters) { letters in
      seen.formUnion(letters)
      // With one thread for each worker the letters stand together, as in Apache's prefork; else
      // each worker is a word, and a line breaks between workers only where it can.
      if !isFirst && letters.count > 1 { writer.append(" ") }
      isFirst = false
      var index = 0
      while index < letters.count {
        var end = index + 1
        while end < letters.count, letters[end] == letters[index] { end += 1 }
        writer.append("<i class=\"\(name(letters[index]))\">")
        for _ in index..<end { writer.append(letter: letters[index]) }
        writer.append("</i>")
        index = end
      }
    }
    writer.append("</p>\n")
    if leftOut > 0 { writer.append("<p class=\"more\">and \(leftOut) more</p>\n") }
    return seen
  }

  /// What each letter means.
  static func key(seen: Set<ProcessState>, _ writer: inout ReportWriter) {
    writer.append("<ul class=\"key\">\n")
    for state in ProcessState.allCases where state != .resolving {
      writer.append("<li\(seen.contains(state) ? "" : " class=\"absent\"")>")
      writer.append("<i class=\"\(name(state))\">")
      writer.append(letter: state)
      writer.append("</i> \(state.meaning)</li>\n")
    }
    writer.append("</ul>\n")
  }

  static func fronts(_ status: ServerStatus, _ writer: inout ReportWriter) {
    guard !status.fronts.isEmpty else { return }
    let columns = [
      "Front", "Pid", "Connections", "Kept alive", "Read", "Written", "Requests wait", "CPU", "Age",
    ]
    open("Fronts", columns, texts: [], &writer)
    for front in status.fronts.prefix(mostRows) {
      let connections = front.connections
      writer.append("<tr>")
      cell(columns[0], "\(front.number)", &writer)
      cell(columns[1], front.pid > 0 ? "\(front.pid)" : "–", &writer)
      cell(columns[2], NumberText.grouped(Int64(connections.total)), &writer)
      cell(columns[3], NumberText.grouped(Int64(connections.keepAlive)), &writer)
      cell(columns[4], NumberText.grouped(Int64(connections.reading)), &writer)
      cell(columns[5], NumberText.grouped(Int64(connections.writing)), &writer)
      cell(columns[6], NumberText.grouped(Int64(connections.waiting)), &writer)
      cell(columns[7], NumberText.duration(ms: front.cpuMs), &writer)
      cell(columns[8], NumberText.duration(ms: front.ageMs), &writer)
      writer.append("</tr>\n")
    }
    close(leftOut: status.fronts.count - mostRows, "fronts", &writer)
  }

  static func workers(
    _ status: ServerStatus, level: Int = 2, _ writer: inout ReportWriter
  ) {
    let workers = status.workers
    guard !workers.isEmpty else {
      writer.append("<section>\n<h\(level)>Workers</h\(level)>\n")
      return writer.append("<p class=\"more\">none</p>\n</section>\n")
    }
    let columns = [
      "Slot", "Pid", "Generation", "Phase", "Busy", "Connections", "Requests", "Sent", "Memory",
      "CPU", "Age",
    ]
    open("Workers", level: level, columns, texts: [3], &writer)
    for worker in workers.prefix(mostRows) {
      writer.append("<tr>")
      cell(columns[0], "\(worker.slot)", &writer)
      cell(columns[1], worker.pid > 0 ? "\(worker.pid)" : "–", &writer)
      cell(columns[2], "\(worker.generation)", &writer)
      let isFull = worker.phase == .serving && !worker.isAccepting
      cell(columns[3], words(worker.phase) + (isFull ? ", full" : ""), isText: true, &writer)
      cell(columns[4], "\(worker.busy) of \(worker.handlers.count)", &writer)
      cell(columns[5], NumberText.grouped(Int64(worker.connections.total)), &writer)
      cell(columns[6], NumberText.grouped(worker.totals.requests), &writer)
      cell(columns[7], NumberText.bytes(Double(worker.totals.bytes)), &writer)
      cell(columns[8], worker.memoryText, &writer)
      cell(columns[9], NumberText.duration(ms: worker.cpuMs), &writer)
      cell(columns[10], NumberText.duration(ms: worker.ageMs), &writer)
      writer.append("</tr>\n")
    }
    close(leftOut: workers.count - mostRows, "workers", &writer)
  }

  static func requests(
    _ status: ServerStatus, level: Int = 2, _ writer: inout ReportWriter
  ) {
    let found = status.requestsByInterest
    guard !found.isEmpty else { return }
    let columns = ["State", "Pid", "Began", "Last took", "Client", "Host", "Request"]
    open("Requests", level: level, columns, texts: [0, 4, 5, 6], &writer)
    for (worker, handler) in found.prefix(mostRows) {
      writer.append("<tr><td data-k=\"State\" class=\"t w\"><i class=\"s ")
      writer.append("\(name(handler.state))\" title=\"\(handler.state.meaning)\">")
      writer.append(letter: handler.state)
      writer.append("</i></td>")
      cell(columns[1], "\(worker.pid)", &writer)
      cell(columns[2], "\(NumberText.duration(ms: handler.sinceBeginMs ?? 0)) ago", &writer)
      cell(columns[3], NumberText.duration(ms: handler.lastDurationMs), &writer)
      cell(
        columns[4], handler.client.isEmpty ? "–" : handler.client, isText: true, isWide: true,
        &writer)
      cell(
        columns[5], handler.host.isEmpty ? "–" : handler.host, isText: true, isWide: true, &writer)
      cell(columns[6], handler.request, isText: true, isWide: true, &writer)
      writer.append("</tr>\n")
    }
    close(leftOut: found.count - mostRows, "requests", &writer)
  }

  // MARK: parts of a table

  static func open(
    _ title: String, level: Int = 2, _ columns: [String], texts: Set<Int>,
    _ writer: inout ReportWriter
  ) {
    writer.append(
      "<section>\n<h\(level)>\(title)</h\(level)>\n<div class=\"scroll\">\n<table>\n<thead><tr>")
    for (index, column) in columns.enumerated() {
      writer.append(
        "<th scope=\"col\"\(texts.contains(index) ? " class=\"t\"" : "")>\(column)</th>")
    }
    writer.append("</tr></thead>\n<tbody>\n")
  }

  static func close(leftOut: Int, _ what: String, _ writer: inout ReportWriter) {
    writer.append("</tbody>\n</table>\n</div>\n")
    if leftOut > 0 { writer.append("<p class=\"more\">and \(leftOut) more \(what)</p>\n") }
    writer.append("</section>\n")
  }

  /// One cell; `data-k` is its heading where a narrow screen shows rows as cards. `<bdi>` keeps
  /// text of the other direction from moving what stands beside it. A wide cell has its card's
  /// whole width.
  static func cell(
    _ column: String, _ value: String, isText: Bool = false, isWide: Bool = false,
    _ writer: inout ReportWriter
  ) {
    let kind = isWide ? " class=\"t w\"" : isText ? " class=\"t\"" : ""
    writer.append("<td data-k=\"\(column)\"\(kind)>\(isText ? "<bdi>" : "")")
    writer.append(html: value)
    writer.append(isText ? "</bdi></td>" : "</td>")
  }

  /// The class that colours a state.
  private static func name(_ state: ProcessState) -> String {
    switch state {
    case .ready: "idle"
    case .starting: "starting"
    case .reading, .resolving: "reading"
    case .writing: "busy"
    case .keepAlive: "kept"
    case .closing, .logging: "closing"
    case .graceful, .idleCleanup: "finishing"
    case .open: "open"
    }
  }

  private static func words(_ phase: ServerStatus.Phase) -> String {
    phase == .idleCleanup ? "idle cleanup" : phase.rawValue
  }
}
