// ServerFacts+Gone: what is counted for the whole life of the server. Edge.
//
// What a worker did stands in its slot until it is gone, and is added up here then. A reader that
// came between the two steps would see it twice, or not at all, and its sum would fall afterwards,
// which monitoring takes for a restart of the server. So both are done while a number is odd, as in
// RequestText, and a reader that finds it odd or changed reads again (`Scoreboard.status()`).
public import Reporting
internal import Synchronization

extension ServerFacts {
  private enum Gone {
    static let requests = 0
    static let bytes = 1
    static let durationUs = 2
    static let cpuMs = 3
    static let forks = 4
    static let deaths = 5
  }

  private enum Counter {
    static let sequence = 0
    static let generationsServed = 1
    static let generationsFailed = 2
    static let lockWaits = 3
    static let lockWaitedUs = 4
    static let interrupted = 5
    static let waitedUs = 6
  }

  // MARK: written by the supervisor

  /// A worker is asked for.
  public func workerWasForked() { gone.add(1, to: Gone.forks) }

  /// A process ended otherwise than it should.
  public func died(_ process: ServerProcess, of cause: DeathCause) {
    if process == .worker { gone.add(1, to: Gone.deaths) }
    line(Self.deathLine + process.rawValue).add(1, to: cause.rawValue)
  }

  func generationWasServed() { counters.add(1, to: Counter.generationsServed) }

  func generationFailed() { counters.add(1, to: Counter.generationsFailed) }

  /// Adds what the process of a slot did, which is gone, and takes it out of the slot.
  public func inherit(from slot: WorkerSlot) {
    let number = counters[Counter.sequence] & ~1
    counters[Counter.sequence] = number &+ 1
    atomicMemoryFence(ordering: .releasing)
    gone.add(slot.cpuMs, to: Gone.cpuMs)
    let shed = slot.shed
    for reason in ShedReason.allCases { line(Self.shedLine).add(shed[reason], to: reason.rawValue) }
    counters.add(slot.lockWaits, to: Counter.lockWaits)
    counters.add(slot.lockWaitedUs, to: Counter.lockWaitedUs)
    counters.add(slot.interrupted, to: Counter.interrupted)
    let done = slot.done
    gone.add(done.requests, to: Gone.requests)
    gone.add(done.bytes, to: Gone.bytes)
    gone.add(done.durationUs, to: Gone.durationUs)
    for index in 0..<ServiceTimes.classes {
      line(Self.serviceLine + index / SharedLine.fields)
        .add(slot.serviceCount(index), to: index % SharedLine.fields)
      line(Self.waitLine + index / SharedLine.fields)
        .add(slot.waitCount(index), to: index % SharedLine.fields)
    }
    counters.add(slot.waitedUs, to: Counter.waitedUs)
    slot.forgetDone()
    atomicMemoryFence(ordering: .releasing)
    counters[Counter.sequence] = number &+ 2
  }

  // MARK: taken over from a program before this one

  /// A number that only rises, and what the slots have of the same.
  struct InheritedField {
    enum Share {
      case requests, bytes, durationUs, cpuMs
      case lockWaits, lockWaitedUs, interrupted, waitedUs
      case shed(ShedReason)
      case service(Int)
      case wait(Int)
    }

    let line: Int
    let field: Int
    var share: Share?
  }

