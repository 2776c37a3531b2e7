// ControlCommandLine: the words after `plimsoll ctl` and `plimsoll status`. Pure.

/// Which running server is meant.
public enum ServerReference: Equatable, Sendable {
  /// The only one that this user may signal.
  case only
  /// The supervisor with this process id.
  case process(Int32)
  /// The supervisor whose pid file this is; the path as typed.
  case pidFile(String)

  /// What `--pid` was given: a number, or else a path.
  init(_ text: String) throws(UsageError) {
    guard !text.isEmpty else {
      throw UsageError("--pid is empty; give a process id or the path of a pid file")
    }
    guard let number = digits(text) else {
      self = .pidFile(text)
      return
    }
    guard number > 0, let pid = Int32(exactly: number) else {
      throw UsageError(
        "--pid \"\(text)\" is no process id; give one from 1 on, or the path of a pid file (with a "
          + "slash where its name is a number)")
    }
    self = .process(pid)
  }
}

/// What `plimsoll ctl` asks of a server; the words are Apache's.
public enum ControlVerb: String, CaseIterable, Sendable {
  /// Ends it: TERM.
  case stop
  /// New code takes over, no request is lost: HUP.
  case restart
  /// The same: USR1.
  case graceful
  /// Ends it once its connections are done: WINCH.
  case gracefulStop = "graceful-stop"
  /// The program itself is exchanged for the one that is installed now, no request is lost: URG.
  case upgrade

  /// Whether the server is gone afterwards.
  public var isEnd: Bool { self == .stop || self == .gracefulStop }

  /// All of them in a sentence.
  static var list: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

/// The words after `plimsoll status`.
public struct StatusCommandLine: Equatable, Sendable {
  /// Which server.
  public var server = ServerReference.only
  /// Whether JSON is wanted instead of a table.
  public var isJSON = false
  /// Whether only the help is wanted.
  public var isHelp = false

  /// Reads the words after `status`.
  ///
  /// - Throws: one sentence about the first word that is wrong.
  public init(parsing words: [String]) throws(UsageError) {
    var reader = ControlWordReader(
      command: "plimsoll status", words: words, options: ["--json", "--pid", "--help"])
    while let word = try reader.next() {
      switch word.name {
      case "--json":
        try reader.refuseValue(of: word)
        isJSON = true
      case "--help":
        try reader.refuseValue(of: word)
        isHelp = true
      case "--pid":
        server = try ServerReference(
          reader.value(of: word, "a process id or the path of a pid file"))
      default:
        throw UsageError(
          "plimsoll status takes no \"\(word.name)\"; name a server with --pid FILE or --pid NUMBER"
        )
      }
    }
  }
}

/// The words after `plimsoll ctl`.
public struct ControlCommandLine: Equatable, Sendable {
  /// Longest `--timeout`, in milliseconds.
  public static let mostTimeoutMs: Int64 = 86_400_000

  /// What is asked for; nil only where the help is wanted.
  public var verb: ControlVerb?
  /// Which server.
  public var server = ServerReference.only
  /// Name of the only process group that is meant; empty: all of them.
  public var group = ""
  /// Whether to wait for the outcome.
  public var waits = true
  /// How long to wait at most, in milliseconds; default 120 seconds.
  public var timeoutMs: Int64 = 120_000
  /// Whether only the help is wanted.
  public var isHelp = false

