// ServerSettings+Title: how processes and the log call the application. Pure.

extension ServerSettings {
  /// `--name`, or the application as it was typed.
  public var title: String { processName.isEmpty ? application : processName }
}
