// Upgrade: the program that is installed now is looked at before it takes over. Assembly.
internal import Configuration
internal import Platform

/// An upgrade that was asked for, up to the moment in which the new program takes over.
///
///     checking ──exit code 0──▶ checked ──all that starts serves, or 10 s──▶ execve(2)
///        │
///        └── another code, too slow, the server stops ──▶ nothing changed
final class Upgrade {
  /// How long the new program may look at its settings.
  static let mostCheckMs: Int64 = 30_000
  /// How long the present program may take to be left.
  static let mostSettlingMs: Int64 = 10_000
  /// Bytes of what it says that are kept.
  static let mostSaidBytes = 8192

  /// The generation that each group would have with the new program.
  let generations: [Int]
  /// The process that checks; 0 once it is over.
  private(set) var pid: Int32
  private(set) var deadlineMs: Int64
  private(set) var timedOut = false
  /// The present program is left as it is.
  private(set) var isLate = false
  /// What it says; it takes no more than ``mostSaidBytes``.
  private let said: FileDescriptor

  /// Starts the check: the new program in a child, which is told of everything that it would get,
  /// and only says whether it could go on with that.
  init(
    _ invocation: Invocation, _ handover: Handover, environment: InheritedEnvironment,
    generations: [Int], nowMs: Int64
  ) throws(SystemCallError) {
    self.generations = generations
    let left = try SharedMemory.makeSealed(name: Self.fileName, handover.encoded)
    said = try SharedMemory.makeDescriptor(name: "plimsoll-check", count: Self.mostSaidBytes)
    pid = try Process.fork()
    if pid == 0 { Self.check(invocation, left.number, said, environment) }
    deadlineMs = nowMs + Self.mostCheckMs
  }

  /// What the memory file with the handover is called.
  static let fileName = "plimsoll-handover"

  /// The child.
  private static func check(
    _ invocation: Invocation, _ handover: Int32, _ said: borrowing FileDescriptor,
    _ environment: InheritedEnvironment
  ) -> Never {
    Signal.resetAll()
    try? said.install(as: 1)
    try? said.install(as: 2)
    try? FileDescriptor.setKeptByExec(handover, true)
    // It speaks to nobody, and finds the sockets that the real one would be given.
    environment.restore(withNotifySocket: false)
    let failure = execute(invocation, "--handover-check=\(handover)")
    SmallFile.writeLine("\(invocation.program) cannot be started: \(failure.reason)", to: 2)
    Process.exitAtOnce(127)
  }

  /// Becomes the new program; returns only where that failed.
  static func execute(_ invocation: Invocation, _ handover: String) -> SystemCallError {
    // Relative paths among the words start there, also where the directory was made anew since.
    if !invocation.directory.isEmpty { try? Process.changeDirectory(invocation.directory) }
    return Process.execute(
      invocation.program, arguments: [invocation.program, "serve", handover] + invocation.words)
  }

  /// What is waited for took too long. A check is killed, and its end waited for.
  func expire() {
    deadlineMs = .max
    guard pid > 0 else { return isLate = true }
    timedOut = true
    Signal.send(Signal.kill, to: pid)
  }

  /// The check is over.
  ///
  /// - Returns: why the upgrade cannot be; nil where it can.
  func ended(_ status: ExitStatus, nowMs: Int64) -> String? {
    pid = 0
    deadlineMs = nowMs + Self.mostSettlingMs
    if status == .exited(code: 0) { return nil }
    if timedOut { return "its settings were not checked after \(Self.mostCheckMs / 1000) s" }
    let bytes = SmallFile.allBytes(of: said.number, mostBytes: Self.mostSaidBytes) ?? []
    let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      .split(separator: "\n").joined(separator: "; ")
    if !text.isEmpty { return text }
    switch status {
    case .exited(let code): return "it exited with code \(code) and said nothing"
    case .signalled(let signal, _): return "it was killed by \(Signal.name(signal))"
    }
  }

  /// The server stops.
  func cancel() { if pid > 0 { Signal.send(Signal.kill, to: pid) } }
}

/// Variables that tell a service about its manager (sd_notify(3), sd_listen_fds(3)). They are taken
/// out of the environment at the start, and put back for a program that takes over.
struct InheritedEnvironment {
  private static let listening = ["LISTEN_FDS", "LISTEN_FDNAMES"]
  private var variables: [(name: String, value: String)] = []

  /// Those of this process.
  init() {
    let forUs = Process.environment("LISTEN_PID").flatMap { Int32($0) } == Process.id
    for name in ["NOTIFY_SOCKET"] + (forUs ? Self.listening : []) {
      if let value = Process.environment(name) { variables.append((name, value)) }
    }
  }

  /// Puts them back, as if they had been meant for the calling process.
  func restore(withNotifySocket: Bool) {
    for (name, value) in variables where withNotifySocket || name != "NOTIFY_SOCKET" {
      Process.setEnvironment(name, value)
      if name == "LISTEN_FDS" { Process.setEnvironment("LISTEN_PID", "\(Process.id)") }
    }
  }

  /// Takes them out again.
  func remove() {
    for (name, _) in variables { Process.setEnvironment(name, nil) }
    Process.setEnvironment("LISTEN_PID", nil)
  }
}
