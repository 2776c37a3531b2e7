// LogFormatCheck: asks the access log whether it understands a format. Pure.
internal import AccessLog

extension SettingDefinition {
  /// Why `text` is not a format of the access log; nil where it is one.
  static func problem(ofLogFormat text: String) -> ValueProblem? {
    let names = AccessLogFormat.named.map(\.name)
    if !text.contains("%"), !names.contains(text) {
      let near = Suggestion.phrase(for: text, among: names)
      return ValueProblem(
        "is not a known name and holds no % directive",
        advice: near.isEmpty ? nil : String(near.dropFirst(2)))
    }
    do throws(AccessLogFormat.ParseError) {
      _ = try AccessLogFormat(text)
      return nil
    } catch {
      return ValueProblem("is not understood: \(error.message)", advice: "")
    }
  }
}
