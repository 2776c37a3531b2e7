// SettingDefinition: what one setting is. Pure.

/// A stored property of the settings.
public typealias SettingField<Value> = any WritableKeyPath<ServerSettings, Value> & Sendable

/// What a setting holds, where it is stored, and what it may be.
public enum SettingKind: Sendable {
  /// On or off: `--name`, `--no-name`.
  case flag(SettingField<Bool>)
  /// A whole number.
  case count(SettingField<Int>, ClosedRange<Int>)
  /// A whole number, or nil where nobody gave one and something else decides.
  case optionalCount(SettingField<Int?>, ClosedRange<Int>)
  /// `N` or `MIN-MAX`: two whole numbers, the second not below the first.
  case span(SettingField<Int>, SettingField<Int>, ClosedRange<Int>)
  /// A decimal number, kept in thousandths; so is its range.
  case thousandths(SettingField<Int>, ClosedRange<Int>)
  /// Bytes, in Int.
  case size(SettingField<Int>, ClosedRange<Int>)
  /// Bytes, in Int64.
  case largeSize(SettingField<Int64>, ClosedRange<Int64>)
  /// Milliseconds.
  case duration(SettingField<Int64>, ClosedRange<Int64>)
  /// Free text, not empty.
  case text(SettingField<String>)
  /// The path of a URL, in plain characters; empty: none.
  case urlPath(SettingField<String>)
  /// A file or directory. `-` is a standard stream where `allowsStream` is set.
  case path(SettingField<String>, allowsStream: Bool)
  /// One of the words; other spellings map to one of them.
  case choice(SettingField<String>, words: [SettingChoice])
  /// A format of the access log.
  case logFormat(SettingField<String>)
  /// An octal file mode creation mask.
  case mask(SettingField<Int32>)
  /// The limits of mod_reqtimeout; kept in six fields.
  case readTimeout
  /// Repeatable: addresses.
  case addresses(SettingField<[BindAddress]>)
  /// Repeatable: directories or files. On the command line, commas separate several.
  case paths(SettingField<[String]>, separatedByCommas: Bool)
  /// Repeatable: NAME=VALUE.
  case variables(SettingField<[String]>)
  /// Repeatable: a path, or a method and a path, with header fields.
  case requests(SettingField<[String]>)
  /// Repeatable: addresses and networks of proxies; commas separate several.
  case proxies(SettingField<[String]>)
  /// Repeatable: /url=dir.
  case mounts(SettingField<[String]>)
  /// Repeatable: /url=APP.
  case applications(SettingField<[String]>)
  /// A word that names a process group.
  case groupName(SettingField<String>)
}

/// A word of a choice, the value it stands for, and other words that mean the same.
public struct SettingChoice: Sendable {
  /// The word as it is documented.
  public var word: String
  /// What is stored.
  public var value: String
  /// Words of other servers.
  public var aliases: [String]

  /// A word that stands for itself, or for another value.
  public init(_ word: String, value: String? = nil, aliases: [String] = []) {
    self.word = word
    self.value = value ?? word
    self.aliases = aliases
  }
}

/// The groups in which settings are shown, in this order.
public enum SettingGroup: String, CaseIterable, Sendable {
  case application = "Application"
  case addresses = "Addresses and files"
  case processes = "Processes"
  case apache = "Processes as in Apache httpd"
  case limits = "Limits of a request"
  case times = "Time limits"
  case operation = "Operation"
  case logs = "Logs"
}

/// One setting: all that is known of it, in one place.
///
/// The option parser, `--help`, `--print-config`, the form in which settings travel to `plimsolld`,
/// and `docs/reference/settings.md` come from these and from nothing else.
public struct SettingDefinition: Sendable {
  /// Name in `--print-config` and in the encoded form; the first long option, where there is one.
  public var name: String
  /// Long options without their dashes; the first is the one that is shown.
  public var options: [String]
  /// Short option.
  public var short: Character?
  /// The directive of Apache httpd or mod_wsgi that means the same.
  public var directive: String?
  /// What it holds.
  public var kind: SettingKind
  /// How its value is called in `--help`.
  public var placeholder: String
  /// Where it is shown.
  public var group: SettingGroup
  /// One line: what it does.
  public var help: String
  /// What the default is, where it is not a fixed value.
  public var defaultNote: String?
  /// Why the default is what it is.
  public var reason: String

  /// A row of the table.
  init(
    _ name: String, short: Character? = nil, aliases: [String] = [], directive: String? = nil,
    _ kind: SettingKind, _ placeholder: String, in group: SettingGroup, help: String,
    defaultNote: String? = nil, reason: String
  ) {
    self.name = name
    self.options = [name] + aliases
    self.short = short
    self.directive = directive
    self.kind = kind
    self.placeholder = placeholder
    self.group = group
    self.help = help
    self.defaultNote = defaultNote
    self.reason = reason
  }

  /// Whether the setting may be given several times, each adding a value.
  public var isRepeatable: Bool {
    switch kind {
    case .addresses, .paths, .variables, .requests, .proxies, .mounts, .applications: true
    default: false
    }
  }

  /// Whether the setting is an option without a value.
  public var isFlag: Bool {
    if case .flag = kind { true } else { false }
  }

  /// What a value has to be, as the end of the sentence "give ...".
  public var expectation: String {
    switch kind {
    case .flag: "on or off"
    case .count(_, let range), .optionalCount(_, let range):
      "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .span(_, _, let range):
      "a whole number from \(range.lowerBound) to \(range.upperBound), or two such as 2-8"
    case .thousandths(_, let range):
      "a number from \(ThousandthsText.encode(range.lowerBound)) to "
        + "\(ThousandthsText.encode(range.upperBound)), with at most three decimals"
    case .size(_, let range):
      Self.sizeExpectation(Int64(range.lowerBound)...Int64(range.upperBound))
    case .largeSize(_, let range): Self.sizeExpectation(range)
    case .duration(_, let range):
      "seconds, or a number with ms, s, m or h, from \(DurationText.encode(range.lowerBound)) to "
        + DurationText.encode(range.upperBound)
    case .text: "text that is not empty"
    case .urlPath: "a path such as /server-status"
    case .path(_, let allowsStream): allowsStream ? "a file, or - for a standard stream" : "a path"
    case .choice(_, let words): "one of " + words.map(\.word).joined(separator: ", ")
    case .logFormat: "common, combined, combinedio, vhost_combined or a LogFormat"
    case .mask: "octal digits from 0 to 0777, such as 022 or 0o22, or unchanged"
    case .readTimeout: "for example header=20-40,MinRate=500 body=20,MinRate=500"
    case .addresses:
      "host:port, *:port, :port, port, [ipv6]:port, unix:PATH, unix:PATH?mode=0660 or fd://N"
    case .paths: "a path"
    case .variables: "NAME=VALUE"
    case .requests: "PATH or METHOD PATH, with `; Name: value` for each header field"
    case .proxies: "addresses, networks such as 10.0.0.0/8, unix, or *, with commas between them"
    case .mounts: "/url=directory"
    case .applications: "/url=APP"
    case .groupName: "letters, digits, - _ and ., at most 32"
    }
  }

  private static func sizeExpectation(_ range: ClosedRange<Int64>) -> String {
    "bytes, or a number with K, M or G, from \(SizeText.encode(range.lowerBound)) to "
      + SizeText.encode(range.upperBound)
  }
}
