// LogFormatCheck: asks the access log whether it understands a format. Pure.
internal import AccessLog

extension SettingDefinition {
  /// Why `text` is not a format of the access log; nil where it is one.
  static func problem(ofLogFormat text: String) -> String? {
    let names = AccessLogFormat.named.map(\.name)
    if !text.contains("%"), !names.contains(text) {
      return "is not a known name and holds no % directive"
        + Suggestion.phrase(for: text, among: names)
    }
    do throws(AccessLogFormat.ParseError) {
      _ = try AccessLogFormat(text)
      return nil
    } catch {
      return "is not understood: \(error.message)"
    }
  }
}
