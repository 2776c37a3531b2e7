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

/// The settings of one server, resolved and validated. Field by field as in `docs/reference/settings.md`.
public struct ServerSettings: Equatable, Sendable {
  // What is served.
  public var application = ""  // as typed: module, module:callable, path
  public var chdir = ""  // absolute; empty: stay
  public var pythonPath: [String] = []
  public var environment: [String] = []  // NAME=VALUE
  public var python = ""  // absolute path of the interpreter
  public var preload = true
  // Where.
  public var binds: [BindAddress] = [.internet(host: "127.0.0.1", port: 8000)]
  public var backlog = 511
  public var staticMounts: [String] = []  // /url=dir
  public var staticFollowsSymlinks = false
  // How many.
  public var workers = 1
  public var threads = 4
  public var maxConnections = 10_000  // per worker
  public var maxRequests = 0
  public var maxRequestsJitter = 0
  // Limits of a request.
  public var limitRequestLine = 8190
  public var limitRequestFieldSize = 8190
  public var limitRequestFields = 100
  public var limitRequestBody: Int64 = 1_073_741_824
  public var bodyMemoryBytes = 131_072  // more goes to an unlinked temporary file
  public var temporaryDirectory = "/tmp"
  // Times.
  public var timeoutMs: Int64 = 60_000  // stuck request; 0 off
  public var gracefulTimeoutMs: Int64 = 30_000
  public var startupTimeoutMs: Int64 = 60_000
  public var keepAliveMs: Int64 = 5_000  // 0: off
  public var maxKeepAliveRequests = 100  // 0: no limit
  public var headTimeoutMs: Int64 = 20_000  // RequestReadTimeout header=20-40,MinRate=500
  public var headTimeoutMaxMs: Int64 = 40_000
  public var headMinRate = 500  // bytes/s
  public var bodyTimeoutMs: Int64 = 20_000  // body=20,MinRate=500
  public var bodyMinRate = 500
  public var writeTimeoutMs: Int64 = 60_000  // a write that makes no progress
  public var lingeringCloseMs: Int64 = 2_000
  // Operation.
  public var user = ""
  public var group = ""
  public var umask: Int32 = -1
  public var pidFile = ""
  public var accessLogfile = ""  // "": none, "-": standard output
  public var accessLogFormat = "combined"
  public var errorLogfile = "-"
  public var logLevel = "notice"
  public var processName = ""
  public var reload = false
  public var reloadExtraFiles: [String] = []
  public var serverTokens = "plimsoll"  // Server field; "" sends none

  public init() {}
}
