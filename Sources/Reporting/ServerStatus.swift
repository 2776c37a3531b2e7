// ServerStatus: a server at one moment, as the status page and the commands show it. Pure.
public import ProcessPolicy

/// A whole server at one moment, or one of its process groups: what scoreboards say, in plain
/// values.
///
/// Everything here was read without a lock, so numbers of different workers may be some
/// microseconds apart; each single number is right.
public struct ServerStatus: Equatable, Sendable {
  /// Product and version, such as `plimsoll/0.1.0`.
  public var software = ""
  /// What is served, as in process titles.
  public var title = ""
  /// Name of the process group that this is about; empty where it is about several.
  public var group = ""
  /// Path of the group's Python; empty where there are several.
  public var python = ""
  /// URLs of the applications, with commas between them.
  public var urls = ""
  /// Whether applications are served; of several groups, what the best of them does.
  public var state = GroupState.loading
  /// Requests that wait for a handler.
  public var queue = Queue()
  /// Process id of the supervisor.
  public var supervisorPid: Int32 = 0
  /// `prefork`, `worker` or `event`.
  public var mpm = ""
  /// `loadline` or `apache`.
  public var policy = ""
  /// When this was read, in seconds since 1970.
  public var nowSeconds: Int64 = 0
  /// When the server was started, in seconds since 1970.
  public var startedSeconds: Int64 = 0
  /// When the generation that serves was put into service, in seconds since 1970; 0 before any.
  public var servingSinceSeconds: Int64 = 0
  /// Generation that serves; 0 before any.
  public var generation = 0
  /// CPU time of all workers that are and were, in milliseconds.
  public var cpuMs: Int64 = 0
  /// Load averages of the machine over 1, 5 and 15 minutes; nil where they are not known.
  public var load: LoadAverage?
  /// Requests, bytes and time of all workers that are and were.
  public var totals = Totals()
  /// Requests among them that were turned away with 503.
  public var shed: Int64 = 0
  /// The same by reason.
  public var shedReasons = ShedCounts()
  /// How all workers that are and were waited for Python's lock.
  public var lockWaits = LockWaits()
  /// Requests that were interrupted because they made no progress for longer than `--timeout`.
  public var interrupted: Int64 = 0
  /// Workers that were ever started, and those that ended otherwise than they should.
  public var forks: Int64 = 0
  /// See ``forks``.
  public var deaths: Int64 = 0
  /// Processes of every kind that ended otherwise than they should, by cause.
  public var deathCounts = DeathCounts()
  /// Generations that were put into service: the start, restarts and reforks.
  public var generationsServed: Int64 = 0
  /// Generations that were given up before they served.
  public var generationsFailed: Int64 = 0
  /// How long workers took until they served.
  public var forkTimes = ForkTimes()
  /// How long requests took, of all workers that are and were.
  public var serviceTimes = ServiceTimes()
  /// Handler threads that each worker has, where nothing calls for more.
  public var threadsPerWorker = 0
  /// Handler threads that a worker may have where there cannot be more workers.
  public var mostThreadsPerWorker = 0
  /// Workers that may serve at once, `--workers`; 0 where that is not known. There are more slots:
  /// two generations stand side by side during a restart.
  public var mostWorkers = 0
  /// The memory budget and what stands against it; nil where nobody measures.
  public var memory: Memory?
  /// One element for each slot; nil where it is open.
  public var slots: [Worker?] = []
  /// The processes that have the clients' connections in daemon mode; else none.
  public var fronts: [Front] = []
  /// The process groups one by one, each without groups of its own; empty where this is one.
  public var groups: [ServerStatus] = []

  /// A server of which nothing is known.
  public init() {}

  /// The memory budget and what stands against it. All in bytes.
  public struct Memory: Equatable, Sendable {
    /// What the server may take.
    public var budgetBytes: Int64 = 0
    /// What it takes: the sum of all its processes, or what its control group counts.
    public var usedBytes: Int64 = 0
    /// What the supervisor takes.
    public var supervisorBytes: Int64 = 0
    /// What the molds take, which is what all workers share.
    public var moldBytes: Int64 = 0
    /// What one more worker is reckoned with.
    public var workerBytes: Int64 = 0
    /// What a worker takes that was just forked.
    public var freshWorkerBytes: Int64 = 0
    /// Share of the last 10 s in which all processes that were not idle waited for memory, 0...100
    /// percent: those of the server's control group, or of the machine.
    public var stallPercent = 0
    /// Pages of the workers that the kernel has merged with equal ones (`--merge-pages`), each
    /// counted for every worker that has it.
    public var mergedBytes: Int64 = 0
    /// Workers that fit into the budget.
    public var capacity = 0
    /// What keeps the server from having more workers.
    public var binding = BindingLimit.demand

    /// Nothing measured.
    public init() {}
  }

  /// Requests that wait for a handler or, in daemon mode, for a worker. How many these are is said
  /// by ``ServerStatus/connections``.
  public struct Queue: Equatable, Sendable {
    /// For how long the oldest has waited, in milliseconds; 0 where none waits.
    public var oldestMs: Int64 = 0
    /// How long those waited that fronts handed to workers; without those that were turned away.
    public var waits = ServiceTimes()
    /// The same together, in microseconds.
    public var waitedUs: Int64 = 0

    /// No request yet.
    public init() {}
  }

  /// How long workers took until they served.
  public struct ForkTimes: Equatable, Sendable {
    /// From the moment the mold began to fork, which with `--no-preload` has the import in it.
    public var fork: DurationHistogram
    /// From the moment the supervisor asked for it: of many at once, each waits for those before.
    public var asked: DurationHistogram

