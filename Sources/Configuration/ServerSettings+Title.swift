// ServerSettings+Title: how processes and the log call the application. Pure.

extension ServerSettings {
  /// `--name`; else the name of a group that has one; else the application as it was typed.
  public var title: String {
    if !processName.isEmpty { return processName }
    if processGroup != Self.mainGroup { return processGroup }
    return application.isEmpty ? mounts.first ?? processGroup : application
  }
}
