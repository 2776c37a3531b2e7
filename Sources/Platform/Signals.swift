// Signals: names, masks, and signals as descriptors. Edge.
internal import CLinux
internal import Glibc

/// Signals that the programs handle.
public enum Signal {
  /// SIGTERM.
  public static let terminate = SIGTERM
  /// SIGINT, which Ctrl-C sends to the whole foreground process group.
  public static let interrupt = SIGINT
  /// SIGHUP.
  public static let hangUp = SIGHUP
  /// Ctrl-\ of a terminal.
  public static let quit = SIGQUIT
  /// SIGUSR1.
  public static let user1 = SIGUSR1
  /// SIGUSR2.
  public static let user2 = SIGUSR2
  /// SIGWINCH.
  public static let windowChange = SIGWINCH
  /// SIGURG, which does nothing to a program that does not know it.
  public static let urgent = SIGURG
  /// SIGCHLD.
  public static let child = SIGCHLD
  /// SIGKILL.
  public static let kill = SIGKILL
  /// SIGPIPE.
  public static let pipe = SIGPIPE
  /// SIGRTMIN+3, at which Python's faulthandler writes the stacks of all threads.
  public static var dumpStacks: Int32 { clinux_realtime_signal(3) }
  /// SIGRTMIN+4: a graceful restart of the process group whose number comes with it. Real-time
  /// signals are queued, so none is lost where several come together (signal(7)).
  public static var restartGroup: Int32 { clinux_realtime_signal(4) }

  /// `SIGTERM` and so on; `SIGRTMIN+n` for the real-time ones.
  public static func name(_ number: Int32) -> String {
    let first = clinux_realtime_signal(0)
    if number >= first { return "SIGRTMIN+\(number - first)" }
    guard let text = unsafe clinux_signal_abbreviation(number) else { return "signal \(number)" }
    return unsafe "SIG" + String(cString: text)
  }

  /// Sends a signal.
  ///
  /// - Returns: false where no such process is, or it is not ours.
  @discardableResult
  public static func send(_ number: Int32, to process: Int32) -> Bool {
    precondition(process > 0)
    return Glibc.kill(process, number) == 0
  }

  /// Ignores a signal in this process.
  public static func ignore(_ number: Int32) { clinux_ignore_signal(number) }

  /// Installs a handler that does nothing: unlike an ignored signal it is not inherited by exec.
  public static func doNothing(on number: Int32) { clinux_noop_signal(number) }

  /// Makes the eventfd `descriptor` readable when `number` comes. One descriptor per process.
  public static func notify(_ descriptor: Int32, on number: Int32) {
    clinux_notify_signal(number, descriptor)
  }

  /// Gives back the default actions and the empty mask: before exec.
  public static func resetAll() { clinux_reset_signals() }
}

/// Signals that are blocked and read from a descriptor instead.
public struct SignalDescriptor: ~Copyable {
  /// Readable where a signal waits.
  public let descriptor: FileDescriptor

  /// Blocks `signals` in the calling thread; call before any other thread exists.
  public init(_ signals: [Int32]) throws(SystemCallError) {
    let number = unsafe clinux_signalfd(signals, Int32(signals.count))
    guard number >= 0 else { throw SystemCallError("signalfd") }
    descriptor = FileDescriptor(owning: number)
  }

  /// The next signal that came, with the process that sent it (-1: the kernel itself; 0: one
  /// outside of this pid namespace) and the number that it was sent with by sigqueue(3) or
  /// ``RunningProcess/send(_:value:)`` (-1: none); nil where none waits.
  public borrowing func next() -> (signal: Int32, sender: Int32, value: Int32)? {
    var sender: Int32 = 0
    var value: Int32 = -1
    let number = unsafe clinux_next_signal(descriptor.number, &sender, &value)
    return number > 0 ? (number, sender, value) : nil
  }
}
