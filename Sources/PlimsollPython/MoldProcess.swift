// MoldProcess: the process that loads the application and forks workers from it. Assembly.
internal import CPython
internal import Configuration
internal import Control
internal import Gateway
internal import Platform
internal import Scoreboard
internal import Server

/// The mold: one thread, serves nobody, holds the GIL all its life.
///
/// What is loaded is made ready by ``MoldPreparation``, so that the workers write as little as
/// possible to the pages they share with the mold and with each other. No garbage is collected
/// while it is loaded, but the application does not see that: if it turns the collector off, or
/// sets its thresholds, it finds it so ever after.
///
/// A worker that served as a scout becomes a mold as well, and serves nobody from then on.
enum MoldProcess {
  /// What stays the same for the mold and every worker.
  struct Context {
    let settings: ServerSettings
    let arguments: MoldArguments
    let scoreboard: Scoreboard
  }

  /// How often source files are looked at, with `--reload`.
  private static let watchMs: Int64 = 1_000

  /// Becomes the mold. Ends with the process.
  static func run(_ arguments: MoldArguments, _ gil: borrowing GIL) -> Never {
    let context: Context
    do {
      context = try prepare(arguments)
    } catch {
      ErrorLog.write(.crit, "the mold cannot be set up: \(error)")
      Process.exitAtOnce(ExitCode.internalError.rawValue)
    }
    let control = ControlChannel(owning: arguments.control)
    control.send(.loading(python: Interpreter.version))
    Interpreter.enableFaultHandler(fd: 2, gil)
    warnOfEncoding(gil)
    let application = context.settings.preload ? load(context.settings, control, gil) : nil
    if context.settings.mergePages { MoldPreparation.mergePages() }
    var mold = Mold(context: context, application: application, watch: watch(context, gil))
    control.send(.ready)
    mold.serve(control, gil)
    _ = consume control
    Process.exitAtOnce(0)
  }

  /// Python takes UTF-8 where no locale is chosen, but not where one with another encoding is.
  private static func warnOfEncoding(_ gil: borrowing GIL) {
    guard let encoding = Interpreter.fileSystemEncoding(gil), encoding != "utf-8" else { return }
    ErrorLog.write(
      .warn,
      "Python reads and writes file names as \(encoding), because of the locale of its "
        + "environment, so that files with other names cannot be opened; give --locale C.UTF-8, or "
        + "a locale whose name ends with .UTF-8")
  }

  private static func prepare(_ arguments: MoldArguments) throws -> Context {
    // Programs that the application starts must not inherit the server's sockets.
    for number in arguments.descriptors { try FileDescriptor.setKeptByExec(number, false) }
    guard let bytes = SmallFile.allBytes(of: arguments.settings, mostBytes: 1 << 20) else {
      throw SystemCallError("pread")
    }
    var settings = try ServerSettings(encoded: bytes)
    settings.preload = arguments.preloads
    let scoreboard = try Scoreboard(mapping: arguments.scoreboard)
    // Both were read: the application finds no number to reach them by.
    for number in [arguments.settings, arguments.scoreboard] {
      _ = FileDescriptor(owning: number)
    }
    unsafe ErrorLog.threshold = LogLevel(name: settings.logLevel) ?? .notice
    ProcessTitle.set("plimsoll: mold \(settings.title)", shortName: "plimsoll")
    takeSignals()
    return Context(settings: settings, arguments: arguments, scoreboard: scoreboard)
  }

  /// Ctrl-C and a stopping service manager signal the whole group; the supervisor decides.
  private static func takeSignals() {
    for signal in [
      Signal.interrupt, Signal.quit, Signal.terminate, Signal.hangUp, Signal.user1, Signal.user2,
    ] {
      Signal.doNothing(on: signal)
    }
    Signal.ignore(Signal.pipe)
  }

  /// A scout has served enough and given up its server: becomes a mold, if it can be forked from.
  ///
  /// - Parameter control: its channel, which now is a mold's.
  /// - Parameter accessLog: the access log for its workers; -1 for none.
  /// - Returns: where it cannot, after the supervisor was told why; then the process has to end.
  static func become(
    _ context: Context, _ application: WSGIApplication, control number: Int32, accessLog: Int32,
    _ gil: borrowing GIL
  ) {
    let control = ControlChannel(owning: number)
    takeSignals()
    Interpreter.flushStandardStreams(gil)
    if let reason = MoldScript.prepareRefork(gil) ?? reasonOfThreads(gil) {
      control.send(.cannotBecomeMold(reason: reason))
      return
    }
    ProcessTitle.set("plimsoll: mold \(context.settings.title)", shortName: "plimsoll")
    MoldPreparation(settings: context.settings).runAgain(gil)
    Interpreter.flushStandardStreams(gil)
    // From here on the slot belongs to another worker.
    guard control.send(.becameMold) else { return }
    var arguments = context.arguments
    arguments.accessLog = accessLog
    var mold = Mold(
      context: Context(
        settings: context.settings, arguments: arguments, scoreboard: context.scoreboard),
      application: application, watch: nil)
    mold.serve(control, gil)
    _ = consume control
    Process.exitAtOnce(0)
  }

