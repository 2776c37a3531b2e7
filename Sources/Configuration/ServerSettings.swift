// ServerSettings: everything that is set, checked and in its own type. Pure.

/// Where the server listens.
public enum BindAddress: Equatable, Sendable {
  /// IPv4 or IPv6 host (a name or a literal without brackets) and port.
  case internet(host: String, port: UInt16)
  /// A Unix socket; `mode` are its permission bits.
  case unix(path: String, mode: UInt32)
  /// A socket inherited from systemd (`fd://N`).
  case inherited(Int32)
}

/// The settings of one server, resolved and validated.
///
/// Names, ranges, units and reasons of the defaults stand in ``SettingsTable`` and, generated from
/// it, in `docs/reference/settings.md`. Paths are absolute once the `plimsoll` command is done.
public struct ServerSettings: Equatable, Sendable {
  // MARK: what is served

  /// Name of the group whose options stand first on the command line.
  public static let mainGroup = "main"

  /// Name of the process group.
  public var processGroup = mainGroup
  /// The application as typed: `module`, `module:callable`, or an absolute path, with `:callable`
  /// or not.
  public var application = ""
  /// Applications at URL prefixes, each `/url=APP` (``ApplicationMountText``).
  public var mounts: [String] = []
  /// Working directory, absolute; empty: stay.
  public var chdir = ""
  /// Directories put in front of Python's search path.
  public var pythonPath: [String] = []
  /// Variables of the processes that run Python, each `NAME=VALUE`.
  public var environment: [String] = []
  /// Files of such variables, absolute.
  public var environmentFiles: [String] = []
  /// LANG of these processes; empty: unchanged.
  public var language = ""
  /// LC_ALL of these processes; empty: unchanged.
  public var locale = ""
  /// Absolute path of the interpreter.
  public var python = ""
  /// Whether the application is imported once and the workers are forked from it.
  public var preload = true
  /// Requests answered before the workers are forked, each as ``WarmRequest`` reads it.
  public var warmRequests: [String] = []
  /// Whether objects that exist before the fork are made immortal.
  public var immortal = true
  /// Whether code that the warm requests run is moved together.
  public var gatherCode = true
  /// Whether the kernel may merge equal pages of the mold and the workers.
  public var mergePages = false
  /// Requests after which a worker that served some of them becomes the next mold; 0: none does.
  public var reforkAfter = 1000

  // MARK: where

  /// What the server listens on.
  public var binds: [BindAddress] = [.internet(host: "127.0.0.1", port: 8000)]
  /// Connections the kernel holds until they are accepted, per address.
  public var backlog = 511
  /// Proxies whose word about their clients counts: addresses, networks, `unix`, `*`.
  public var trustedProxies: [String] = []
  /// Whether connections of those begin with a header of the PROXY protocol.
  public var proxyProtocol = false
  /// Whether the application sees what others say in X-Forwarded-*, Forwarded and X-Real-IP.
  public var passesForwardedFields = false
  /// Directories served without Python, each `/url=dir`; no slash at the end of the URL but for
  /// `/`.
  public var staticMounts: [String] = []
  /// Whether static files may be reached through symbolic links.
  public var staticFollowsSymlinks = false

  // MARK: how many

  /// Who decides how many workers there are: `loadline` or `apache`.
  public var policy = "loadline"
  /// Who has the clients' connections: `embedded` (the workers) or `daemon` (fronts without
  /// Python).
  public var mode = "daemon"
  /// Fronts, in daemon mode.
  public var fronts = 1
  /// How connections meet handler threads: `event`, `worker` or `prefork`.
  public var mpm = "event"
  /// Worker processes kept even without any demand (`loadline`).
  public var workersMin = 1
  /// Worker processes at most (`loadline`).
  public var workersMax = 1
  /// Handler threads that each worker has.
  public var threadsMin = 4
  /// Handler threads that a worker may have where there cannot be more workers (`event` under
  /// `loadline`); else as ``threadsMin``.
  public var threadsMax = 16
  /// Whole requests that wait in one queue at most.
  public var queueLimit = 10_000
  /// Connections each worker holds at most.
  public var maxConnections = 10_000
  /// Requests after which a worker is replaced; 0: never.
  public var maxRequests = 0
  /// Bytes that the whole server may take; 0: decided at the start.
  public var memoryBudgetBytes: Int64 = 0
  /// Random addition to ``maxRequests``, 0 to this.
  public var maxRequestsJitter = 0
  /// CPU time after which a worker is replaced; 0: never.
  public var cpuTimeLimitMs: Int64 = 0
  /// Own memory above which a worker is replaced after a response; 0: the budget decides alone.
  public var memoryLimitBytes: Int64 = 0
  /// Time of service after which a worker is replaced; 0: never.
  public var restartIntervalMs: Int64 = 0
  /// Connections (not requests) after which a worker is replaced; 0: never.
  public var maxConnectionsPerChild = 0

  // MARK: how many, under Apache's policy

  /// Name of the block of httpd's that the directives start from; empty: httpd's defaults.
  public var preset = ""
  /// StartServers; nil: the preset's, or httpd's default for the process model. So with the others.
  public var startServers: Int?
  /// MinSpareServers.
  public var minSpareServers: Int?
  /// MaxSpareServers.
  public var maxSpareServers: Int?
  /// MinSpareThreads.
  public var minSpareThreads: Int?
  /// MaxSpareThreads.
  public var maxSpareThreads: Int?
  /// ThreadLimit.
  public var threadLimit: Int?
  /// ServerLimit.
  public var serverLimit: Int?
  /// MaxRequestWorkers, once MaxClients.
  public var maxRequestWorkers: Int?
  /// AsyncRequestWorkerFactor, in thousandths.
  public var asyncRequestWorkerFactorThousandths = 2000

