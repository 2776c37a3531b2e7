// CommandLineSections: the words of a command line, by process group. Pure.
//
//   APP and options ─▶ main;  --process-group blog options ─▶ blog;  --process-group shop … ─▶ shop
//
// What stands before the first `--process-group` is about the server and the group main, and holds
// for the other groups where they do not say otherwise.

/// The words of `plimsoll serve`, split where `--process-group` begins another group.
struct CommandLineSections {
  typealias Word = OptionReader.Word

  /// One further group.
  struct Group {
    let name: String
    /// Its own words, `--process-group` among them.
    var words: [Word]
  }

  /// Most groups of a server: each has a mold, a Python, and slots of its own.
  static let mostGroups = 64

  private(set) var main: [Word] = []
  private(set) var groups: [Group] = []
  /// `--help` and the like that stand in a group.
  private(set) var actions: [ServeAction] = []

  /// - Throws: one sentence, about an option that has no value or does not exist, or that stands in
  ///   a group and is none of a group's.
  init(_ words: [String]) throws(UsageError) {
    var reader = OptionReader(words: words[...])
    while let word = try reader.next() {
      if case .setting(let definition, _, let name) = word,
        definition.name == SettingsTable.processGroupName
      {
        guard name != ServerSettings.mainGroup, !groups.contains(where: { $0.name == name }) else {
          throw UsageError(
            "--process-group \(name): there is a group of that name already; give each its own, "
              + "and put all of its options behind one --process-group")
        }
        guard groups.count < Self.mostGroups else {
          throw UsageError(
            "there are more than \(Self.mostGroups) process groups; start a second "
              + "server for the others")
        }
        groups.append(Group(name: name, words: [word]))
      } else if groups.isEmpty {
        main.append(word)
      } else {
        try add(word)
      }
    }
  }

  private mutating func add(_ word: Word) throws(UsageError) {
    let last = groups.count - 1
    let place = "--process-group \(groups[last].name)"
    switch word {
    case .action(let action): actions.append(action)
    case .argument(let text):
      throw UsageError(
        "\"\(text)\" stands behind \(place); give an application of that group as "
          + "--mount /URL=\(text), or the one at / before the first --process-group")
    case .setting(let definition, let option, _):
      guard definition.scope == .group else {
        throw UsageError(
          "\(option) is about the whole server and stands behind \(place); give it before the "
            + "first --process-group")
      }
      groups[last].words.append(word)
    }
  }

  /// The words of main that hold for the other groups as well: not what is served.
  var inherited: [Word] {
    main.filter { word in
      guard case .setting(let definition, _, _) = word else { return false }
      return !Self.ofMainOnly.contains(definition.name)
    }
  }

  private static let ofMainOnly: Set<String> = ["mount", "name", "warm", "reload-extra-file"]
}
