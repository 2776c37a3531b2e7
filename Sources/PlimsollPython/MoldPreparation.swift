// MoldPreparation: what a mold does between the import and its first fork. Assembly.
internal import Configuration
internal import Gateway
internal import Platform

/// The measures that make a worker cheap, in their order.
struct MoldPreparation {
  /// Measures, each of which can be left out to see what it is worth (bench/memory.py).
  struct Measures: OptionSet {
    let rawValue: Int
    static let freeze = Measures(rawValue: 1)
    static let immortal = Measures(rawValue: 2)
    static let seal = Measures(rawValue: 4)
    static let warm = Measures(rawValue: 8)
    static let gather = Measures(rawValue: 16)
    static let all: Measures = [.freeze, .immortal, .seal, .warm, .gather]

    private static let names: [(String, Measures)] = [
      ("freeze", .freeze), ("immortal", .immortal), ("seal", .seal), ("warm", .warm),
      ("gather", .gather), ("all", .all),
    ]

    /// The measures named in the variable `PLIMSOLL_MOLD` of the environment, all without it.
    static var chosen: Measures {
      guard let text = Process.environment("PLIMSOLL_MOLD") else { return .all }
      let words = text.split(separator: ",")
      return names.reduce(into: []) { chosen, entry in
        if words.contains(entry.0[...]) { chosen.formUnion(entry.1) }
      }
    }

    init(rawValue: Int) { self.rawValue = rawValue }
  }

  let settings: ServerSettings
  let measures = Measures.chosen

  /// Makes the mold ready to be forked.
  func run(_ application: WSGIApplication, _ gil: borrowing GIL) {
    if measures.contains(.warm) { Self.log(application.warm(settings: settings, gil)) }
    if settings.gatherCode && measures.contains(.gather) {
      Interpreter.collectGarbage(gil)
      seal(gil)
      Self.log(application.gatherCode(settings: settings, gil))
    }
    Self.log(MoldScript.prepareFork(gil))
    Interpreter.collectGarbage(gil)
    if settings.immortal && measures.contains(.immortal) { makeImmortal(gil) }
    if measures.contains(.freeze) { Interpreter.freezeCollector(gil) }
    Process.trimHeap()
    if measures.contains(.seal) { seal(gil) }
  }

  /// Lets equal pages be merged, in the workers too; an empty mold's as well.
  ///
  /// Not before the application is loaded: ksmd need not look at what is still being written. Not
  /// before exec, where the server may still be root: kernels from 6.4 to 6.6 forget it there.
  static func mergePages() {
    if let obstacle = MemoryMerging.begin() {
      ErrorLog.write(.warn, "mold: \(obstacle.sentence)")
    } else {
      ErrorLog.write(.info, "mold: the kernel may merge equal pages of the workers")
    }
  }

  /// The same for a worker that becomes a mold. It was warmed by real requests; code is not
  /// gathered again, as its copies would have to learn anew what those have taught it.
  func runAgain(_ gil: borrowing GIL) {
    Interpreter.collectGarbage(gil)
    if settings.immortal && measures.contains(.immortal) { makeImmortal(gil) }
    if measures.contains(.freeze) { Interpreter.freezeCollector(gil) }
    Process.trimHeap()
    if measures.contains(.seal) { seal(gil) }
  }

  /// Writes what the Python side has to say to the error log.
  static func log(_ messages: [MoldScript.Message]) {
    for message in messages {
      let level: LogLevel =
        switch message.kind {
        case .error: .error
        case .warning: .warn
        case .note: .info
        }
      ErrorLog.write(level, message.text)
    }
  }

  private func makeImmortal(_ gil: borrowing GIL) {
    let began = Clock.monotonicMs()
    switch Immortality.spread(gil) {
    case .success(let counts):
      ErrorLog.write(
        .info,
        "mold: \(counts.immortal) objects made immortal in \(Clock.monotonicMs() - began) ms; "
          + "\(counts.counted) are counted as before")
    case .failure(let skipped):
      ErrorLog.write(
        skipped.isOld ? .info : .warn,
        "mold: no objects are made immortal, because of Python \(Interpreter.version): "
          + "\(skipped.reason); workers take more memory")
    }
  }

  private func seal(_ gil: borrowing GIL) {
    let taken = AllocatorSeal.seal(gil)
    ErrorLog.write(
      .info,
      "mold: \(taken.pythonBytes / 1024) KiB of holes sealed in Python's allocator, "
        + "\(taken.heapBytes / 1024) KiB in the C library's")
  }
}
