// MemoryView: what a policy knows about memory when it decides. Pure.

/// The memory of the whole server at the moment of a decision.
public struct MemoryView: Equatable, Sendable {
  /// What the server may take.
  public var budget: MemoryBudget
  /// What was measured; the policy works out what is pending.
  public var figures: MemoryFigures
  /// What one more worker will take once it has served, bytes; at least 1.
  public var expectedBytes: Int64
  /// What a worker takes that was just forked, bytes; 0 where it is not known.
  public var freshWorkerBytes: Int64
  /// Share of the last 10 s in which all processes that were not idle waited for memory, whole
  /// percent: those of the server's control group, else of the machine. 0 where it is not known.
  public var stallPercent: Int
  /// When something was last measured anew, ms of the monotonic clock.
  public var measuredMs: Int64

  /// Whether no other process group of the server has workers that take more: this one gives way
  /// above the line.
  public var isHeaviest = true

  /// The memory of a server; sizes in bytes.
  public init(
    budget: MemoryBudget, figures: MemoryFigures, expectedBytes: Int64,
    freshWorkerBytes: Int64 = 0, stallPercent: Int = 0, measuredMs: Int64 = 0
  ) {
    self.budget = budget
    self.figures = figures
    self.expectedBytes = max(1, expectedBytes)
    self.freshWorkerBytes = max(0, freshWorkerBytes)
    self.stallPercent = min(max(0, stallPercent), 100)
    self.measuredMs = measuredMs
  }
}

/// What keeps a server from having more processes than it has.
public enum BindingLimit: String, Equatable, Sendable {
  /// Nothing: there are as many as the demand needs.
  case demand
  /// The greatest number that the settings allow.
  case processes
  /// The memory budget.
  case memory
  /// The CPU time of the cores.
  case cpu
  /// Processes die early, and the next start waits.
  case failures
}
