// Command: the first word after `plimsoll`. Edge.
internal import Configuration
internal import Glibc

/// The commands of the program.
enum Command {
  private static let names = ["serve", "status", "ctl", "help", "version"]

  /// Does what `words` say; returns when that is done.
  ///
  /// - Throws: one sentence and the code to exit with.
  static func run(_ words: [String]) throws(UsageError) {
    guard let first = words.first else {
      Terminal.complain(HelpText.command)
      exit(ExitCode.usage.rawValue)
    }
    switch first {
    case "serve": try ServeCommand.run(Array(words.dropFirst()))
    case "status": try StatusCommand.run(Array(words.dropFirst()))
    case "ctl": try ControlCommand.run(Array(words.dropFirst()))
    case "--help", "-h", "help": Terminal.print(HelpText.command)
    case "--version", "-V", "version": Terminal.print("plimsoll \(Release.version)\n")
    default: throw unknown(first)
    }
  }

  private static func unknown(_ word: String) -> UsageError {
    let isOption = word.hasPrefix("-")
    if isOption {
      let near = Suggestion.phrase(for: word, among: ["--help", "--version"])
      return UsageError(
        "\(word) is not an option of plimsoll"
          + (near.isEmpty ? "; options of the server follow \"plimsoll serve APP\"" : near))
    }
    if ControlVerb(rawValue: word) != nil {
      return UsageError("\"\(word)\" is not a command; type: plimsoll ctl \(word)")
    }
    let near = Suggestion.phrase(for: word, among: names)
    if near.isEmpty, word.contains(":") || word.contains("/") || word.contains(".") {
      return UsageError(
        "\"\(word)\" is not a command; to serve an application type: plimsoll serve \(word)")
    }
    return UsageError(
      "\"\(word)\" is not a command"
        + (near.isEmpty ? "; to serve an application type: plimsoll serve APP" : near))
  }
}
