// ServerFacts: what the supervisor says about the server, and a process group as a whole. Edge.
public import Reporting

/// The lines of a scoreboard that are about no worker in particular. Written by the supervisor.
@safe public struct ServerFacts {
  /// Lines of numbers.
  private static let numberLines = groupLine + 1
  /// The line that says which group this is of, and how it does.
  private static let groupLine = waitLine + WorkerSlot.serviceLines
  /// The line of ServerFacts+Gone's requests that were turned away, behind its service times.
  static let shedLine = serviceLine + WorkerSlot.serviceLines
  /// The first line of ServerFacts+Gone's service times, behind those of its deaths.
  static let serviceLine = deathLine + ServerProcess.allCases.count
  /// The first line of the times that requests waited.
  static let waitLine = shedLine + 1
  /// The first line of its deaths: one for each kind of process.
  static let deathLine = 5
  /// Longest title that is kept, in bytes.
  private static let titleBytes = 127
  /// Longest name of the product with its version.
  private static let softwareBytes = 63
  /// Longest name of a process model or policy.
  private static let wordBytes = 15
  /// Longest name of a process group that is kept, and longest path or list of URLs.
  private static let nameBytes = 63
  private static let pathBytes = 191
  /// Lines of shared memory that it takes.
  static let lines = textLinesEnd + forkLines
  private static let textLinesEnd =
    numberLines + (Place.end - Place.title + SharedLine.bytes - 1) / SharedLine.bytes

  private let base: UnsafeMutableRawPointer

  init(at base: UnsafeMutableRawPointer) { unsafe self.base = base }

  private enum Now {
    static let supervisorPid = 0
    static let startedSeconds = 1
    static let servingSinceSeconds = 2
    static let newestGeneration = 3
    static let servingGeneration = 4
    static let failedGeneration = 5
    static let mostWorkers = 6
    static let threadsPerWorker = 7
  }

  /// Fields of the first line about memory; ServerFacts+Memory.
  enum Memory {
    static let budgetBytes = 0
    static let usedBytes = 1
    static let supervisorBytes = 2
    static let moldBytes = 3
    static let workerBytes = 4
    static let freshWorkerBytes = 5
    static let capacity = 6
    static let binding = 7
  }

  /// Fields of the second.
  enum MoreMemory {
    static let stallPercent = 0
    static let mergedBytes = 1
  }

  /// The first line of ServerFacts+Gone.
  static let goneLine = 1
  /// The second line of ServerFacts+Gone.
  static let countersLine = 4

  private enum Group {
    static let state = 0
    static let index = 1
    static let count = 2
  }

  private var groupLine: SharedLine { line(Self.groupLine) }
  private var now: SharedLine { line(0) }
  var gone: SharedLine { line(Self.goneLine) }
  var memoryLine: SharedLine { line(2) }
  var moreMemoryLine: SharedLine { line(3) }
  var counters: SharedLine { line(Self.countersLine) }

  /// A line of ServerFacts+Forks, behind the texts.
  func forkLine(_ index: Int) -> SharedLine { line(Self.textLinesEnd + index) }

  func line(_ index: Int) -> SharedLine {
    precondition((0..<Self.lines).contains(index))
    return unsafe SharedLine(at: base + index * SharedLine.bytes)
  }

  // MARK: texts, written once before there is any other process

  private enum Place {
    static let title = numberLines * SharedLine.bytes
    static let software = title + 1 + titleBytes
    static let mpm = software + 1 + softwareBytes
    static let policy = mpm + 1 + wordBytes
    static let group = policy + 1 + wordBytes
    static let python = group + 1 + nameBytes
    static let urls = python + 1 + pathBytes
    static let end = urls + 1 + pathBytes
  }

  /// What does not change while the server runs.
  public func describe(title: String, software: String, mpm: String, policy: String) {
    put(title, at: Place.title, most: Self.titleBytes)
    put(software, at: Place.software, most: Self.softwareBytes)
    put(mpm, at: Place.mpm, most: Self.wordBytes)
    put(policy, at: Place.policy, most: Self.wordBytes)
  }

  /// Which process group this is of, and by what it is known: its name, its Python's path, and the
  /// URLs that it serves.
  public func describe(group: String, index: Int, of count: Int, python: String, urls: String) {
    put(group, at: Place.group, most: Self.nameBytes)
    put(python, at: Place.python, most: Self.pathBytes)
    put(urls, at: Place.urls, most: Self.pathBytes)
    groupLine[Group.index] = Int64(index)
    groupLine[Group.count] = Int64(count)
  }

