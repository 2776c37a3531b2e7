// StatusReport: the answer to a request for the status path, as its query asks for it. Pure.

/// A status as one of its forms.
public struct StatusReport: Sendable {
  /// A form of the status.
  public enum Form: Equatable, Sendable {
    /// ``StatusPage``; a browser asks again after so many seconds, nil: never.
    case page(refreshSeconds: Int?)
    /// ``StatusText``.
    case text
    /// ``StatusJSON``.
    case json
  }

  /// Seconds between two readings where `?refresh` has no number; as in mod_status.
  public static let usualRefreshSeconds = 10
  /// Seconds between two readings at most.
  public static let mostRefreshSeconds = 3600

  /// Value of the field `Content-Type`.
  public var contentType: StaticString
  /// The whole body.
  public var body: [UInt8]

  /// Renders `status`.
  ///
  /// - Parameter query: what follows the `?` of the target; empty: the page.
  /// - Parameter host: the host that was asked, without a port: first line of the text form.
  public init(_ status: ServerStatus, query: String, host: String) {
    switch Self.form(query) {
    case .page(let seconds):
      contentType = StatusPage.contentType
      body = StatusPage.render(status, refreshSeconds: seconds)
    case .text:
      contentType = StatusText.contentType
      body = StatusText.render(status, host: host)
    case .json:
      contentType = StatusJSON.contentType
      body = StatusJSON.render(status)
    }
  }

  /// What a query asks for: `auto`, `json`, `refresh`, `refresh=N`, joined by `&`. Words that are
  /// not known are passed over, as mod_status does; `auto` wins over `json`, both over the rest.
  public static func form(_ query: String) -> Form {
    var form = Form.page(refreshSeconds: nil)
    for part in query.utf8.split(separator: UInt8(ascii: "&")) {
      let words = part.split(
        separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      switch String(words[0]) {
      case "auto": return .text
      case "json": form = .json
      case "refresh" where form != .json:
        let number = words.count > 1 ? Int(String(words[1]) ?? "") ?? 0 : 0
        form = .page(
          refreshSeconds: number > 0
            ? min(number, mostRefreshSeconds) : usualRefreshSeconds)
      default: break
      }
    }
    return form
  }
}
