// Entry of the server program: reads its settings and runs the supervisor. Assembly.
internal import Configuration
internal import Platform
internal import Supervision

/// What `plimsolld` is started with, by `plimsoll` and nobody else.
struct Arguments {
  /// `--settings-fd=N`: a memfd with the encoded settings.
  var settingsNumber: Int32 = -1
  /// `--extension=PATH`: the extension that the molds load.
  var extensionPath = ""

  init(_ texts: [String]) throws(StartFailure) {
    for text in texts {
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      switch (parts.first, parts.count > 1 ? parts[1] : "") {
      case ("--settings-fd", let value): settingsNumber = Int32(value) ?? -1
      case ("--extension", let value): extensionPath = value
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

func serve() throws(StartFailure) -> Int32 {
  let arguments = try Arguments(Array(CommandLine.arguments.dropFirst()))
  let model = try readModel(arguments.settingsNumber)
  ProcessTitle.set(
    "plimsoll: supervisor \(model.server.title)", shortName: "plimsoll")
  let supervisor = try Supervisor.start(model, extensionPath: arguments.extensionPath)
  return supervisor.run()
}

do {
  Process.exitAtOnce(try serve())
} catch {
  ErrorLog.write(.crit, error.message)
  Process.exitAtOnce(error.code.rawValue)
}