  /// Why there must be no fork, where the process has other threads.
  private static func reasonOfThreads(_ gil: borrowing GIL) -> String? {
    let others = ProcessFiles.ownThreads - 1
    guard others > 0 else { return nil }
    let names = PythonFork.threadsAlive(gil)
    let which = names.isEmpty ? "not started by Python" : names.joined(separator: ", ")
    return "the worker that was to become it has "
      + "\(others == 1 ? "a thread" : "\(others) threads") of the application's (\(which)), and a "
      + "fork takes none along: end them in a function that plimsoll.before_fork was given, or "
      + "turn this off with --refork-after 0"
  }

  private static func load(
    _ settings: ServerSettings, _ control: borrowing ControlChannel, _ gil: borrowing GIL
  ) -> WSGIApplication {
    do {
      let application = try ApplicationLoader.load(settings: settings, gil)
      // What is in the buffers now would be written again by every worker.
      Interpreter.flushStandardStreams(gil)
      MoldPreparation(settings: settings).run(application, gil)
      return application
    } catch {
      Interpreter.flushStandardStreams(gil)
      control.send(
        .failed(code: ExitCode.application.rawValue, message: sentence(for: error)))
      Process.exitAtOnce(ExitCode.application.rawValue)
    }
  }

  /// What the supervisor logs: the loader's sentence, unless that is in the log already, together
  /// with the traceback.
  static func sentence(for failure: ApplicationLoadFailure) -> String {
    if failure.traceback.isEmpty { return failure.message }
    return "the application cannot be imported; the error of pid \(Process.id) above says why"
  }

  private static func watch(_ context: Context, _ gil: borrowing GIL) -> ReloadWatch? {
    guard context.settings.reload else { return nil }
    let modules = PythonText.run(PythonText.listModuleFiles, gil).split(separator: "\0")
    return ReloadWatch(
      files: modules.map(String.init) + context.settings.reloadExtraFiles,
      directory: SmallFile.currentDirectory)
  }

  /// A loaded mold.
  private struct Mold {
    let context: Context
    let application: WSGIApplication?
    var watch: ReloadWatch?
    var accessLog: Int32
    var hasWarnedOfThreads = false
    var isOpen = true

    init(context: Context, application: WSGIApplication?, watch: ReloadWatch?) {
      self.context = context
      self.application = application
      self.watch = watch
      accessLog = context.arguments.accessLog
    }

    /// Does what the supervisor says until it goes.
    mutating func serve(_ control: borrowing ControlChannel, _ gil: borrowing GIL) {
      while isOpen {
        _ = Process.waitReadable(
          [control.number], timeoutMs: watch == nil ? -1 : MoldProcess.watchMs)
        receive(control, gil)
        if let path = watch?.changedFile() { control.send(.filesChanged(path: path)) }
      }
    }

    private mutating func receive(_ control: borrowing ControlChannel, _ gil: borrowing GIL) {
      while isOpen {
        switch control.receive() {
        case .wouldBlock: return
        case .endOfFile, .message(.stop, _), .message(.finish, _), .message(.drain, _):
          isOpen = false
        case .message(.fork(let slot, let isScout), let descriptors):
          guard let channel = descriptors.first else { continue }
          fork(slot: slot, isScout: isScout, channel: channel, control, gil)
        case .message(.reopenLogs, let descriptors): reopenLogs(descriptors)
        case .message(_, let descriptors):
          for number in descriptors { _ = FileDescriptor(owning: number) }
        }
      }
    }

    private mutating func reopenLogs(_ descriptors: [Int32]) {
      if let first = descriptors.first {
        try? FileDescriptor(owning: first).install(as: 2)
      }
      guard descriptors.count > 1 else { return }
      let old = accessLog
      accessLog = descriptors[1]
      if old > 2 { _ = FileDescriptor(owning: old) }
    }

    private mutating func fork(
      slot: Int, isScout: Bool, channel: Int32, _ control: borrowing ControlChannel,
      _ gil: borrowing GIL
    ) {
      let beganUs = Clock.monotonicMicroseconds()
      warnOfThreads(gil)
      let supervisor = control.number
      let result = WorkerFork.fork(gil) { gil in
        _ = FileDescriptor(owning: supervisor)
        WorkerProcess(
          context: context, application: application, slot: slot, control: channel,
          accessLog: accessLog, isScout: isScout, forkBeganUs: beganUs
        ).run(gil)
      }
      _ = FileDescriptor(owning: channel)
      switch result {
      case .success(let pid):
        // The supervisor may be behind with reading: it must learn of every worker.
        while !control.send(.forked(slot: slot, pid: pid)) {
          if Process.waitWritable(control.number) == .closed { return isOpen = false }
        }
      case .failure(let error):
        ErrorLog.write(.error, "cannot fork a worker: \(error)")
      }
    }

    /// A fork keeps only the thread that calls it; locks that others hold stay locked for ever.
    private mutating func warnOfThreads(_ gil: borrowing GIL) {
      let threads = ProcessFiles.ownThreads
      guard threads > 1, !hasWarnedOfThreads else { return }
      hasWarnedOfThreads = true
      let names = PythonFork.threadsAlive(gil)
      let which = names.isEmpty ? "not started by Python" : names.joined(separator: ", ")
      ErrorLog.write(
        .error,
        "the application started \(threads == 2 ? "a thread" : "\(threads - 1) threads") while it "
          + "was imported (\(which)); "
          + "they do not exist in the workers, and a lock one of them holds stays locked there: "
          + "start them at the first request or with os.register_at_fork, or use --no-preload")
    }
  }
}
