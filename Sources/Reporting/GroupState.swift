// GroupState: whether a process group serves. Pure.

/// What a process group does, in one word.
public enum GroupState: Int, CaseIterable, Sendable {
  /// Nothing serves yet: the application is loaded, or its first worker starts.
  case loading
  /// A worker serves.
  case serving
  /// It has no worker, as nobody asked for one for `--inactivity-timeout`; the next request starts
  /// one.
  case asleep
  /// It could not be loaded or started, and waits until that is tried again.
  case failed

  /// The word for it in JSON, in metrics and for people.
  var label: String {
    switch self {
    case .loading: "loading"
    case .serving: "serving"
    case .asleep: "asleep"
    case .failed: "failed"
    }
  }

  /// What is said of several groups: the first of these that one of them is in.
  static let best: [GroupState] = [.serving, .asleep, .loading, .failed]
}
