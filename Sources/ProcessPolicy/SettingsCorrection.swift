// SettingsCorrection: what httpd does with values that cannot work. Pure.

/// A value that was replaced, and why.
public struct SettingCorrection: Equatable, Sendable {
  /// The directive.
  public var directive: String
  /// The value that is used.
  public var used: Int
  /// One sentence for the log.
  public var text: String
}

/// A value that httpd does not start with.
public struct RefusedSetting: Error, Equatable, Sendable {
  /// The directive.
  public var directive: String
  /// One sentence: what is wrong and what is possible.
  public var text: String
}

/// Applies the rules in httpd's order; each sees what the ones before it left.
struct SettingsCorrector {
  /// Most processes that httpd can be told to have, whatever the configuration says.
  static func mostServers(_ mpm: ApacheSettings.MPM) -> Int { mpm == .prefork ? 200_000 : 20_000 }
  /// Most threads in a process.
  static func mostThreads(_ mpm: ApacheSettings.MPM) -> Int { mpm == .event ? 100_000 : 20_000 }

  var settings: ApacheSettings
  private(set) var corrections: [SettingCorrection] = []

  init(_ settings: ApacheSettings) { self.settings = settings }

  /// What httpd answers with a message and an exit.
  func refuse() throws(RefusedSetting) {
    if settings.listenBacklog < 1 {
      throw RefusedSetting(
        directive: "ListenBacklog",
        text: "ListenBacklog is \(settings.listenBacklog), but must be at least 1; 511 is usual.")
    }
    if settings.gracefulShutdownTimeoutSeconds < 0 {
      throw RefusedSetting(
        directive: "GracefulShutdownTimeout",
        text: "GracefulShutdownTimeout is \(settings.gracefulShutdownTimeoutSeconds) s, but must "
          + "be 0 (wait as long as it takes) or more.")
    }
    // Written so that it refuses NaN too.
    if settings.mpm == .event, !(settings.asyncRequestWorkerFactor > 0) {
      throw RefusedSetting(
        directive: "AsyncRequestWorkerFactor",
        text: "AsyncRequestWorkerFactor is \(settings.asyncRequestWorkerFactor), but must be a "
          + "positive number; 2 is usual.")
    }
  }

  mutating func correctServerLimit(previous: ApacheSettings?) {
    let most = Self.mostServers(settings.mpm)
    if settings.serverLimit > most {
      set(
        \.serverLimit, "ServerLimit", most,
        "exceeds the \(most) processes that are possible: using \(most).")
    } else if settings.serverLimit < 1 {
      set(\.serverLimit, "ServerLimit", 1, "is not allowed: using 1.")
    }
    if let previous, previous.serverLimit != settings.serverLimit {
      set(
        \.serverLimit, "ServerLimit", previous.serverLimit,
        "differs from \(previous.serverLimit), and cannot change in a restart: "
          + "using \(previous.serverLimit) until the server is stopped and started.")
    }
  }

  mutating func correctPrefork() {
    let limit = settings.serverLimit
    settings.threadsPerChild = 1
    if settings.maxRequestWorkers > limit {
      set(
        \.maxRequestWorkers, "MaxRequestWorkers", limit,
        "exceeds ServerLimit \(limit): using \(limit); to have more, raise ServerLimit.")
    } else if settings.maxRequestWorkers < 1 {
      set(\.maxRequestWorkers, "MaxRequestWorkers", 1, "is not allowed: using 1.")
    }
    correctStartServers()
    if settings.minSpareServers < 1 {
      set(
        \.minSpareServers, "MinSpareServers", 1,
        "is not allowed: using 1, because a server without a spare process almost surely fails.")
    }
    let least = sum(settings.minSpareServers, 1)
    if settings.maxSpareServers < least {
      set(
        \.maxSpareServers, "MaxSpareServers", least,
        "is not above MinSpareServers \(settings.minSpareServers): using \(least), or processes "
          + "would be started and ended in turns.")
    }
  }

  mutating func correctThreaded(previous: ApacheSettings?) {
    correctThreadLimit(previous: previous)
    let limit = settings.threadLimit
    if settings.threadsPerChild > limit {
      set(
        \.threadsPerChild, "ThreadsPerChild", limit,
        "exceeds ThreadLimit \(limit): using \(limit); to have more, raise ThreadLimit.")
    } else if settings.threadsPerChild < 1 {
      set(\.threadsPerChild, "ThreadsPerChild", 1, "is not allowed: using 1.")
    }
    correctMaxRequestWorkers()
    correctStartServers()
    if settings.minSpareThreads < 1 {
      set(
        \.minSpareThreads, "MinSpareThreads", 1,
        "is not allowed: using 1, because a server without a spare thread almost surely fails.")
    }
    // The manual speaks of the sum; the code asks for one thread more, and the code is what runs.
    let least = sum(settings.minSpareThreads, settings.threadsPerChild + 1)
    if settings.maxSpareThreads < least {
      set(
        \.maxSpareThreads, "MaxSpareThreads", least,
        "is not above MinSpareThreads \(settings.minSpareThreads) plus ThreadsPerChild "
          + "\(settings.threadsPerChild): using \(least), or processes would be started and ended "
          + "in turns.")
    }
  }

