// ServeCommandLine+Groups: whether the process groups fit together. Pure.

extension ServeCommandLine {
  /// The server that the words describe. The group main is in it where it has an application, or
  /// where there is no other group.
  public var model: ServerModel {
    ServerModel(server: settings, groups: served.map(\.settings))
  }

  /// The command lines of the groups in ``model``.
  public var served: [ServeCommandLine] {
    settings.applications.isEmpty && !groups.isEmpty ? groups : [self] + groups
  }

  /// Changes the settings of every group in ``served``, the server's own among them.
  public mutating func forEachServed<Failure: Error>(
    _ change: (inout ServeCommandLine) throws(Failure) -> Void
  ) throws(Failure) {
    if !settings.applications.isEmpty || groups.isEmpty { try change(&self) }
    for index in groups.indices { try change(&groups[index]) }
  }

  /// - Throws: one sentence, where groups contradict each other.
  mutating func settleGroups() throws(UsageError) {
    try requireAwake()
    guard groups.isEmpty || settings.isDaemon else {
      throw UsageError(
        "--process-group \(groups[0].settings.processGroup) needs --mode daemon: in embedded mode "
          + "there is one kind of worker, which accepts clients itself; leave --mode embedded out")
    }
    var urls: [[UInt8]: String] = [:]
    for group in served {
      let name = group.settings.processGroup
      guard !group.settings.applications.isEmpty || groups.isEmpty else {
        throw UsageError(
          "--process-group \(name) has no application; add --mount /URL=APP behind it")
      }
      for (url, _) in group.settings.applications {
        let path = StaticMountText.path(of: url)
        if let other = urls[path] {
          let whom = other == name ? "two applications" : "the process groups \(other) and \(name)"
          throw UsageError("the URL \(url) is given to \(whom); give each a URL of its own")
        }
        urls[path] = name
      }
    }
  }

  /// - Throws: where a group is to sleep that nobody could wake.
  private func requireAwake() throws(UsageError) {
    for group in served where group.settings.inactivityTimeoutMs > 0 {
      guard !group.settings.isDaemon || group.settings.usesApachePolicy else { continue }
      let reason =
        group.settings.usesApachePolicy
        ? "--policy loadline: httpd keeps its processes; leave one of them out"
        : "--mode daemon: in embedded mode the workers themselves accept clients, so nobody could "
          + "wake them; leave it out, or leave --mode embedded out"
      throw UsageError("--inactivity-timeout needs \(reason)")
    }
  }
}
