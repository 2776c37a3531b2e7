// Entry of `plimsoll`, the program that people type. Edge.
internal import Configuration
internal import Glibc

do throws(UsageError) {
  try Command.run(Array(CommandLine.arguments.dropFirst()))
} catch {
  Terminal.complain("plimsoll: \(error.message)")
  exit(error.exitCode.rawValue)
}
