// SettingsTable+Launch: the rows about how the processes that run Python are started. Pure.

extension SettingsTable {
  static let launch: [SettingDefinition] = [
    SettingDefinition(
      "env-file", .paths(\.environmentFiles, separatedByCommas: false), "FILE", in: .application,
      help: "File with environment variables of the application, NAME=VALUE on each line; read "
        + "before the user changes, and again at each restart. --env wins over it.",
      defaultNote: "none",
      reason: "Keeps secrets out of the command line, which every user of the machine can see."),
    SettingDefinition(
      "lang", directive: "WSGIDaemonProcess lang=", .text(\.language), "LOCALE", in: .application,
      help: "Language and encoding of the application: LANG in its environment.",
      defaultNote: "that of the command",
      reason: "The application behaves as when it is run by hand. systemd starts services "
        + "with another one than a login has."),
    SettingDefinition(
      "locale", directive: "WSGIDaemonProcess locale=", .text(\.locale), "LOCALE",
      in: .application,
      help: "The same for all that depends on a locale: LC_ALL, which wins over LANG.",
      defaultNote: "that of the command",
      reason: "As with --lang. C.UTF-8 is on every machine."),
    SettingDefinition(
      "cpu-priority", directive: "WSGIDaemonProcess cpu-priority=",
      .optionalCount(\.cpuPriority, -20...19), "N", in: .operation,
      help: "Nice value of the processes that run Python: -20 are served first, 19 last. Below the "
        + "one of the command only as root.",
      defaultNote: "that of the command",
      reason: "All are equal until somebody knows better."),
  ]
}
