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
  /// Not what was given, because that cannot work; one sentence.
  case corrected(String)
  /// Without effect; the reason.
  case unused(String)

  /// Whether the value has no effect.
  var isUnused: Bool {
    if case .unused = self { true } else { false }
  }

  /// Whether a person gave the value: then it is the option as typed.
  var typedOption: String? {
    if case .option(let option) = self { option } else { nil }
  }

  /// The origin as it stands in `--print-config`.
  public var text: String {
    switch self {
    case .builtIn: "default"
    case .option(let option): "option \(option)"
    case .environment(let variable): "environment \(variable)"
    case .decided(let reason): "decided: \(reason)"
    case .corrected(let sentence): "corrected: \(sentence)"
    case .unused(let reason): "unused: \(reason)"
    }
  }
}
