// Entry of `plimsoll`, the program that people type. Edge.
internal import Configuration
internal import Glibc
internal import Platform

// Before anything else: whatever is opened next must not become standard error.
StandardStreams.openMissing()

do throws(UsageError) {
  try Command.run(Array(CommandLine.arguments.dropFirst()))
} catch {
  Terminal.complain("plimsoll: \(error.message)")
  exit(error.exitCode.rawValue)
}
