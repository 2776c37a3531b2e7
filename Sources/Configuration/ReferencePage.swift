// ReferencePage: `docs/reference/settings.md`, from the table. Pure.

/// The reference of settings as Markdown.
public enum ReferencePage {
  /// The whole page; a test compares it with the committed file.
  public static var settings: String {
    var text = """
      # Settings

      Every setting of `plimsoll serve`. This page is printed by
      `plimsoll serve --print-settings-reference`; change the table in
      `Sources/Configuration/SettingsTable.swift`, not the page.

      - **Times** are seconds, with decimals where needed, or a number with `ms`, `s`, `m` or `h`:
        `30`, `1.5`, `500ms`, `2m`.
      - **Sizes** are bytes, or a whole number with `K`, `M` or `G`, powers of 1024: `8190`, `64K`.
      - **Paths** that are relative start from `--chdir`, else from where the command was started.
      - A setting that is given twice has its last value; a repeatable one has all of them.
      - A value stands after a space or an equals sign: `--workers 4`, `--workers=4`, `-w 4`, `-w4`.
      - `--print-config` prints every setting, its value and where it comes from (the default, an
        option, or what was found on this machine) instead of serving.
      - `--check-config` finds what can be found without serving: wrong options and values, missing
        files and directories, an unknown user. It exits with 0 if all is well, else with the code
        that the start would have given. It neither imports the application nor opens addresses,
        logs or the pid file.
      - *Directive* is what Apache httpd or mod_wsgi call the same thing.

      """
    for group in SettingGroup.allCases {
      text += "\n## \(group.rawValue)\n"
      for definition in SettingsTable.all where definition.group == group {
        text += section(definition)
      }
    }
    return text
  }

  private static func section(_ definition: SettingDefinition) -> String {
    var text = "\n### \(heading(definition))\n\n\(definition.help)\n\n"
    text += "- Value: \(definition.expectation)\(definition.isRepeatable ? "; repeatable" : "")\n"
    let isNote = definition.defaultNote != nil || definition.defaultText == "none"
    text += "- Default: \(isNote ? definition.defaultText : "`\(definition.defaultText)`"). "
    text += "\(definition.reason)\n"
    if let directive = definition.directive { text += "- Directive: `\(directive)`\n" }
    let aliases = definition.options.dropFirst()
    if !aliases.isEmpty {
      text += "- Also: " + aliases.map { "`--\($0)`" }.joined(separator: ", ") + "\n"
    }
    return text
  }

  private static func heading(_ definition: SettingDefinition) -> String {
    guard definition.name != SettingsTable.applicationName else { return "`APP`" }
    if definition.isFlag { return "`--\(definition.name)`, `--no-\(definition.name)`" }
    let short = definition.short.map { ", `-\($0)`" } ?? ""
    return "`--\(definition.name) \(definition.placeholder)`\(short)"
  }
}