  /// Name of the process group.
  public var group: String { text(at: Place.group, most: Self.nameBytes) }
  /// Path of its Python.
  public var python: String { text(at: Place.python, most: Self.pathBytes) }
  /// Its URLs, with commas between them.
  public var urls: String { text(at: Place.urls, most: Self.pathBytes) }
  /// Which of the server's groups it is, from 0 on.
  public var groupIndex: Int { Int(groupLine[Group.index]) }
  /// How many groups the server has; 0 before that is known.
  public var groupCount: Int { Int(groupLine[Group.count]) }

  /// What is served, as in process titles.
  public var title: String { text(at: Place.title, most: Self.titleBytes) }
  /// Product and version.
  public var software: String { text(at: Place.software, most: Self.softwareBytes) }
  /// `prefork`, `worker` or `event`.
  public var mpm: String { text(at: Place.mpm, most: Self.wordBytes) }
  /// `loadline` or `apache`.
  public var policy: String { text(at: Place.policy, most: Self.wordBytes) }

  private func put(_ text: String, at offset: Int, most: Int) {
    var count = 0
    for byte in text.utf8.prefix(most) {
      count += 1
      unsafe base.storeBytes(of: byte, toByteOffset: offset + count, as: UInt8.self)
    }
    unsafe base.storeBytes(of: UInt8(count), toByteOffset: offset, as: UInt8.self)
  }

  private func text(at offset: Int, most: Int) -> String {
    let count = unsafe min(Int(base.load(fromByteOffset: offset, as: UInt8.self)), most)
    return unsafe String(
      decoding: UnsafeRawBufferPointer(start: base + offset + 1, count: count), as: UTF8.self)
  }

  // MARK: numbers

  /// Whether the group serves.
  public var state: GroupState {
    get { GroupState(rawValue: Int(truncatingIfNeeded: groupLine[Group.state])) ?? .loading }
    nonmutating set { groupLine[Group.state] = Int64(newValue.rawValue) }
  }

  /// Process id of the supervisor.
  public var supervisorPid: Int32 {
    get { Int32(truncatingIfNeeded: now[Now.supervisorPid]) }
    nonmutating set { now[Now.supervisorPid] = Int64(newValue) }
  }

  /// When the server was started, in seconds since 1970.
  public var startedSeconds: Int64 {
    get { now[Now.startedSeconds] }
    nonmutating set { now[Now.startedSeconds] = newValue }
  }

  /// When the generation that serves was put into service, in seconds since 1970; 0 before any.
  public var servingSinceSeconds: Int64 {
    get { now[Now.servingSinceSeconds] }
    nonmutating set { now[Now.servingSinceSeconds] = newValue }
  }

  /// The newest generation that was started.
  public var newestGeneration: Int {
    get { Int(now[Now.newestGeneration]) }
    nonmutating set { now[Now.newestGeneration] = Int64(newValue) }
  }

  /// The generation that serves; 0 before any.
  public var servingGeneration: Int {
    get { Int(now[Now.servingGeneration]) }
    nonmutating set {
      now[Now.servingGeneration] = Int64(newValue)
      generationWasServed()
    }
  }

  /// Generations are numbered on from where a program before this one was; nothing is counted.
  public func resume(newest: Int, serving: Int) {
    now[Now.newestGeneration] = Int64(newest)
    now[Now.servingGeneration] = Int64(serving)
  }

  /// The newest generation that was given up; 0 where none was.
  public var failedGeneration: Int {
    get { Int(now[Now.failedGeneration]) }
    nonmutating set {
      now[Now.failedGeneration] = Int64(newValue)
      generationFailed()
    }
  }

  /// Workers that may serve at once, `--workers`; 0 where nobody said it.
  public var mostWorkers: Int {
    get { Int(now[Now.mostWorkers]) }
    nonmutating set { now[Now.mostWorkers] = Int64(newValue) }
  }

  /// Handler threads that each worker has, where nothing calls for more.
  public var threadsPerWorker: Int {
    get { Int(now[Now.threadsPerWorker]) }
    nonmutating set { now[Now.threadsPerWorker] = Int64(newValue) }
  }
}
