// HelpText: `--help` and `--print-config`, from the table. Pure.

/// Text for terminals: at most 100 columns.
public enum HelpText {
  /// Columns of a line.
  public static let width = 100
  private static let indent = 34

  /// `plimsoll --help`.
  public static let command = """
    Plimsoll, a web server for Python applications (WSGI).

    Usage:
      plimsoll serve APP [options]   serve an application; "plimsoll serve --help" has the options
      plimsoll status                show what a running server does
      plimsoll ctl WORD              stop, restart, graceful, graceful-stop or upgrade a server
      plimsoll --version             print the version
      plimsoll --help                print this

    APP is module:callable, module, path/to/file.wsgi or file.py:callable.

    """

  /// `plimsoll status --help`.
  public static let status = """
    Usage: plimsoll status [--json] [--pid FILE|NUMBER]

    Shows what a running server does: its workers, what each handler is doing, and for whom.

      -p, --pid FILE|NUMBER   which server: its pid file, or the process id of its supervisor
                              [the only one that runs and that this user may signal]
          --json              print JSON, for programs
      -h, --help              print this and exit

    docs/reference/status.md has the meaning of letters and keys.

    """

  /// `plimsoll ctl --help`.
  public static let control = """
    Usage: plimsoll ctl stop|restart|graceful|graceful-stop|upgrade [options]

    Tells a running server to stop or to load new code, and waits until that is done.

      stop                    end it: requests in hand are finished (SIGTERM)
      graceful, restart       load the code again and go over to it; no request is lost, and where
                              the new code fails the old one serves on (SIGUSR1, SIGHUP)
      graceful-stop           end it, once every connection is done (SIGWINCH)
      upgrade                 go over to the Plimsoll that is installed now, with the same options;
                              no request is lost, and where it fails the old one serves on (SIGURG)

      -p, --pid FILE|NUMBER   which server: its pid file, or the process id of its supervisor
                              [the only one that runs and that this user may signal]
          --process-group NAME
                              with graceful and restart: only this process group; the others
                              keep their workers [all groups]
          --no-wait           only send the signal
          --timeout TIME      how long to wait at most, 1ms to 24h [120]
      -h, --help              print this and exit

    """

  /// `plimsoll serve --help`.
  public static var serve: String {
    var text = """
      Usage: plimsoll serve APP [options]

      Serves a WSGI application. APP is module:callable, module, path/to/file.wsgi or
      file.py:callable; where no callable is named it is application, then app.

      Times are seconds, or numbers with ms, s, m or h. Sizes are bytes, or numbers with K, M or G.
      Options marked + may be given several times.

      """
    for group in SettingGroup.allCases {
      text += "\n\(group.rawValue):\n"
      for definition in SettingsTable.all
      where definition.group == group && definition.name != SettingsTable.applicationName {
        text += entry(label: definition.label, help: definition.helpWithDefault)
      }
    }
    text += "\nOther:\n"
    for action in ServeAction.allCases where !action.help.isEmpty {
      text += entry(
        label: (action == .help ? "  -h, " : "      ") + "--\(action.rawValue)", help: action.help)
    }
    return text
  }

  /// `--print-config`: one line for each setting: name, value, origin.
  public static func configuration(of commandLine: ServeCommandLine) -> String {
    let nameWidth = SettingsTable.all.map(\.name.count).max() ?? 0
    var text = ""
    for definition in SettingsTable.all {
      let origin = commandLine.origin(of: definition.name)
      let values =
        origin.isUnused ? [] : definition.texts(in: commandLine.settings).filter { !$0.isEmpty }
      for value in values.isEmpty ? ["(none)"] : values {
        let name = definition.name.padded(to: nameWidth)
        text += "\(name) = \(value.padded(to: 40))  # \(origin.text)\n"
      }
    }
    return text
  }

  /// A label and its help, wrapped and aligned.
  static func entry(label: String, help: String) -> String {
    var lines = wrap(help, columns: width - indent)
    var text = ""
    if label.count > indent - 2 {
      text += label + "\n"
    } else {
      text += label.padded(to: indent) + lines.removeFirst() + "\n"
    }
    for line in lines { text += String(repeating: " ", count: indent) + line + "\n" }
    return text
  }

  /// `text` in lines of at most `columns`, broken at spaces.
  static func wrap(_ text: String, columns: Int) -> [String] {
    var lines: [String] = [""]
    for word in text.split(separator: " ") {
      let last = lines[lines.count - 1]
      if last.isEmpty {
        lines[lines.count - 1] = String(word)
      } else if last.count + 1 + word.count <= columns {
        lines[lines.count - 1] = "\(last) \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}

extension SettingDefinition {
  /// The default as text, for people.
  public var defaultText: String {
    if let defaultNote { return defaultNote }
    let values = texts(in: ServerSettings()).filter { !$0.isEmpty }
    return values.isEmpty ? "none" : values.joined(separator: " ")
  }

  fileprivate var label: String {
    let mark = isRepeatable ? " +" : ""
    let start = short.map { "  -\($0), " } ?? "      "
    return isFlag
      ? "\(start)--[no-]\(name)" : "\(start)--\(name) \(placeholder)\(mark)"
  }

  fileprivate var helpWithDefault: String { "\(help) [\(defaultText)]" }
}

extension String {
  /// The text, filled with spaces to `columns`.
  func padded(to columns: Int) -> String {
    count >= columns ? self : self + String(repeating: " ", count: columns - count)
  }
}
