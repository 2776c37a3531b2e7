// WorkerProcess: a forked worker from its first step to its last. Assembly.
internal import Configuration
internal import Control
internal import Gateway
internal import Platform
internal import Scoreboard
internal import Server

/// A worker: serves until it is told to go, then runs Python's exit handlers.
struct WorkerProcess {
  let context: MoldProcess.Context
  /// The mold's application; nil with `--no-preload`, which loads it here.
  let application: WSGIApplication?
  let slot: Int
  /// The worker's end of its control channel.
  let control: Int32
  let accessLog: Int32
  /// Whether it becomes a mold after some requests.
  let isScout: Bool
  /// When the mold began to fork it, in microseconds of CLOCK_MONOTONIC.
  let forkBeganUs: Int64

  private var settings: ServerSettings { context.settings }

  /// Serves. Ends with the process.
  func run(_ gil: borrowing GIL) -> Never {
    ProcessTitle.set("plimsoll: worker \(slot) \(settings.title)", shortName: "plimsoll")
    context.scoreboard[slot].occupy(pid: Process.id, startedMs: Clock.monotonicMs())
    context.scoreboard[slot].setForkBegan(us: forkBeganUs)
    let outcome: WorkerServer.Outcome
    do {
      let stopSignal = try EventFD()
      takeSignals(stopSignal.number)
      outcome = serve(stopSignal.number, gil)
      // Before the descriptor goes: its number may be a file's next.
      if isScout { Signal.doNothing(on: Signal.terminate) }
    } catch {
      ErrorLog.write(.error, "worker \(slot) cannot be set up: \(error)")
      outcome = .exit(WorkerServer.exitCode(for: error).rawValue)
    }
    switch outcome {
    case .exit(let code): finish(code, gil)
    case .servedEnough(let control, let accessLog):
      if let application {
        MoldProcess.become(context, application, control: control, accessLog: accessLog, gil)
      }
      finish(0, gil)
    }
  }

  /// The signals of a worker: TERM drains it; all others are the supervisor's business.
  private func takeSignals(_ stopSignal: Int32) {
    Signal.notify(stopSignal, on: Signal.terminate)
    // Not ignored: ignored signals would stay so in programs that the application starts.
    for signal in [
      Signal.interrupt, Signal.quit, Signal.hangUp, Signal.user1, Signal.user2,
    ] {
      Signal.doNothing(on: signal)
    }
    Signal.ignore(Signal.pipe)
  }

  private func serve(_ stopSignal: Int32, _ gil: borrowing GIL) -> WorkerServer.Outcome {
    let application: WSGIApplication
    if let loaded = self.application {
      application = loaded
    } else if settings.loadsInsideRequests {
      application = ApplicationLoader.loadLazily(settings: settings, gil)
    } else {
      do {
        application = try ApplicationLoader.load(settings: settings, gil)
      } catch {
        return fail(.application, MoldProcess.sentence(for: error))
      }
    }
    if isScout {
      MoldScript.beginScouting(gil)
    } else if settings.timeoutMs > 0 && settings.interruptTimeoutMs > 0 {
      application.prepareInterruptions(gil)
    }
    MoldPreparation.log(MoldScript.startWorker(gil))
    do {
      // The server owns its channel from the first moment; what fails is told through a copy.
      let spare = try FileDescriptor.duplicate(of: control)
      let server: WorkerServer
      do {
        server = try WorkerServer(
          settings: settings, listeners: context.arguments.listeners, application: application,
          scoreboard: context.scoreboard, slot: slot, control: spare.release(),
          accessLog: accessLog, stopSignal: stopSignal,
          generation: context.arguments.generation, isScout: isScout)
      } catch {
        let code = WorkerServer.exitCode(for: error)
        return fail(
          code == .resources ? code : .usage, "The server cannot be set up: \(error).")
      }
      _ = FileDescriptor(owning: control)
      return server.run()
    } catch {
      return fail(WorkerServer.exitCode(for: error), "The worker cannot be set up: \(error).")
    }
  }

  private func fail(_ code: ExitCode, _ message: String) -> WorkerServer.Outcome {
    let channel = ControlChannel(owning: control)
    channel.send(.failed(code: code.rawValue, message: message))
    return .exit(code.rawValue)
  }

  /// Ends like Python does, but for the walk through all objects.
  private func finish(_ code: Int32, _ gil: borrowing GIL) -> Never {
    PythonText.run(PythonText.runExitHandlers, gil)
    Interpreter.flushStandardStreams(gil)
    Process.exitAtOnce(code)
  }
}
