// DeathNotice: says in one sentence why a process ended. Pure.
internal import Configuration
public import Platform
public import Reporting

/// Why the supervisor killed a worker.
public enum KillReason: Equatable, Sendable {
  /// A request ran longer than `--timeout`; and it was interrupted in vain.
  case stuckRequest(thread: Int, seconds: Int64, wasInterrupted: Bool = false)
  /// For so long nobody in it could get Python's lock: `--deadlock-timeout`.
  case deadlock(seconds: Int64)
  /// It did not become ready within `--startup-timeout`.
  case startupTimeout(seconds: Int64)
  /// It had nothing to import, and was not ready long after it was forked.
  case hungFork(seconds: Int64)
  /// It did not finish within `--graceful-timeout`.
  case gracefulTimeout(seconds: Int64)
  /// It did not finish within `--eviction-timeout`.
  case evictionTimeout(seconds: Int64)
  /// Its exit handlers did not finish within `--shutdown-timeout`.
  case shutdownTimeout(seconds: Int64)
  /// It did not serve yet, and was not needed any more.
  case notNeeded
  /// The server stops at once.
  case stoppedAtOnce
}

extension KillReason {
  /// Whether Python's lock could not be had.
  var isDeadlock: Bool {
    if case .deadlock = self { true } else { false }
  }
}

/// A process that ended, and what is known about it.
public struct DeathNotice: Equatable, Sendable {
  /// Process id.
  public var pid: Int32
  /// `worker` with its slot, or `mold`.
  public var who: String
  /// How it ended.
  public var status: ExitStatus
  /// Where it was in its life.
  public var state: WorkerState
  /// Whether and why the supervisor killed it.
  public var killReason: KillReason?
  /// Whether the kernel killed for want of memory since the last look; nil where it is not known.
  public var outOfMemory: Bool?
  /// Requests that were inside the process.
  public var requestsLost: Int
  /// What is known of them, the oldest first.
  public var lost: [LostRequest] = []

  /// Lost requests that are named at most.
  private static let mostNamed = 4

  /// What is known.
  public init(
    pid: Int32, who: String, status: ExitStatus, state: WorkerState,
    killReason: KillReason? = nil, outOfMemory: Bool? = nil, requestsLost: Int = 0
  ) {
    self.pid = pid
    self.who = who
    self.status = status
    self.state = state
    self.killReason = killReason
    self.outOfMemory = outOfMemory
    self.requestsLost = requestsLost
  }

  /// Whether it ended as it should.
  public var isExpected: Bool {
    status == .exited(code: 0) && (state == .draining || state == .ready)
  }

  /// Severity in the error log.
  public var level: LogLevel {
    isExpected || killReason == .stoppedAtOnce || killReason == .notNeeded ? .info : .error
  }

  /// Why it ended, for counting; says nothing where it ended as it should.
  public var cause: DeathCause {
    switch status {
    case .exited(code: ExitCode.resources.rawValue): .resourceShortage
    case .exited(code: 0) where state == .condemned: .timeout
    case .exited: .exit
    case .signalled where killReason?.isDeadlock == true: .deadlock
    case .signalled where killReason != nil: .timeout
    case .signalled: outOfMemory == true ? .outOfMemory : .signal
    }
  }

  /// The sentence.
  public var message: String {
    var text = "\(who) (pid \(pid)) \(how)"
    if requestsLost > 0 {
      text += requestsLost == 1 ? "; 1 request was lost" : "; \(requestsLost) requests were lost"
      let named = lost.prefix(Self.mostNamed).map(\.text)
      if !named.isEmpty {
        let rest = requestsLost - named.count
        text += ": " + named.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
      }
    }
    return text
  }

  private var how: String {
    switch status {
    case .exited(code: 0) where isExpected: return "finished"
    case .exited(code: 0) where state == .condemned && killReason != nil:
      return "finished when its requests were given up"
        + (killReason.map { ": " + Self.text($0) } ?? "")
    case .exited(code: ExitCode.resources.rawValue):
      return "exited with code \(ExitCode.resources.rawValue): the machine, or a limit of its "
        + "processes, is short of descriptors, memory or threads (ulimit -n and -u, or memory)"
    case .exited(let code):
      return state == .starting || state == .forking
        ? "exited with code \(code) before it was ready"
        : "exited with code \(code)"
    case .signalled where killReason != nil:
      return "was killed" + (killReason.map { ": " + Self.text($0) } ?? "")
    case .signalled(Signal.kill, _):
      switch outOfMemory {
      case true?: return "was killed by the kernel: out of memory (the cgroup's limit is reached)"
      case false?:
        return "was killed by SIGKILL from outside (the cgroup's memory limit was not the reason)"
      case nil:
        return "was killed by SIGKILL: by an administrator, or by the kernel for want of memory"
      }
    case .signalled(let signal, let dumpedCore):
      let core = dumpedCore ? ", core dumped" : ""
      let hint =
        Self.crashes.contains(Signal.name(signal))
        ? "; it crashed in native code, its Python stacks are above if it could write them" : ""
      return "was killed by \(Signal.name(signal))\(core)\(hint)"
    }
  }

  private static let crashes = ["SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT"]

  private static func text(_ reason: KillReason) -> String {
    switch reason {
    case .stuckRequest(let thread, let seconds, let wasInterrupted):
      "the request of its thread \(thread) ran for \(seconds) s, longer than --timeout"
        + (wasInterrupted ? ", and did not end when it was interrupted" : "")
    case .deadlock(let seconds):
      "for \(seconds) s none of its threads could get Python's lock (the GIL), longer than "
        + "--deadlock-timeout: look above for the thread that runs native code"
    case .startupTimeout(let seconds):
      "it was not ready after \(seconds) s (--startup-timeout)"
    case .hungFork(let seconds):
      "it did not serve \(seconds) s after it was forked: probably it waits for a lock that was "
        + "held in the process it was forked from"
    case .gracefulTimeout(let seconds):
      "it had not finished after \(seconds) s (--graceful-timeout)"
    case .evictionTimeout(let seconds):
      "it had not finished after \(seconds) s (--eviction-timeout)"
    case .shutdownTimeout(let seconds):
      "its exit handlers (atexit) had not finished after \(seconds) s (--shutdown-timeout)"
    case .notNeeded: "it was not needed any more"
    case .stoppedAtOnce: "the server was told to stop at once"
    }
  }
}
