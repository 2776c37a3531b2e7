// ApplicationMountText: the `/url=APP` of --mount. Pure.

/// `/url=APP`: the URL ends at the first equals sign.
public enum ApplicationMountText {
  /// The two halves of a mount; the application is empty where there is no equals sign.
  public static func split(_ text: String) -> (url: String, application: String) {
    let (url, application) = StaticMountText.split(text)
    return (url, application)
  }

  /// `text` without the slashes at the end of its URL.
  ///
  /// - Throws: the end of a sentence that begins with the value.
  static func parse(_ text: String) throws(ValueProblem) -> String {
    guard text.hasPrefix("/") else { throw ValueProblem("does not begin with a slash") }
    var (url, application) = split(text)
    guard !application.isEmpty else { throw ValueProblem("names no application") }
    while url.hasSuffix("/") { url.removeLast() }
    try StaticMountText.requirePath(url)
    return "\(url.isEmpty ? "/" : url)=\(application)"
  }
}

extension ServerSettings {
  /// Every application of the group and the URL it is at: APP at `/`, then those of `--mount`, in
  /// the order in which they were given. Their numbers are those of the frames.
  public var applications: [(url: String, application: String)] {
    (application.isEmpty ? [] : [(url: "/", application: application)])
      + mounts.map { ApplicationMountText.split($0) }
  }
}
