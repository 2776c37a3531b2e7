// MemoryBudget: how much memory the server may take, and why. Pure.

/// The load line: what the whole server may take, decided once from what was said and what the
/// machine has.
public struct MemoryBudget: Equatable, Sendable {
  /// Which bound the budget comes from.
  public enum Source: Equatable, Sendable {
    /// Somebody said so.
    case setting
    /// The limit of a control group.
    case group
    /// What the machine had available.
    case machine
  }

  /// A control group that has a limit.
  public struct Group: Equatable, Sendable {
    /// Its path.
    public var path: String
    /// Its limit.
    public var limitBytes: Int64
    /// What it takes that cannot be dropped at once.
    public var usedBytes: Int64

    /// A group; sizes in bytes.
    public init(path: String, limitBytes: Int64, usedBytes: Int64) {
      self.path = path
      self.limitBytes = limitBytes
      self.usedBytes = usedBytes
    }

    /// What is left below the limit, less the reserve and what will still be taken; negative above
    /// it.
    func roomBytes(pendingBytes: Int64) -> Int64 {
      MemoryBudget.bytesBelow(limitBytes: limitBytes) - usedBytes.plusOrLargest(pendingBytes)
    }
  }

  /// The machine.
  public struct Machine: Equatable, Sendable {
    /// All of its memory.
    public var totalBytes: Int64
    /// What could still be taken without swapping.
    public var availableBytes: Int64

    /// A machine; sizes in bytes.
    public init(totalBytes: Int64, availableBytes: Int64) {
      self.totalBytes = totalBytes
      self.availableBytes = availableBytes
    }
  }

  /// Share of what the machine has available that is taken where nothing else is said, percent.
  public static let machinePercent: Int64 = 75
  /// What stays free below a limit: one part in so many.
  public static let reserveParts: Int64 = 32
  /// Bounds of what stays free: at least 4 MiB, but no more than a quarter of the limit, and at
  /// most 256 MiB.
  public static let leastReserveBytes: Int64 = 4 << 20
  /// See ``leastReserveBytes``.
  public static let mostReserveBytes: Int64 = 256 << 20

  /// What the server may take, in bytes.
  public var bytes: Int64
  /// Which bound it comes from.
  public var source: Source
  /// For people: `248 MB: the limit of the control group /site is 256 MB, less 8 MB that …`.
  public var reason: String
  /// For people: what is wrong with it; nil where nothing is.
  public var warning: String?

  /// A budget that was decided elsewhere.
  public init(bytes: Int64, source: Source, reason: String, warning: String? = nil) {
    self.bytes = max(0, bytes)
    self.source = source
    self.reason = reason
    self.warning = warning
  }

  /// Decides: what was said, else what the control group allows, else a share of what the machine
  /// has available. Never more than the control group allows: the kernel would kill for it.
  ///
  /// - Parameters:
  ///   - setting: what was said, in bytes; nil where nothing was.
  ///   - group: the group with the smallest limit; nil where none has one.
  ///   - machine: at the start, before the application is loaded; nil where it is not known.
  public static func decide(setting: Int64?, group: Group?, machine: Machine?) -> MemoryBudget {
    // A limit that the machine cannot reach is none.
    let group = group.flatMap { $0.limitBytes < machine?.totalBytes ?? .max ? $0 : nil }
    let belowGroup = group.map { bytesBelow(limitBytes: $0.limitBytes) }
    if let setting {
      return explicit(setting, group, belowGroup, machine)
    }
    if let group, let belowGroup {
      if let machine, machine.availableBytes.plusOrLargest(group.usedBytes) < belowGroup {
        let warning =
          "the control group \(group.path) allows \(group.limitBytes.asSize), but the machine has "
          + "only \(machine.availableBytes.asSize) available: end other programs, or set the "
          + "memory budget to what they leave"
        return MemoryBudget(share(of: machine), .machine, ofMachine(machine), warning)
      }
      return MemoryBudget(belowGroup, .group, ofGroup(group))
    }
    if let machine { return MemoryBudget(share(of: machine), .machine, ofMachine(machine), nil) }
    return MemoryBudget(
      .max, .machine, "neither a control group nor the machine tells how much memory there is")
  }

  private static func explicit(
    _ setting: Int64, _ group: Group?, _ belowGroup: Int64?, _ machine: Machine?
  ) -> MemoryBudget {
    if let group, let belowGroup, setting > belowGroup {
      let warning =
        "the memory budget was set to \(setting.asSize), but the control group \(group.path) "
        + "allows \(group.limitBytes.asSize) and the kernel kills what exceeds it: raise the "
        + "group's limit, or set at most \(belowGroup.asSize)"
      return MemoryBudget(belowGroup, .group, ofGroup(group), warning)
    }
    var warning: String?
    if let machine, setting > machine.availableBytes {
      warning =
        "the memory budget was set to \(setting.asSize), but the machine has only "
        + "\(machine.availableBytes.asSize) of \(machine.totalBytes.asSize) available: end other "
        + "programs, or set less"
    }
    return MemoryBudget(setting, .setting, "set with --memory or MemoryBudget", warning)
  }

  private init(_ bytes: Int64, _ source: Source, _ why: String, _ warning: String? = nil) {
    let size = bytes == .max ? "no bound" : bytes.asSize
    self.init(bytes: bytes, source: source, reason: "\(size): \(why)", warning: warning)
  }

  // MARK: the parts of the decision

  /// What stays free below a limit: the kernel's memory for connections and files, and what
  /// processes grow between two looks.
  public static func reserveBytes(limitBytes: Int64) -> Int64 {
    let limit = max(0, limitBytes)
    let part = min(max(limit / reserveParts, leastReserveBytes), mostReserveBytes)
    return min(part, limit / 4)
  }

  /// What may be taken below a limit.
  static func bytesBelow(limitBytes: Int64) -> Int64 {
    max(0, limitBytes) - reserveBytes(limitBytes: limitBytes)
  }

  private static func share(of machine: Machine) -> Int64 {
    // Divided first: it cannot overflow, and a hundred bytes do not matter.
    max(0, machine.availableBytes) / 100 * machinePercent
  }

  private static func ofGroup(_ group: Group) -> String {
    "the limit of the control group \(group.path) is \(group.limitBytes.asSize), less "
      + "\(reserveBytes(limitBytes: group.limitBytes).asSize) that stay free for what the kernel "
      + "holds for connections and files, and for growth between two looks"
  }

  private static func ofMachine(_ machine: Machine) -> String {
    "\(machinePercent) % of the \(machine.availableBytes.asSize) that this machine of "
      + "\(machine.totalBytes.asSize) had available at the start; --memory sets another"
  }
}