  /// What is the same for every process model and comes last.
  mutating func correctCommon() {
    if settings.maxConnectionsPerChild < 0 {
      set(
        \.maxConnectionsPerChild, "MaxConnectionsPerChild", 0,
        "is not allowed: using 0, which means no limit.")
    }
    if settings.mpm == .event, settings.asyncRequestWorkerFactor < 1 {
      let written = settings.asyncRequestWorkerFactor
      settings.asyncRequestWorkerFactor = 1
      corrections.append(
        SettingCorrection(
          directive: "AsyncRequestWorkerFactor", used: 1,
          text: "AsyncRequestWorkerFactor \(written) is too small: using 1."))
    }
  }

  // MARK: parts

  private mutating func correctThreadLimit(previous: ApacheSettings?) {
    let most = Self.mostThreads(settings.mpm)
    if settings.threadLimit > most {
      set(
        \.threadLimit, "ThreadLimit", most,
        "exceeds the \(most) threads that are possible: using \(most).")
    } else if settings.threadLimit < 1 {
      set(\.threadLimit, "ThreadLimit", 1, "is not allowed: using 1.")
    }
    if let previous, previous.threadLimit != settings.threadLimit {
      set(
        \.threadLimit, "ThreadLimit", previous.threadLimit,
        "differs from \(previous.threadLimit), and cannot change in a restart: "
          + "using \(previous.threadLimit) until the server is stopped and started.")
    }
  }

  private mutating func correctMaxRequestWorkers() {
    let threads = settings.threadsPerChild
    if settings.maxRequestWorkers < threads {
      set(
        \.maxRequestWorkers, "MaxRequestWorkers", threads,
        "is less than the threads of one process (ThreadsPerChild \(threads)): using \(threads).")
    }
    let servers = settings.maxRequestWorkers / threads
    if settings.maxRequestWorkers % threads != 0 {
      set(
        \.maxRequestWorkers, "MaxRequestWorkers", servers * threads,
        "is not a multiple of ThreadsPerChild \(threads): using \(servers * threads), "
          + "for at most \(servers) processes.")
    }
    // httpd lowers the processes only and goes on to compare with the number that was written; so
    // it logs «scoreboard is full» every second. Here the number follows.
    let most = settings.serverLimit * threads
    if servers > settings.serverLimit {
      set(
        \.maxRequestWorkers, "MaxRequestWorkers", most,
        "needs \(servers) processes, more than ServerLimit \(settings.serverLimit): "
          + "using \(most); to have more, raise ServerLimit.")
    }
  }

  private mutating func correctStartServers() {
    if settings.startServers < 1 {
      set(\.startServers, "StartServers", 1, "is not allowed: using 1.")
    }
  }

  /// The sum, or the largest number where it would be larger: the values come from a person.
  private func sum(_ first: Int, _ second: Int) -> Int {
    let (sum, isOver) = first.addingReportingOverflow(second)
    return isOver ? .max : sum
  }

  private mutating func set(
    _ field: WritableKeyPath<ApacheSettings, Int>, _ directive: String, _ used: Int, _ why: String
  ) {
    let text = "\(directive) \(settings[keyPath: field]) \(why)"
    corrections.append(SettingCorrection(directive: directive, used: used, text: text))
    settings[keyPath: field] = used
  }
}

extension ApacheSettings {
  /// The settings that httpd would really run with, and what it changed.
  ///
  /// Correcting corrected settings changes nothing.
  /// - Parameter previous: the corrected settings before a restart; ServerLimit and ThreadLimit
  ///   stay as they were. nil at the first start.
  /// - Throws: `RefusedSetting` for values that httpd does not start with.
  public func corrected(
    previous: ApacheSettings? = nil
  ) throws(RefusedSetting) -> (settings: ApacheSettings, corrections: [SettingCorrection]) {
    var corrector = SettingsCorrector(self)
    try corrector.refuse()
    corrector.correctServerLimit(previous: previous)
    if mpm == .prefork {
      corrector.correctPrefork()
    } else {
      corrector.correctThreaded(previous: previous)
    }
    corrector.correctCommon()
    return (corrector.settings, corrector.corrections)
  }
}
