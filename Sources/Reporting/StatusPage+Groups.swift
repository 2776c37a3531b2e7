// StatusPage+Groups: the process groups of a server, and a part of the page for each. Pure.
internal import ProcessPolicy

extension StatusPage {
  /// A table of all groups, the fronts, and then one group after another.
  static func groups(_ status: ServerStatus, _ writer: inout ReportWriter) {
    table(status, &writer)
    fronts(status, &writer)
    var seen: Set<ProcessState> = []
    for (index, group) in status.groups.enumerated() {
      writer.append("<section class=\"group\" id=\"group-\(index)\">\n<h2>")
      writer.append(html: group.group)
      writer.append(" <small class=\"\(name(group.state))\">\(group.state.label)</small></h2>\n")
      writer.append("<p class=\"more\">")
      writer.append(
        html: [group.urls, group.python].filter { !$0.isEmpty }.joined(separator: " · "))
      writer.append("</p>\n")
      seen.formUnion(board(group, &writer))
      workers(group, level: 3, &writer)
      requests(group, level: 3, &writer)
      writer.append("</section>\n")
    }
    writer.append("<section>\n<h2>Letters</h2>\n")
    key(seen: seen, &writer)
    writer.append("</section>\n")
  }

  /// Characters of the URLs in the table; they stand in full at the group.
  private static let mostURLColumns = 40

  private static func table(_ status: ServerStatus, _ writer: inout ReportWriter) {
    let columns = [
      "Group", "URLs", "State", "Generation", "Workers", "Busy", "Requests wait", "Oldest",
      "Requests", "Per request", "Shed", "Died", "Memory",
    ]
    open("Process groups", columns, texts: [0, 1, 2], &writer)
    for (index, group) in status.groups.enumerated() {
      let handlers = group.workers.reduce(0) { $0 + $1.handlers.count }
      let since =
        group.generation > 0 ? " for \(NumberText.duration(ms: group.servingMs))" : ""
      writer.append("<tr><td data-k=\"Group\" class=\"t\"><a href=\"#group-\(index)\"><bdi>")
      writer.append(html: group.group)
      writer.append("</bdi></a></td>")
      let urls = ForeignText.cut(group.urls, to: mostURLColumns)
      cell(columns[1], urls, isText: true, isWide: true, &writer)
      writer.append("<td data-k=\"State\" class=\"t\"><i class=\"\(name(group.state))\">")
      writer.append("\(group.state.label)</i></td>")
      cell(columns[3], "\(group.generation)\(since)", &writer)
      cell(columns[4], "\(group.workers.count)", &writer)
      cell(columns[5], "\(group.busyHandlers) of \(handlers)", &writer)
      cell(columns[6], NumberText.grouped(Int64(group.connections.waiting)), &writer)
      let oldestMs = group.queue.oldestMs
      cell(columns[7], oldestMs > 0 ? NumberText.duration(ms: oldestMs) : "–", &writer)
      cell(columns[8], NumberText.grouped(group.totals.requests), &writer)
      cell(columns[9], group.msPerRequest.map { "\(NumberText.rate($0)) ms" } ?? "–", &writer)
      cell(columns[10], NumberText.grouped(group.shed), &writer)
      cell(columns[11], NumberText.grouped(group.deaths), &writer)
      cell(columns[12], NumberText.bytes(Double(group.ownBytes)), &writer)
      writer.append("</tr>\n")
    }
    close(leftOut: 0, "groups", &writer)
  }

  /// The class that colours a state.
  private static func name(_ state: GroupState) -> String {
    switch state {
    case .loading: "starting"
    case .serving: "idle"
    case .asleep: "open"
    case .failed: "busy"
    }
  }
}