    /// These, or none.
    public init(fork: DurationHistogram = .init(), asked: DurationHistogram = .init()) {
      self.fork = fork
      self.asked = asked
    }
  }

  /// Load averages, getloadavg(3).
  public struct LoadAverage: Equatable, Sendable {
    /// Over one minute.
    public var one: Double
    /// Over five minutes.
    public var five: Double
    /// Over fifteen minutes.
    public var fifteen: Double

    /// The three of them.
    public init(one: Double, five: Double, fifteen: Double) {
      self.one = one
      self.five = five
      self.fifteen = fifteen
    }
  }

  /// What was done.
  public struct Totals: Equatable, Sendable {
    /// Requests answered.
    public var requests: Int64
    /// Bytes of the responses, heads included.
    public var bytes: Int64
    /// Time spent on them, in milliseconds.
    public var durationMs: Int64

    /// What was done.
    public init(requests: Int64 = 0, bytes: Int64 = 0, durationMs: Int64 = 0) {
      self.requests = requests
      self.bytes = bytes
      self.durationMs = durationMs
    }
  }

  /// How threads waited for Python's lock (the GIL) after they had given it up.
  public struct LockWaits: Equatable, Sendable {
    /// Waits; it is none where the lock was free.
    public var count: Int64
    /// How long they took together, in microseconds.
    public var us: Int64

    /// So many waits of so many microseconds.
    public init(count: Int64 = 0, us: Int64 = 0) {
      self.count = count
      self.us = us
    }

    /// Adds others. Numbers from shared memory may be absurd: sums wrap round.
    public mutating func add(_ other: LockWaits) {
      count &+= other.count
      us &+= other.us
    }
  }

  /// Where a worker is in its life.
  public enum Phase: String, Sendable {
    /// Forked; prepares to serve.
    case starting
    /// Serves.
    case serving
    /// Finishes what it has in hand, because of a restart, a limit or the end of the server.
    case draining
    /// Finishes because there were more idle ones than are needed.
    case idleCleanup
  }

  /// Connections of one worker, by what they do.
  public struct Connections: Equatable, Sendable {
    /// All of them.
    public var total = 0
    /// Those that wait for the first bytes of a request after one was answered.
    public var keepAlive = 0
    /// Those from which a request is being read.
    public var reading = 0
    /// Those whose response is sent without a thread.
    public var writing = 0
    /// Those that only linger before they are closed.
    public var closing = 0
    /// Whole requests that wait for a handler.
    public var waiting = 0

    /// None.
    public init() {}
  }

  /// One front process.
  public struct Front: Equatable, Sendable {
    /// 0, 1, …: which of the fronts.
    public var number = 0
    /// Process id; 0 before it is known.
    public var pid: Int32 = 0
    /// When it was started, in milliseconds before now.
    public var ageMs: Int64 = 0
    /// CPU time it has used, in milliseconds.
    public var cpuMs: Int64 = 0
    /// Its clients' connections, and the requests that wait for a worker.
    public var connections = Connections()
    /// Requests that it answered itself, such as those for files.
    public var totals = Totals()
    /// Requests among them that were turned away with 503.
    public var shed: Int64 = 0

    /// A front of which nothing is known.
    public init() {}
  }

  /// One worker process.
  public struct Worker: Equatable, Sendable {
    /// Number of its slot among those of its group.
    public var slot = 0
    /// Name of its process group; empty where that is not known.
    public var group = ""
    /// Process id; 0 before it is known.
    public var pid: Int32 = 0
    /// Generation of the application's code that it runs.
    public var generation = 0
    /// Where it is in its life.
    public var phase = Phase.starting
    /// Whether it takes new connections now.
    public var isAccepting = false
    /// When it was started, in milliseconds before now.
    public var ageMs: Int64 = 0
    /// CPU time it has used, in milliseconds.
    public var cpuMs: Int64 = 0
    /// What it takes for itself, in bytes; 0 before it was measured.
    public var memoryBytes: Int64 = 0
    /// What it took since it began to serve, in bytes, when it last looked; negative where it gave
    /// memory back. Pages that it copied from its mold do not count.
    public var growthBytes: Int64 = 0
    /// Its connections.
    public var connections = Connections()
    /// Requests, bytes and time of all its handlers.
    public var totals = Totals()
    /// Requests among them that were turned away with 503.
    public var shed: Int64 = 0
    /// How its threads waited for Python's lock.
    public var lockWaits = LockWaits()
    /// Requests that were interrupted because they made no progress.
    public var interrupted: Int64 = 0
    /// One for each handler thread.
    public var handlers: [Handler] = []

    /// A worker of which nothing is known.
    public init() {}
  }

  /// One handler thread.
  public struct Handler: Equatable, Sendable {
    /// What it does.
    public var state = ProcessState.open
    /// Requests, bytes and time of its life.
    public var totals = Totals()
    /// Requests answered on the connection of its latest request.
    public var connectionRequests: Int64 = 0
    /// Milliseconds since its latest request began; nil before any.
    public var sinceBeginMs: Int64?
    /// What the last request that it ended took, in milliseconds.
    public var lastDurationMs: Int64 = 0
    /// Address of the client of its latest request; empty for a Unix socket, and where the worker
    /// died while it wrote this.
    public var client = ""
    /// Host the latest request was for, as the client sent it, perhaps cut.
    public var host = ""
    /// Method, target and version of the latest request, perhaps cut.
    public var request = ""

    /// A handler of which nothing is known.
    public init() {}
  }
}
