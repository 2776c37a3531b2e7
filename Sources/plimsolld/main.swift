// Entry of the server program: reads its settings and runs the supervisor. Assembly.
internal import Configuration
internal import Platform
internal import Supervision

/// What `plimsolld` is started with, by `plimsoll` and nobody else.
struct Arguments {
  /// `--settings-fd=N`: a memfd with the encoded settings.
  var settingsNumber: Int32 = -1
  /// `--handover-fd=N`: a memfd that the program which ran in this process before has left.
  var handoverNumber: Int32 = -1
  /// `--handover-check=N` instead: only says whether it could take over.
  var isRehearsal = false
  /// `--extension=PATH`: the extension that the molds load.
  var extensionPath = ""

  init(_ texts: [String]) throws(StartFailure) {
    for text in texts {
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      switch (parts.first, parts.count > 1 ? parts[1] : "") {
      case ("--settings-fd", let value): settingsNumber = Int32(value) ?? -1
      case ("--extension", let value): extensionPath = value
      case ("--handover-fd", let value): handoverNumber = Int32(value) ?? -1
      case ("--handover-check", let value):
        handoverNumber = Int32(value) ?? -1
        isRehearsal = true
      default: throw Self.usage
      }
    }
    if settingsNumber < 0 || extensionPath.isEmpty { throw Self.usage }
  }

  private static let usage = StartFailure(
    .usage, "plimsolld is started by `plimsoll serve`; run that instead.")
}

func readModel(_ number: Int32) throws(StartFailure) -> ServerModel {
  let file = FileDescriptor(owning: number)
  guard let bytes = SmallFile.allBytes(of: file.number, mostBytes: 16 << 20) else {
    throw StartFailure(.internalError, "plimsolld cannot read its settings from fd \(number).")
  }
  do {
    return try ServerModel(encoded: bytes)
  } catch {
    throw StartFailure(error.exitCode, error.message)
  }
}

func readHandover(_ number: Int32) throws(StartFailure) -> Handover? {
  if number < 0 { return nil }
  let file = FileDescriptor(owning: number)
  guard let bytes = SmallFile.allBytes(of: file.number, mostBytes: Handover.mostBytes) else {
    throw StartFailure(
      .internalError, "plimsolld cannot read what it takes over from fd \(number).")
  }
  do {
    return try Handover(encoded: bytes)
  } catch {
    throw StartFailure(
      .internalError,
      "What the running program hands over cannot be read: \(error.reason); stop the server and "
        + "start it instead.")
  }
}

func serve(_ arguments: Arguments) throws(StartFailure) -> Int32 {
  let model = try readModel(arguments.settingsNumber)
  let handover = try readHandover(arguments.handoverNumber)
  if arguments.isRehearsal, let handover {
    try Supervisor.rehearse(model, after: handover)
    return ExitCode.ok.rawValue
  }
  ProcessTitle.set(
    "plimsoll: supervisor \(model.server.title)", shortName: "plimsoll")
  let supervisor = try Supervisor.start(
    model, extensionPath: arguments.extensionPath, after: handover)
  return supervisor.run()
}

var isRehearsal = false
do {
  let arguments = try Arguments(Array(CommandLine.arguments.dropFirst()))
  isRehearsal = arguments.isRehearsal
  Process.exitAtOnce(try serve(arguments))
} catch {
  // Who rehearses is asked for a sentence, not for a line of the log.
  if isRehearsal {
    SmallFile.writeLine(error.message, to: 2)
  } else {
    ErrorLog.write(.crit, error.message)
  }
  Process.exitAtOnce(error.code.rawValue)
}