  /// All of them.
  static let inheritedFields: [InheritedField] =
    [
      InheritedField(line: goneLine, field: Gone.requests, share: .requests),
      InheritedField(line: goneLine, field: Gone.bytes, share: .bytes),
      InheritedField(line: goneLine, field: Gone.durationUs, share: .durationUs),
      InheritedField(line: goneLine, field: Gone.cpuMs, share: .cpuMs),
      InheritedField(line: goneLine, field: Gone.forks),
      InheritedField(line: goneLine, field: Gone.deaths),
      InheritedField(line: countersLine, field: Counter.generationsServed),
      InheritedField(line: countersLine, field: Counter.generationsFailed),
      InheritedField(line: countersLine, field: Counter.lockWaits, share: .lockWaits),
      InheritedField(line: countersLine, field: Counter.lockWaitedUs, share: .lockWaitedUs),
      InheritedField(line: countersLine, field: Counter.interrupted, share: .interrupted),
      InheritedField(line: countersLine, field: Counter.waitedUs, share: .waitedUs),
    ]
    + ServerProcess.allCases.flatMap { process in
      DeathCause.allCases.map {
        InheritedField(line: deathLine + process.rawValue, field: $0.rawValue)
      }
    }
    + ShedReason.allCases.map {
      InheritedField(line: shedLine, field: $0.rawValue, share: .shed($0))
    }
    + (0..<ServiceTimes.classes).flatMap {
      let (line, field) = $0.quotientAndRemainder(dividingBy: SharedLine.fields)
      return [
        InheritedField(line: serviceLine + line, field: field, share: .service($0)),
        InheritedField(line: waitLine + line, field: field, share: .wait($0)),
      ]
    }

  // MARK: read by others

  /// The number to compare before and after reading what processes did; nil while the supervisor
  /// moves some of it.
  var movesBefore: Int64? {
    let number = counters[Counter.sequence]
    atomicMemoryFence(ordering: .acquiring)
    return number & 1 == 0 ? number : nil
  }

  /// The same number afterwards.
  var movesAfter: Int64 {
    atomicMemoryFence(ordering: .acquiring)
    return counters[Counter.sequence]
  }

  /// Workers that were ever asked for.
  public var forks: Int64 { gone[Gone.forks] }
  /// Workers that ended otherwise than they should.
  public var deaths: Int64 { gone[Gone.deaths] }
  /// All processes that did, by cause.
  var deathCounts: DeathCounts {
    var counts = DeathCounts()
    for process in ServerProcess.allCases {
      for cause in DeathCause.allCases {
        counts[process, cause] = line(Self.deathLine + process.rawValue)[cause.rawValue]
      }
    }
    return counts
  }
  /// Generations that were put into service.
  var generationsServed: Int64 { counters[Counter.generationsServed] }
  /// Generations that were given up before they served.
  var generationsFailed: Int64 { counters[Counter.generationsFailed] }
  /// How long the requests took of workers that are gone.
  var serviceTimes: ServiceTimes { times(at: Self.serviceLine) }
  /// How long requests waited in fronts that are gone, and all of them together in microseconds.
  var waits: (times: ServiceTimes, us: Int64) {
    (times(at: Self.waitLine), counters[Counter.waitedUs])
  }

  private func times(at first: Int) -> ServiceTimes {
    var times = ServiceTimes()
    for index in 0..<ServiceTimes.classes {
      let line = line(first + index / SharedLine.fields)
      times.add(line[index % SharedLine.fields], to: index)
    }
    return times
  }

  /// What workers waited for the interpreter's lock which are gone.
  var lockWaits: ServerStatus.LockWaits {
    ServerStatus.LockWaits(
      count: counters[Counter.lockWaits], us: counters[Counter.lockWaitedUs])
  }
  /// Requests that were interrupted in these.
  var interrupted: Int64 { counters[Counter.interrupted] }
  /// Requests that workers turned away which are gone.
  public var shed: ShedCounts {
    var counts = ShedCounts()
    for reason in ShedReason.allCases { counts[reason] = line(Self.shedLine)[reason.rawValue] }
    return counts
  }
  /// Requests that workers answered which are gone.
  var requests: Int64 { gone[Gone.requests] }
  /// Bytes of their responses.
  var bytes: Int64 { gone[Gone.bytes] }
  /// Time they took, in microseconds.
  var durationUs: Int64 { gone[Gone.durationUs] }
  /// CPU time of those workers, in milliseconds.
  var cpuMs: Int64 { gone[Gone.cpuMs] }
}
