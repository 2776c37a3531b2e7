// SettingsTable+WorkerLimits: the rows about how long and how large a worker may be. Pure.

extension SettingsTable {
  private static let day: Int64 = 86_400_000

  static let workerLimits: [SettingDefinition] = [
    SettingDefinition(
      "cpu-time-limit", directive: "WSGIDaemonProcess cpu-time-limit=",
      .duration(\.cpuTimeLimitMs, 0...(365 * day)), "TIME", in: .processes,
      help: "Replace a worker, after the requests in hand, once it has used so much CPU time; 0: "
        + "never.",
      reason: "A sound worker comes to any limit some day."),
    SettingDefinition(
      "memory-limit", .largeSize(\.memoryLimitBytes, 0...(1 << 50)), "SIZE", in: .processes,
      help: "Replace a worker, after the requests in hand, once it has more memory for itself than "
        + "this after a response; what it shares with its mold does not count. 0: only what fits "
        + "into --memory counts.",
      reason:
        "What a worker may grow by follows from --memory, and is shared out anew as they grow."
    ),
    SettingDefinition(
      "restart-interval", directive: "WSGIDaemonProcess restart-interval=",
      .duration(\.restartIntervalMs, 0...(365 * day)), "TIME", in: .processes,
      help:
        "Replace a worker, after the requests in hand, when it has served for so long, or up to "
        + "a fifth less, so that they do not go together; 0: never.",
      reason: "A cure for applications that age; a sound one needs none."),
    SettingDefinition(
      "shutdown-timeout", directive: "WSGIDaemonProcess shutdown-timeout=",
      .duration(\.shutdownTimeoutMs, 100...day), "TIME", in: .times,
      help: "Time for a worker's exit handlers (atexit) after its last request, and for all that "
        + "is left once --graceful-timeout has passed and its requests were interrupted; then it "
        + "is killed.",
      reason: "mod_wsgi's."),
    SettingDefinition(
      "eviction-timeout", directive: "WSGIDaemonProcess eviction-timeout=",
      .duration(\.evictionTimeoutMs, 0...day), "TIME", in: .times,
      help: "Time for the requests in hand of a single worker that was sent SIGTERM, after which "
        + "it is replaced; 0: as --graceful-timeout.",
      reason: "mod_wsgi's."),
  ]
}