  /// Reads the words after `ctl`.
  ///
  /// - Throws: one sentence about the first word that is wrong.
  public init(parsing words: [String]) throws(UsageError) {
    var reader = ControlWordReader(
      command: "plimsoll ctl", words: words,
      options: ["--pid", "--process-group", "--no-wait", "--wait", "--timeout", "--help"])
    while let word = try reader.next() {
      switch word.name {
      case "--no-wait", "--wait":
        try reader.refuseValue(of: word)
        waits = word.name == "--wait"
      case "--help":
        try reader.refuseValue(of: word)
        isHelp = true
      case "--pid":
        server = try ServerReference(
          reader.value(of: word, "a process id or the path of a pid file"))
      case "--process-group":
        group = try reader.value(of: word, "the name of a process group")
        guard !group.isEmpty else {
          throw UsageError("--process-group is empty; give the name of a process group")
        }
      case "--timeout": timeoutMs = try Self.timeout(reader.value(of: word, "a duration"))
      default: try take(word.name)
      }
    }
    guard verb != nil || isHelp else {
      throw UsageError(
        "plimsoll ctl does not say what to do; give one of \(ControlVerb.list)")
    }
    guard group.isEmpty || verb == .graceful || verb == .restart || verb == nil else {
      throw UsageError(
        "--process-group \(group) does not go with \(verb?.rawValue ?? ""), which is about the "
          + "whole server; leave one of them out")
    }
  }

  private mutating func take(_ word: String) throws(UsageError) {
    guard let verb = ControlVerb(rawValue: word) else { throw Self.unknown(word) }
    if let first = self.verb {
      throw UsageError(
        "\"\(word)\" is a second thing to do after \"\(first.rawValue)\"; give one at a time")
    }
    self.verb = verb
  }

  private static func timeout(_ text: String) throws(UsageError) -> Int64 {
    do throws(ValueProblem) {
      let ms = try DurationText.parse(text)
      guard (1...mostTimeoutMs).contains(ms) else { throw ValueProblem("is out of range") }
      return ms
    } catch {
      throw UsageError(
        "--timeout \"\(text)\" \(error.reason); give a duration from 1ms to 24h, such as 30 or 2m")
    }
  }

  private static func unknown(_ word: String) -> UsageError {
    let advice: String
    switch word {
    case "start": advice = "a server is started with: plimsoll serve APP"
    case "status", "fullstatus": advice = "what a server does is shown by: plimsoll status"
    case "reload", "force-reload": advice = "new code is loaded with: plimsoll ctl graceful"
    case "configtest": advice = "settings are checked with: plimsoll serve APP --check-config"
    default:
      let near = Suggestion.phrase(for: word, among: ControlVerb.allCases.map(\.rawValue))
      return UsageError(
        "\"\(word)\" is nothing that plimsoll ctl does"
          + (near.isEmpty ? "; give one of \(ControlVerb.list)" : near))
    }
    return UsageError("\"\(word)\" is nothing that plimsoll ctl does; \(advice)")
  }
}

/// Takes options and their values from a list of words.
private struct ControlWordReader {
  struct Word {
    /// The option with its dashes, or an argument.
    var name: String
    /// What stood behind `=`.
    var value: String?
  }

  let command: String
  var words: ArraySlice<String>
  let options: [String]

  init(command: String, words: [String], options: [String]) {
    self.command = command
    self.words = words[...]
    self.options = options
  }

  mutating func next() throws(UsageError) -> Word? {
    guard let word = words.popFirst() else { return nil }
    guard word.hasPrefix("-"), word != "-" else { return Word(name: word) }
    if word == "-h" { return Word(name: "--help") }
    if word == "-p" { return Word(name: "--pid") }
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    guard options.contains(name) else {
      let near = Suggestion.phrase(for: name, among: options)
      throw UsageError(
        "\(name) is not an option of \(command)"
          + (near.isEmpty ? "; \"\(command) --help\" lists all of them" : near))
    }
    return Word(name: name, value: parts.count > 1 ? String(parts[1]) : nil)
  }

  mutating func value(of word: Word, _ expectation: String) throws(UsageError) -> String {
    if let value = word.value { return value }
    guard let next = words.first, !next.hasPrefix("--") else {
      throw UsageError("\(word.name) has no value; give \(expectation)")
    }
    words.removeFirst()
    return next
  }

  func refuseValue(of word: Word) throws(UsageError) {
    guard word.value == nil else {
      throw UsageError("\(word.name) takes no value; leave it out")
    }
  }
}
