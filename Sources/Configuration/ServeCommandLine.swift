// ServeCommandLine: the words after `plimsoll serve`. Pure.

/// An option of the command itself, which is no setting of the server.
public enum ServeAction: String, CaseIterable, Sendable {
  /// Serve.
  case serve = ""
  /// Print the options.
  case help = "help"
  /// Print every setting, its value, and where it comes from.
  case printConfig = "print-config"
  /// Check everything that can be checked without serving.
  case checkConfig = "check-config"
  /// Print `docs/reference/settings.md`. Not listed: for those who build Plimsoll.
  case printReference = "print-settings-reference"

  /// One line for `--help`; empty where the option is not listed.
  var help: String {
    switch self {
    case .serve, .printReference: ""
    case .help: "Print this and exit."
    case .printConfig: "Print every setting, its value and where it comes from, and exit."
    case .checkConfig:
      "Check the settings and the application's place, and exit with 0 if all is well."
    }
  }
}

/// What was asked for: settings, where each comes from, and what to do.
public struct ServeCommandLine: Equatable, Sendable {
  /// Settings as far as the command line tells; paths as typed.
  public var settings = ServerSettings()
  /// Where values come from, by setting name. Absent: ``SettingOrigin/builtIn``.
  public var origins: [String: SettingOrigin] = [:]
  /// What was changed because it cannot work as it was given: a sentence each.
  public var warnings: [String] = []
  /// What to do. Help wins over everything; of the others, the last one given.
  public var action = ServeAction.serve
  /// The further process groups, in the order in which they were given; each has none itself.
  public var groups: [ServeCommandLine] = []

  /// Where the setting called `name` comes from.
  public func origin(of name: String) -> SettingOrigin { origins[name] ?? .builtIn }

  /// Reads the words after `serve`. Options may stand before and after APP; `--` ends them.
  ///
  /// - Parameter usableCPUs: CPUs this process may use, at least 1; they make the default of
  ///   `--workers`.
  /// - Throws: one sentence about the first word that is wrong, or about words that contradict
  ///   each other.
  public init(parsing words: [String], usableCPUs: Int) throws(UsageError) {
    let sections = try CommandLineSections(words)
    try self.init(sections.main, usableCPUs: usableCPUs)
    // Who asks for help gets it, whatever else stands there.
    for action in sections.actions { take(action) }
    guard action != .help, action != .printReference else { return }
    for section in sections.groups {
      groups.append(
        try ServeCommandLine(sections.inherited + section.words, usableCPUs: usableCPUs))
    }
    try settleGroups()
  }

  /// Reads the words of one process group, and settles what they leave open.
  private init(_ words: [OptionReader.Word], usableCPUs: Int) throws(UsageError) {
    for word in words { try take(word) }
    guard action != .help, action != .printReference else { return }
    guard settings.metricsPath.isEmpty || settings.metricsPath != settings.statusPath else {
      throw UsageError(
        "--metrics and --status-path both are \(settings.metricsPath); give each a path of its "
          + "own, such as /metrics and /server-status")
    }
    try settleProcesses(usableCPUs: usableCPUs)
    try settleProxies()
  }

  private mutating func settleProxies() throws(UsageError) {
    if settings.proxyProtocol && settings.trustedProxies.isEmpty {
      throw UsageError(
        "--proxy-protocol is for connections of listed proxies, and none is listed; add their "
          + "addresses with --forwarded-allow-ips")
    }
    guard settings.trustedProxies.contains("*") else { return }
    warnings.append(
      "--forwarded-allow-ips *: whoever can connect can pass for any client; list the addresses of "
        + "the proxies, or make sure that nobody else reaches the server")
  }

  private mutating func take(_ action: ServeAction) {
    if self.action != .help { self.action = action }
  }

  private mutating func take(_ word: OptionReader.Word) throws(UsageError) {
    switch word {
    case .argument(let text):
      guard origins[SettingsTable.applicationName] == nil else {
        throw UsageError(
          "\"\(text)\" is a second application after \"\(settings.application)\"; give one "
            + "application, and options with their dashes")
      }
      settings.application = text
      origins[SettingsTable.applicationName] = .option("APP")
    case .action(let action): take(action)
    case .setting(let definition, let option, let value):
      if definition.isRepeatable, origins[definition.name] == nil {
        definition.clear(in: &settings)
      }
      do throws(ValueProblem) {
        try definition.apply(value, to: &settings)
      } catch {
        throw UsageError(error.sentence(about: value, at: option, for: definition))
      }
      origins[definition.name] = .option(option)
    }
  }
}

