// StatusCommand: `plimsoll status`: what a running server does. Edge.
internal import Configuration
internal import Glibc
internal import Reporting
internal import Scoreboard

/// The command that shows a server.
enum StatusCommand {
  static func run(_ words: [String]) throws(UsageError) {
    let commandLine = try StatusCommandLine(parsing: words)
    guard !commandLine.isHelp else { return Terminal.print(HelpText.status) }
    let scoreboards = try RunningServer.find(commandLine.server).scoreboards()
    let status = Scoreboard.status(of: scoreboards)
    guard commandLine.isJSON else { return Terminal.print(StatusTable.render(status)) }
    // A reader that goes, such as `head`, ends this; it is no fault.
    Terminal.write(StatusJSON.render(status), to: STDOUT_FILENO)
  }
}
