// StatusTable: a status as `plimsoll status` prints it on a terminal. Pure.
internal import ProcessPolicy

/// Lines of at most ``columns`` characters, without control bytes of foreign origin.
public enum StatusTable {
  /// Columns of a line.
  public static let columns = 100
  /// Workers and requests that are listed at most.
  public static let mostRows = 40
  /// Letters of the scoreboard that are shown at most.
  static let mostLetters = 4096

  /// The lines.
  public static func render(_ status: ServerStatus) -> String {
    var text = head(status)
    if status.hasGroups { text += "\n" + groups(status) }
    text += "\n" + scoreboard(status)
    if !status.workers.isEmpty { text += "\n" + workers(status) }
    if !status.requestsByInterest.isEmpty { text += "\n" + requests(status) }
    return text
  }

  private static func head(_ status: ServerStatus) -> String {
    var lines = [
      "\(status.software) serves \(status.title)",
      "  process    pid \(status.supervisorPid), \(status.mpm), policy \(status.policy), "
        + "up \(NumberText.duration(ms: status.uptimeSeconds &* 1000))",
    ]
    if status.generation == 0 {
      lines.append("  code       no generation serves yet")
    } else if !status.hasGroups {
      lines.append(
        "  code       generation \(status.generation) for "
          + NumberText.duration(ms: status.servingMs)
      )
    }
    var machine = status.cpuPercent.map { "CPU \(NumberText.rate($0)) %" } ?? "CPU unknown yet"
    if let load = status.load {
      machine += ", load of the machine \(NumberText.fixed(load.one, decimals: 2)) "
      machine += "\(NumberText.fixed(load.five, decimals: 2)) "
      machine += NumberText.fixed(load.fifteen, decimals: 2)
    }
    lines.append("  machine    \(machine)")
    if let memory = status.memory {
      lines.append("  memory     \(memory.sentence)")
      lines.append("  capacity   \(memory.capacitySentence(policy: status.policy))")
      for note in memory.notes { lines.append("             \(note)") }
    }
    var done = "\(NumberText.grouped(status.totals.requests)) requests, "
    done += NumberText.bytes(Double(status.totals.bytes))
    if let rate = status.requestsPerSecond { done += ", \(NumberText.rate(rate)) requests/s" }
    if let size = status.bytesPerRequest { done += ", \(NumberText.bytes(size))/request" }
    if let time = status.msPerRequest { done += ", \(NumberText.rate(time)) ms/request" }
    lines.append("  done       \(done)")
    if status.shed > 0 {
      let shed = NumberText.grouped(status.shed)
      lines.append("  shed       \(shed) requests with 503: \(status.shedReasons.sentence)")
    }
    var now = "\(status.workers.count) workers, handlers \(status.busyHandlers) busy, "
    now += "\(status.idleHandlers) idle"
    if status.gracefulHandlers > 0 { now += ", \(status.gracefulHandlers) finishing" }
    let connections = status.connections
    now += "; connections \(connections.total)"
    lines.append("  now        \(now)")
    if let queue = status.queueSentence { lines.append("  queue      \(queue)") }
    for front in status.fronts { lines.append("  front \(front.number)    \(line(front))") }
    let forks = status.forkTimes.sentence.map { "; \($0)" } ?? ""
    lines.append("  workers    \(status.forks) started, \(status.deaths) died\(forks)")
    return lines.map { line($0) + "\n" }.joined()
  }

  private static func line(_ front: ServerStatus.Front) -> String {
    let connections = front.connections
    var text = "pid \(front.pid), connections \(connections.total)"
    text += " (\(connections.keepAlive) kept alive, \(connections.reading) read, "
    text += "\(connections.writing) written)"
    if connections.waiting > 0 { text += ", \(connections.waiting) requests wait" }
    return text
  }