/// Splits words into options with their values, and arguments.
struct OptionReader {
  enum Word {
    case argument(String)
    case action(ServeAction)
    case setting(SettingDefinition, option: String, value: String)
  }

  var words: ArraySlice<String>
  private var optionsEnded = false

  init(words: ArraySlice<String>) {
    self.words = words
  }

  /// The next word; nil after the last.
  mutating func next() throws(UsageError) -> Word? {
    guard let word = words.popFirst() else { return nil }
    if optionsEnded || word == "-" || !word.hasPrefix("-") { return .argument(word) }
    if word == "--" {
      optionsEnded = true
      return try next()
    }
    return word.hasPrefix("--") ? try long(word) : try short(word)
  }

  private mutating func long(_ word: String) throws(UsageError) -> Word {
    let parts = word.dropFirst(2).split(
      separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    let option = "--" + name
    let given = parts.count == 2 ? String(parts[1]) : nil
    if let action = ServeAction(rawValue: name), action != .serve {
      guard given == nil else { throw UsageError("\(option) takes no value; leave it out") }
      return .action(action)
    }
    if let definition = Self.definition(option: name) {
      if definition.isFlag {
        return .setting(definition, option: option, value: given ?? "on")
      }
      return .setting(
        definition, option: option, value: try value(of: definition, option: option, given))
    }
    if name.hasPrefix("no-"), let definition = Self.definition(option: String(name.dropFirst(3))),
      definition.isFlag
    {
      guard given == nil else { throw UsageError("\(option) takes no value; leave it out") }
      return .setting(definition, option: option, value: "off")
    }
    throw Self.unknown(option)
  }

  private mutating func short(_ word: String) throws(UsageError) -> Word {
    let letter = word[word.index(after: word.startIndex)]
    let option = "-\(letter)"
    var rest = word.dropFirst(2)
    if letter == "h" && rest.isEmpty { return .action(.help) }
    guard let definition = SettingsTable.all.first(where: { $0.short == letter }) else {
      throw Self.unknown(rest.isEmpty ? option : word)
    }
    if rest.hasPrefix("=") { rest = rest.dropFirst() }
    let attached = word.count > 2 ? String(rest) : nil
    return .setting(
      definition, option: option, value: try value(of: definition, option: option, attached))
  }

  private mutating func value(
    of definition: SettingDefinition, option: String, _ given: String?
  ) throws(UsageError) -> String {
    if let given { return given }
    guard let next = words.first, !(next.hasPrefix("--") && next.count > 2) else {
      throw UsageError("\(option) has no value; give \(definition.expectation)")
    }
    words.removeFirst()
    return next
  }

  private static func definition(option: String) -> SettingDefinition? {
    SettingsTable.all.first {
      $0.name != SettingsTable.applicationName && $0.options.contains(option)
    }
  }

  /// Every long option that may be suggested, without dashes.
  static let suggestible: [String] =
    SettingsTable.all.flatMap { definition -> [String] in
      guard definition.name != SettingsTable.applicationName else { return [] }
      return definition.isFlag
        ? definition.options + definition.options.map { "no-" + $0 } : definition.options
    } + [ServeAction.help, .printConfig, .checkConfig].map(\.rawValue)

  private static func unknown(_ option: String) -> UsageError {
    let short = option.hasPrefix("--") ? nil : option.prefix(2)
    if let advice = ForeignOptions.advice(for: option)
      ?? short.flatMap({
        ForeignOptions.advice(for: String($0))
      })
    {
      return UsageError("\(option) is not an option of Plimsoll: \(advice)")
    }
    let name = String(option.drop { $0 == "-" })
    let phrase =
      name.count > 1 ? Suggestion.phrase(for: name, among: suggestible, prefix: "--") : ""
    return UsageError(
      "\(option) is not an option of plimsoll serve"
        + (phrase.isEmpty ? "; \"plimsoll serve --help\" lists all of them" : phrase))
  }
}
