// SettingOrigin: where the value of a setting comes from. Pure.

/// Why a setting has its value.
public enum SettingOrigin: Equatable, Sendable {
  /// Nobody said anything.
  case builtIn
  /// An option, as typed.
  case option(String)
  /// An environment variable.
  case environment(String)
  /// Worked out; the reason.
  case decided(String)

  /// The origin as it stands in `--print-config`.
  public var text: String {
    switch self {
    case .builtIn: "default"
    case .option(let option): "option \(option)"
    case .environment(let variable): "environment \(variable)"
    case .decided(let reason): "decided: \(reason)"
    }
  }
}