  private static func scoreboard(_ status: ServerStatus) -> String {
    var letters = ""
    var seen: Set<ProcessState> = []
    var text = ""
    for part in status.parts {
      letters = ""
      let leftOut = part.forEachSlot(mostLetters: mostLetters / status.parts.count) { slot in
        for letter in slot {
          letters.append(letter.rawValue)
          seen.insert(letter)
        }
      }
      if status.hasGroups { text += line("  \(part.group):") + "\n" }
      var rest = Substring(letters)
      while !rest.isEmpty {
        text += "  \(rest.prefix(columns - 4))\n"
        rest = rest.dropFirst(columns - 4)
      }
      if leftOut > 0 { text += "  and \(leftOut) more\n" }
    }
    var key = ""
    for state in ProcessState.allCases where seen.contains(state) {
      let entry = "\(state.rawValue) \(state.meaning)"
      if key.isEmpty {
        key = "  " + entry
      } else if key.count + 3 + entry.count <= columns {
        key += "   " + entry
      } else {
        text += key + "\n"
        key = "  " + entry
      }
    }
    return key.isEmpty ? text : text + key + "\n"
  }

  private static func workers(_ status: ServerStatus) -> String {
    var rows = [
      ["SLOT", "PID", "GEN", "PHASE", "BUSY", "CONNS", "REQUESTS", "MEMORY", "CPU", "AGE"]
    ]
    for worker in status.workers.prefix(mostRows) {
      let phase = worker.phase == .idleCleanup ? "idle cleanup" : worker.phase.rawValue
      rows.append([
        "\(worker.slot)", "\(worker.pid)", "\(worker.generation)",
        worker.isAccepting || worker.phase != .serving ? phase : "serving, full",
        "\(worker.busy)/\(worker.handlers.count)", "\(worker.connections.total)",
        NumberText.grouped(worker.totals.requests), worker.memoryText,
        NumberText.duration(ms: worker.cpuMs), NumberText.duration(ms: worker.ageMs),
      ])
    }
    var left: Set = [3]
    if status.hasGroups {
      left = [0, 4]
      rows[0].insert("GROUP", at: 0)
      for (index, worker) in status.workers.prefix(mostRows).enumerated() {
        rows[index + 1].insert(ForeignText.cut(worker.group, to: 16), at: 0)
      }
    }
    return table(rows, leftAligned: left)
      + more(status.workers.count - mostRows, "workers")
  }

  private static func requests(_ status: ServerStatus) -> String {
    let found = status.requestsByInterest
    var rows = [["", "PID", "BEGAN", "LAST TOOK", "CLIENT", "HOST", "REQUEST"]]
    for (worker, handler) in found.prefix(mostRows) {
      rows.append([
        String(handler.state.rawValue), "\(worker.pid)",
        handler.sinceBeginMs.map { NumberText.duration(ms: $0) } ?? "",
        NumberText.duration(ms: handler.lastDurationMs),
        ForeignText.cut(ForeignText.visible(handler.client), to: 22),
        ForeignText.cut(ForeignText.visible(handler.host), to: 18),
        ForeignText.visible(handler.request),
      ])
    }
    return table(rows, leftAligned: [0, 4, 5, 6]) + more(found.count - mostRows, "requests")
  }

  static func more(_ count: Int, _ what: String) -> String {
    count > 0 ? "  and \(count) more \(what); --json has them\n" : ""
  }

  /// Rows with their columns aligned, two spaces between them.
  static func table(_ rows: [[String]], leftAligned: Set<Int>) -> String {
    var widths = [Int](repeating: 0, count: rows.first?.count ?? 0)
    for row in rows {
      for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) }
    }
    var text = ""
    for row in rows {
      var one = " "
      for (column, cell) in row.enumerated() {
        let fill = String(repeating: " ", count: widths[column] - cell.count)
        one += " " + (leftAligned.contains(column) ? cell + fill : fill + cell) + " "
      }
      text += line(one) + "\n"
    }
    return text
  }

  /// One line: cut to the width, safe for a terminal, no spaces at its end.
  private static func line(_ text: String) -> String {
    var line = ForeignText.cut(ForeignText.visible(text), to: columns)
    while line.hasSuffix(" ") { line.removeLast() }
    return line
  }
}
