// ServerSettings+Processes: what the settings say about processes, in the policy's own types. Pure.
public import ProcessPolicy

extension ServerSettings {
  /// Whether Apache's policy decides.
  public var usesApachePolicy: Bool { policy == "apache" }

  /// How connections meet handler threads.
  public var processModel: ApacheSettings.MPM { ApacheSettings.MPM(rawValue: mpm) ?? .event }

  /// Apache's directives: the preset or httpd's defaults, and what was given instead of them.
  ///
  /// As written, not corrected: see `ApacheSettings.corrected(previous:)`. ThreadsPerChild is
  /// ``threads``, GracefulShutdownTimeout ``gracefulTimeoutMs`` and ListenBacklog ``backlog``.
  public var apacheSettings: ApacheSettings {
    var settings = ApacheSettings(mpm: processModel)
    if let preset = ApacheSettings.preset(named: preset) { settings = preset }
    settings.startServers = startServers ?? settings.startServers
    settings.minSpareServers = minSpareServers ?? settings.minSpareServers
    settings.maxSpareServers = maxSpareServers ?? settings.maxSpareServers
    settings.minSpareThreads = minSpareThreads ?? settings.minSpareThreads
    settings.maxSpareThreads = maxSpareThreads ?? settings.maxSpareThreads
    settings.threadsPerChild = settings.mpm == .prefork ? 1 : threads
    settings.threadLimit = threadLimit ?? settings.threadLimit
    settings.serverLimit = serverLimit ?? settings.serverLimit
    settings.maxRequestWorkers = maxRequestWorkers ?? settings.maxRequestWorkers
    settings.maxConnectionsPerChild = maxConnectionsPerChild
    settings.listenBacklog = backlog
    settings.gracefulShutdownTimeoutSeconds = Int(gracefulTimeoutMs / 1000)
    settings.asyncRequestWorkerFactor = Double(asyncRequestWorkerFactorThousandths) / 1000
    return settings
  }

  /// Worker processes that may serve at once.
  public var mostWorkers: Int {
    guard usesApachePolicy else { return workersMax }
    let settings = (try? apacheSettings.corrected().settings) ?? apacheSettings
    return max(1, settings.processLimit)
  }

  /// Whether another worker may take a connection that one leaves alone.
  public var mayHaveSeveralWorkers: Bool { mostWorkers > 1 }
}