  // MARK: limits of a request

  /// Bytes of the request line without its line end.
  public var limitRequestLine = 8190
  /// Bytes of one header field line without its line end.
  public var limitRequestFieldSize = 8190
  /// Header fields of a request.
  public var limitRequestFields = 100
  /// Bytes of a request body.
  public var limitRequestBody: Int64 = 1_073_741_824
  /// Bytes of a request body that are kept in memory; more goes to an unlinked temporary file.
  public var bodyMemoryBytes = 131_072
  /// Bytes of the head of a response at most.
  public var responseHeadBytes = 65_536
  /// Bytes of a response that a front holds in memory for a slow client; more goes to an unlinked
  /// temporary file.
  public var responseBufferBytes = 262_144
  /// Bytes that such a file holds at most; 0: there is none.
  public var responseSpoolBytes: Int64 = 67_108_864
  /// Whether a front hands a request on when its body is over ``bodyMemoryBytes`` and still
  /// arrives.
  public var streamsUploads = false
  /// Where temporary files are made.
  public var temporaryDirectory = "/tmp"

  // MARK: times

  /// A request without progress for so long is stuck, and is interrupted; 0: off.
  public var timeoutMs: Int64 = 60_000
  /// What a request that was interrupted gets to end; then its worker is replaced. 0: that is
  /// replaced at once.
  public var interruptTimeoutMs: Int64 = 5_000
  /// A worker in which nobody could get Python's lock for so long is replaced; 0: none is.
  public var deadlockTimeoutMs: Int64 = 300_000
  /// A request that has waited so long for a handler is turned away with 503; 0: it waits on.
  public var queueTimeoutMs: Int64 = 30_000
  /// How long a request may wait in a front behind which no worker is; 0: ``queueTimeoutMs``.
  public var connectTimeoutMs: Int64 = 15_000
  /// How long requests in hand may take when the server stops or restarts.
  public var gracefulTimeoutMs: Int64 = 30_000
  /// A group that nobody asked for so long sleeps without workers; 0: never.
  public var inactivityTimeoutMs: Int64 = 0
  /// What a worker gets for its exit handlers, or once its requests were given up.
  public var shutdownTimeoutMs: Int64 = 5_000
  /// How long requests in hand may take in a worker that was sent SIGTERM; 0: as when the server
  /// restarts.
  public var evictionTimeoutMs: Int64 = 0
  /// How long the application may take to be imported.
  public var startupTimeoutMs: Int64 = 60_000
  /// How long an idle connection stays open; 0: keep-alive is off.
  public var keepAliveMs: Int64 = 5_000
  /// Requests of one connection; 0: no limit.
  public var maxKeepAliveRequests = 1000
  /// Time for a request head (RequestReadTimeout `header=20-40,MinRate=500`); 0: no limit.
  public var headTimeoutMs: Int64 = 20_000
  /// What the time for a head may grow to; 0: no limit.
  public var headTimeoutMaxMs: Int64 = 40_000
  /// Bytes of a head that add one second; 0: the time is fixed.
  public var headMinRate = 500
  /// Time for a request body (RequestReadTimeout `body=20,MinRate=500`); 0: no limit.
  public var bodyTimeoutMs: Int64 = 20_000
  /// What the time for a body may grow to; 0: no limit.
  public var bodyTimeoutMaxMs: Int64 = 0
  /// Bytes of a body that add one second; 0: the time is fixed.
  public var bodyMinRate = 500
  /// A response of which the client takes nothing for so long is given up.
  public var writeTimeoutMs: Int64 = 60_000
  /// How long a closing connection is read, so that the client sees the response.
  public var lingeringCloseMs: Int64 = 2_000

  // MARK: operation

  /// URL path of the status page; empty: none.
  public var statusPath = ""
  /// URL path of the metrics; empty: none.
  public var metricsPath = ""
  /// Who may see these: `local` (this machine's clients) or `all`.
  public var statusAccess = "local"
  /// User of the workers, name or number; empty: unchanged.
  public var user = ""
  /// Group of the workers, name or number; empty: the user's, or unchanged.
  public var group = ""
  /// Nice value of the processes that run Python, -20 to 19; nil: unchanged.
  public var cpuPriority: Int?
  /// File mode creation mask; -1: unchanged.
  public var umask: Int32 = -1
  /// File that holds the supervisor's process number; empty: none.
  public var pidFile = ""
  /// Access log; empty: none, `-`: standard output.
  public var accessLogfile = ""
  /// A name or a `LogFormat`.
  public var accessLogFormat = "combined"
  /// Error log; `-`: standard error.
  public var errorLogfile = "-"
  /// Least severe level that is logged: crit, error, warn, notice, info or debug.
  public var logLevel = "notice"
  /// Name in process titles; empty: the application's.
  public var processName = ""
  /// Whether changed source files restart the application.
  public var reload = false
  /// Whether a script that was changed or touched restarts its group.
  public var scriptReloading = true
  /// More files that are watched.
  public var reloadExtraFiles: [String] = []
  /// Value of the Server field; empty sends none.
  public var serverTokens = "plimsoll"

  /// The defaults.
  public init() {}
}
