// ServerSettings+Processes: what the settings say about processes, in the policy's own types. Pure.
public import ProcessPolicy

extension ServerSettings {
  /// Processes that the server can keep track of: the scoreboard's 4096 slots, without some for
  /// those that end while their successors start.
  public static let mostProcesses = 4000

  /// Whether fronts have the clients' connections.
  public var isDaemon: Bool { mode == "daemon" }

  /// Requests that a worker may have in hand and ahead of its threads, where they are short.
  private static let mostRequestsAhead = 16

  /// Lanes between one front and one worker: requests that the worker may have in hand, or ahead.
  public var lanesPerFront: Int { isDaemon ? max(threadsMax, Self.mostRequestsAhead) : 0 }

  /// Whether Apache's policy decides.
  public var usesApachePolicy: Bool { policy == "apache" }

  /// Whether a worker serves before it has imported the application, and does that inside its first
  /// request, as Apache's with mod_wsgi.
  public var loadsInsideRequests: Bool { usesApachePolicy && !preload }

  /// Whether a worker that has served may become the next mold: not while source files are
  /// watched, as code is written then, and not measured.
  public var reforks: Bool { preload && !usesApachePolicy && !reload && reforkAfter > 0 }

  /// Requests that a scout answers before it becomes a mold.
  public var scoutRequests: Int { min(max(reforkAfter, 1), 1000) }

  /// How connections meet handler threads.
  public var processModel: ApacheSettings.MPM { ApacheSettings.MPM(rawValue: mpm) ?? .event }

  /// Apache's directives: the preset or httpd's defaults, and what was given instead of them.
  ///
  /// As written, not corrected: see `ApacheSettings.corrected(previous:)`. ThreadsPerChild is
  /// ``threadsMin``, GracefulShutdownTimeout ``gracefulTimeoutMs`` and ListenBacklog ``backlog``.
  public var apacheSettings: ApacheSettings {
    var settings = ApacheSettings(mpm: processModel)
    if let preset = ApacheSettings.preset(named: preset) { settings = preset }
    settings.startServers = startServers ?? settings.startServers
    settings.minSpareServers = minSpareServers ?? settings.minSpareServers
    settings.maxSpareServers = maxSpareServers ?? settings.maxSpareServers
    settings.minSpareThreads = minSpareThreads ?? settings.minSpareThreads
    settings.maxSpareThreads = maxSpareThreads ?? settings.maxSpareThreads
    settings.threadsPerChild = settings.mpm == .prefork ? 1 : threadsMin
    settings.threadLimit = threadLimit ?? settings.threadLimit
    settings.serverLimit = serverLimit ?? settings.serverLimit
    settings.maxRequestWorkers = maxRequestWorkers ?? settings.maxRequestWorkers
    settings.maxConnectionsPerChild = maxConnectionsPerChild
    settings.listenBacklog = backlog
    settings.gracefulShutdownTimeoutSeconds = Int(gracefulTimeoutMs / 1000)
    settings.asyncRequestWorkerFactor = Double(asyncRequestWorkerFactorThousandths) / 1000
    return settings
  }

  /// Stores corrected directives, so that ``apacheSettings`` are these from now on.
  ///
  /// Those that the process model does not know stay nil.
  mutating func take(_ corrected: ApacheSettings) {
    (threadsMin, threadsMax) = (corrected.threadsPerChild, corrected.threadsPerChild)
    startServers = corrected.startServers
    serverLimit = corrected.serverLimit
    maxRequestWorkers = corrected.maxRequestWorkers
    maxConnectionsPerChild = corrected.maxConnectionsPerChild
    if corrected.mpm == .prefork {
      minSpareServers = corrected.minSpareServers
      maxSpareServers = corrected.maxSpareServers
    } else {
      minSpareThreads = corrected.minSpareThreads
      maxSpareThreads = corrected.maxSpareThreads
      threadLimit = corrected.threadLimit
    }
    // Only what is below 1 is replaced.
    if corrected.asyncRequestWorkerFactor == 1 { asyncRequestWorkerFactorThousandths = 1000 }
  }

  /// Worker processes that may serve at once.
  public var mostWorkers: Int {
    guard usesApachePolicy else { return workersMax }
    let settings = (try? apacheSettings.corrected().settings) ?? apacheSettings
    return max(1, settings.processLimit)
  }

  /// Handlers that all workers together may have under `loadline`: MaxRequestWorkers, which nobody
  /// types there.
  public var mostHandlers: Int { maxRequestWorkers ?? workersMax * threadsMin }

  /// Whether another worker may take a connection that one leaves alone.
  public var mayHaveSeveralWorkers: Bool { mostWorkers > 1 }
}
