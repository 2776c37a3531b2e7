// ApplicationMountText: the `/url=APP` of --mount. Pure.

/// `/url=APP`: the URL ends at the first equals sign.
public enum ApplicationMountText {
  /// The two halves of a mount; the application is empty where there is no equals sign.
  public static func split(_ text: String) -> (url: String, application: String) {
    let (url, application) = StaticMountText.split(text)
    return (url, application)
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
