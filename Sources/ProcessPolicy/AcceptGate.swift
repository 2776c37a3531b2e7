// AcceptGate: when a process of the event MPM takes new connections. Pure.

/// The event MPM's bound of connections per process.
///
/// A process may hold `ThreadsPerChild + idle threads × AsyncRequestWorkerFactor` connections,
/// without those that only linger before they close. The factor counts in whole numbers, as in
/// httpd 2.4, where the fraction is lost in an integer division: 2.9 works like 2.
public struct AcceptGate: Equatable, Sendable {
  /// Threads of the process.
  public let threadsPerChild: Int
  /// Connections that each idle thread allows in addition; at least 1.
  public let factor: Int

  /// The gate for corrected settings.
  public init(_ settings: ApacheSettings) {
    threadsPerChild = settings.threadsPerChild
    // Where somebody writes 1e300 the conversion may not trap.
    factor = Int(min(max(settings.asyncRequestWorkerFactor, 1), 1_000_000))
  }

  /// Whether the process takes new connections now.
  ///
  /// - Parameters:
  ///   - idleThreads: threads that wait for work; with none the gate is closed.
  ///   - connections: all connections of the process.
  ///   - lingering: those among them that only wait to be closed.
  ///   - isClosed: whether the gate is closed now. It opens one idle thread later than it
  ///     closes, so that it does not flutter.
  public func isOpen(
    idleThreads: Int, connections: Int, lingering: Int = 0, isClosed: Bool
  ) -> Bool {
    guard idleThreads > 0 else { return false }
    let held = connections - lingering
    return held <= 0 || held < threadsPerChild + (idleThreads - (isClosed ? 1 : 0)) * factor
  }
}
