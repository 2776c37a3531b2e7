// SettingDefinition+Values: text to setting and setting to text. Pure.
internal import HTTP1

extension SettingDefinition {
  /// Where a value comes from: its words may mean more on a command line than between programs.
  enum Source {
    /// Typed by a person.
    case typed
    /// Written by ``ServerSettings/encoded``.
    case encoded
  }

  /// Sets (or, where the setting is repeatable, adds) the value that `text` stands for.
  ///
  /// - Throws: the end of a sentence that begins with the value.
  func apply(
    _ text: String, to settings: inout ServerSettings, source: Source = .typed
  ) throws(ValueProblem) {
    switch kind {
    case .flag(let field): settings[keyPath: field] = try Self.parseFlag(text)
    case .count(let field, let range):
      settings[keyPath: field] = try Self.check(Self.parseCount(text), in: range)
    case .optionalCount(let field, let range):
      let isUnset = source == .encoded && text.isEmpty
      settings[keyPath: field] =
        isUnset ? nil : try Self.check(Self.parseCount(text), in: range)
    case .span(let least, let most, let range):
      (settings[keyPath: least], settings[keyPath: most]) = try Self.parseSpan(text, in: range)
    case .thousandths(let field, let range):
      settings[keyPath: field] = try Self.check(try ThousandthsText.parse(text), in: range)
    case .size(let field, let range):
      settings[keyPath: field] = try Self.check(Int(try SizeText.parse(text)), in: range)
    case .largeSize(let field, let range):
      settings[keyPath: field] = try Self.check(try SizeText.parse(text), in: range)
    case .duration(let field, let range):
      settings[keyPath: field] = try Self.check(try DurationText.parse(text), in: range)
    case .text(let field), .path(let field, _):
      guard source == .encoded || !text.isEmpty else { throw ValueProblem("is empty") }
      settings[keyPath: field] = text
    case .urlPath(let field):
      let isUnset = source == .encoded && text.isEmpty
      settings[keyPath: field] = isUnset ? "" : try StatusPathText.parse(text)
    case .choice(let field, let words):
      let word = text.lowercased()
      guard let choice = words.first(where: { $0.word == word || $0.aliases.contains(word) }) else {
        throw ValueProblem("is none of the known words")
      }
      settings[keyPath: field] = choice.value
    case .logFormat(let field):
      if let problem = Self.problem(ofLogFormat: text) { throw problem }
      settings[keyPath: field] = text
    case .mask(let field): settings[keyPath: field] = try Self.parseMask(text)
    case .readTimeout: try settings.setReadTimeout(text)
    case .addresses(let field):
      let address = try BindAddress(parsing: text)
      guard !settings[keyPath: field].contains(where: { $0.isSamePlace(as: address) }) else {
        throw ValueProblem("is given twice", advice: "leave one of them out")
      }
      settings[keyPath: field].append(address)
    case .paths(let field, let separatedByCommas):
      try Self.append(
        text, to: &settings[keyPath: field],
        separatedByCommas: separatedByCommas && source == .typed)
    case .variables(let field):
      guard let sign = text.firstIndex(of: "="), sign > text.startIndex else {
        throw ValueProblem("has no name and value")
      }
      settings[keyPath: field].append(text)
    case .requests(let field):
      _ = try WarmRequest(parsing: text)
      settings[keyPath: field].append(text)
    case .proxies(let field):
      for entry in text.split(separator: ",", omittingEmptySubsequences: false) {
        let entry = String(entry.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        try Self.append(proxy: entry, to: &settings[keyPath: field])
      }
    case .groupName(let field):
      guard source == .encoded || Self.isGroupName(text) else {
        throw ValueProblem("is no name for a process group")
      }
      settings[keyPath: field] = text
    case .applications(let field):
      try Self.append(mount: text, of: "application", to: &settings[keyPath: field])
    case .mounts(let field):
      try Self.append(mount: text, of: "directory", to: &settings[keyPath: field])
    }
  }

  /// The values of the setting as texts that ``apply(_:to:source:)`` reads; one for a setting that
  /// is not repeatable.
  func texts(in settings: ServerSettings) -> [String] {
    switch kind {
    case .flag(let field): [settings[keyPath: field] ? "on" : "off"]
    case .count(let field, _): ["\(settings[keyPath: field])"]
    case .optionalCount(let field, _): [settings[keyPath: field].map { "\($0)" } ?? ""]
    case .span(let least, let most, _):
      settings[keyPath: least] == settings[keyPath: most]
        ? ["\(settings[keyPath: least])"]
        : ["\(settings[keyPath: least])-\(settings[keyPath: most])"]
    case .thousandths(let field, _): [ThousandthsText.encode(settings[keyPath: field])]
    case .size(let field, _): [SizeText.encode(Int64(settings[keyPath: field]))]
    case .largeSize(let field, _): [SizeText.encode(settings[keyPath: field])]
    case .duration(let field, _): [DurationText.encode(settings[keyPath: field])]
    case .text(let field), .path(let field, _), .logFormat(let field), .urlPath(let field),
      .groupName(let field):
      [settings[keyPath: field]]
    case .choice(let field, let words):
      [words.first { $0.value == settings[keyPath: field] }?.word ?? settings[keyPath: field]]
    case .mask(let field):
      [settings[keyPath: field] < 0 ? "unchanged" : octalText(UInt32(settings[keyPath: field]))]
    case .readTimeout: [settings.readTimeoutText]
    case .addresses(let field): settings[keyPath: field].map(\.description)
    case .paths(let field, _), .variables(let field), .requests(let field), .proxies(let field),
      .mounts(let field), .applications(let field):
      settings[keyPath: field]
    }
  }

  /// Forgets all values of a repeatable setting; the others stay as they are.
  func clear(in settings: inout ServerSettings) {
    switch kind {
    case .addresses(let field): settings[keyPath: field] = []
    case .paths(let field, _), .variables(let field), .requests(let field), .proxies(let field),
      .mounts(let field), .applications(let field):
      settings[keyPath: field] = []
    default: break
    }
  }

  /// Rewrites the paths of the setting.
  func mapPaths(in settings: inout ServerSettings, _ absolute: (String) -> String) {
    switch kind {
    case .path(let field, let allowsStream):
      let path = settings[keyPath: field]
      guard !path.isEmpty, !(allowsStream && path == "-") else { return }
      settings[keyPath: field] = absolute(path)
    case .paths(let field, _):
      settings[keyPath: field] = settings[keyPath: field].map(absolute)
    case .mounts(let field):
      settings[keyPath: field] = settings[keyPath: field].map { mount in
        let (url, directory) = StaticMountText.split(mount)
        return "\(url)=\(absolute(directory))"
      }
    case .addresses(let field):
      settings[keyPath: field] = settings[keyPath: field].map { address in
        guard case .unix(let path, let mode) = address else { return address }
        return .unix(path: absolute(path), mode: mode)
      }
    default: break
    }
  }

  /// A name that may stand in process titles, metrics and log lines as it is.
  private static func isGroupName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 32
      && text.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
          || (0x61...0x7A).contains(byte) || [0x2D, 0x2E, 0x5F].contains(byte)
      }
  }

  // MARK: parsing

  private static func check<Number: Comparable>(
    _ value: Number, in range: ClosedRange<Number>
  ) throws(ValueProblem) -> Number {
    guard range.contains(value) else { throw ValueProblem("is out of range") }
    return value
  }

  private static func parseFlag(_ text: String) throws(ValueProblem) -> Bool {
    switch text.lowercased() {
    case "on", "yes", "true", "1": true
    case "off", "no", "false", "0": false
    default: throw ValueProblem("is neither on nor off")
    }
  }

  private static func parseCount(_ text: String) throws(ValueProblem) -> Int {
    let isNegative = text.hasPrefix("-")
    let number = text.dropFirst(isNegative ? 1 : 0)
    guard !number.isEmpty, number.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
      throw ValueProblem("is not a whole number")
    }
    guard let value = Int(number) else { throw ValueProblem("is out of range") }
    return isNegative ? -value : value
  }

  private static func parseSpan(
    _ text: String, in range: ClosedRange<Int>
  ) throws(ValueProblem) -> (least: Int, most: Int) {
    // A dash in front is a sign, not the beginning of a range without a number.
    guard let dash = text.dropFirst().firstIndex(of: "-") else {
      let number = try check(parseCount(text), in: range)
      return (number, number)
    }
    let least: Int
    let most: Int
    do throws(ValueProblem) {
      least = try parseCount(String(text[..<dash]))
      most = try parseCount(String(text[text.index(after: dash)...]))
    } catch {
      throw ValueProblem("is neither a whole number nor two with a dash between them")
    }
    guard range.contains(least), range.contains(most) else {
      throw ValueProblem("is out of range")
    }
    guard least <= most else {
      throw ValueProblem("ends before it begins", advice: "give the smaller number first")
    }
    return (least, most)
  }

  private static func parseMask(_ text: String) throws(ValueProblem) -> Int32 {
    if text == "unchanged" { return -1 }
    guard let mask = octalDigits(text) else { throw ValueProblem("is not octal") }
    guard mask <= 0o777 else { throw ValueProblem("is out of range") }
    return Int32(mask)
  }

  /// - Parameter target: what stands at a URL: `directory` or `application`.
  private static func append(
    mount text: String, of target: String, to list: inout [String]
  ) throws(ValueProblem) {
    let mount = try StaticMountText.parse(text, of: target)
    let path = StaticMountText.path(of: mount)
    guard !list.contains(where: { StaticMountText.path(of: $0) == path }) else {
      throw ValueProblem(
        "has a URL that an earlier one has", advice: "give one \(target) for each URL")
    }
    list.append(mount)
  }

  private static func append(
    proxy entry: String, to list: inout [String]
  ) throws(ValueProblem) {
    if let problem = TrustedProxies.problem(of: entry) {
      let part = entry.isEmpty ? "has an empty entry" : "has \"\(entry)\", which \(problem.text)"
      throw ValueProblem(part, advice: problem.advice)
    }
    guard !list.contains(entry) else { return }
    guard list.count < TrustedProxies.mostEntries else {
      throw ValueProblem(
        "is one of more than \(TrustedProxies.mostEntries) entries",
        advice: "put them together into networks")
    }
    list.append(entry)
  }

  private static func append(
    _ text: String, to list: inout [String], separatedByCommas: Bool
  ) throws(ValueProblem) {
    let parts =
      separatedByCommas
      ? text.split(separator: ",", omittingEmptySubsequences: false).map(String.init) : [text]
    for part in parts {
      guard !part.isEmpty else { throw ValueProblem("has an empty path") }
      list.append(part)
    }
  }
}
