// ApacheSettings: the directives that shape Apache's process models. Pure.

/// The process directives of one server, as written or as corrected.
///
/// Source: mpm_common, prefork, worker and event of the httpd 2.4 manual; defaults as in its
/// `mpm_default.h`.
public struct ApacheSettings: Equatable, Sendable {
  /// How connections meet processes and threads.
  public enum MPM: String, CaseIterable, Sendable {
    /// One thread, one connection at a time.
    case prefork
    /// A thread for each connection.
    case worker
    /// A thread only while a request runs.
    case event
  }

  /// The process model.
  public var mpm: MPM
  /// StartServers: processes started at once. Default 5 (prefork), 3.
  public var startServers: Int
  /// MinSpareServers (prefork): idle processes to keep at least. Default 5.
  public var minSpareServers = 5
  /// MaxSpareServers (prefork): idle processes to keep at most. Default 10.
  public var maxSpareServers = 10
  /// MinSpareThreads (worker, event): idle threads to keep at least. Default 75.
  public var minSpareThreads = 75
  /// MaxSpareThreads (worker, event): idle threads to keep at most. Default 250.
  public var maxSpareThreads = 250
  /// ThreadsPerChild: threads of a process. Default 25; always 1 for prefork.
  public var threadsPerChild: Int
  /// ThreadLimit (worker, event): bound of ThreadsPerChild. Default 64.
  public var threadLimit = 64
  /// ServerLimit: bound of the number of processes. Default 256 (prefork), 16.
  public var serverLimit: Int
  /// MaxRequestWorkers, once MaxClients: connections served at once. Default 256 (prefork), 400.
  public var maxRequestWorkers: Int
  /// MaxConnectionsPerChild, once MaxRequestsPerChild: connections, not requests, after which a
  /// process ends. Default 0: no limit.
  public var maxConnectionsPerChild = 0
  /// ListenBacklog: connections that the kernel queues. Default 511.
  public var listenBacklog = 511
  /// GracefulShutdownTimeout in s; default 0: wait as long as it takes.
  public var gracefulShutdownTimeoutSeconds = 0
  /// AsyncRequestWorkerFactor (event): see ``AcceptGate``. Default 2.
  public var asyncRequestWorkerFactor = 2.0

  /// httpd's defaults for a process model.
  public init(mpm: MPM) {
    self.mpm = mpm
    let isPrefork = mpm == .prefork
    startServers = isPrefork ? 5 : 3
    threadsPerChild = isPrefork ? 1 : 25
    serverLimit = isPrefork ? 256 : 16
    maxRequestWorkers = isPrefork ? 256 : 400
  }

  /// Processes that may serve at once; meaningful for corrected settings.
  public var processLimit: Int { min(maxRequestWorkers / max(threadsPerChild, 1), serverLimit) }

  /// Slots that processes can be in. Only event keeps room for those that are still ending.
  public var slotLimit: Int { mpm == .event ? serverLimit : processLimit }

  /// Processes to start at once: StartServers, bounded by ``processLimit``.
  public var startCount: Int { min(startServers, processLimit) }

  // MARK: presets

  /// The block for prefork that ships with httpd and with its distributions.
  public static let stockPrefork: ApacheSettings = {
    var settings = ApacheSettings(mpm: .prefork)
    settings.startServers = 5
    settings.minSpareServers = 5
    settings.maxSpareServers = 10
    settings.maxRequestWorkers = 150
    settings.maxConnectionsPerChild = 0
    return settings
  }()

  /// The block for worker that ships with httpd and with its distributions.
  public static let stockWorker = stockThreaded(.worker)

  /// The block for event: the same numbers as for worker.
  public static let stockEvent = stockThreaded(.event)

  /// A preset by its name: `stock prefork`, `stock worker`, `stock event`; nil for other names.
  public static func preset(named name: String) -> ApacheSettings? {
    switch name {
    case "stock prefork": stockPrefork
    case "stock worker": stockWorker
    case "stock event": stockEvent
    default: nil
    }
  }

  private static func stockThreaded(_ mpm: MPM) -> ApacheSettings {
    var settings = ApacheSettings(mpm: mpm)
    settings.startServers = 2
    settings.maxRequestWorkers = 150
    settings.minSpareThreads = 25
    settings.maxSpareThreads = 75
    settings.threadsPerChild = 25
    settings.maxConnectionsPerChild = 0
    return settings
  }
}
