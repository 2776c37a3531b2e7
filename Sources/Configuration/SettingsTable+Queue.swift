// SettingsTable+Queue: the rows about requests and responses that wait. Pure.

extension SettingsTable {
  private static let day: Int64 = 86_400_000

  static let queue: [SettingDefinition] = [
    SettingDefinition(
      "queue-limit", directive: "WSGIDaemonProcess queue-limit=",
      .count(\.queueLimit, 1...1_000_000), "N", in: .processes,
      help: "Most whole requests that wait for a handler, in each front, or in each worker that "
        + "has clients itself; one more gets 503 and Retry-After at once. --policy apache has no "
        + "such limit.",
      reason: "As many as --worker-connections: until somebody knows better, only time turns "
        + "requests away (--queue-timeout)."),
    SettingDefinition(
      "connect-timeout", directive: "WSGIDaemonProcess connect-timeout=",
      .duration(\.connectTimeoutMs, 0...day), "TIME", in: .times,
      help: "With --mode daemon, answer a request with 503 and Retry-After when for so long there "
        + "has been no worker at all that it could wait for; 0: only --queue-timeout counts.",
      reason: "mod_wsgi's. Workers that only need to be replaced are back in less."),
    SettingDefinition(
      "stream-uploads", .flag(\.streamsUploads), "", in: .limits,
      help: "With --mode daemon, give a request to a worker as soon as its body is over "
        + "--body-memory, while the rest still arrives.",
      reason: "A slow client then holds a thread for as long as its upload takes. For applications "
        + "that want to look at an upload before it is whole, or to refuse it."),
    SettingDefinition(
      "header-buffer-size", directive: "WSGIDaemonProcess header-buffer-size=",
      .size(\.responseHeadBytes, 1024...1_048_576), "SIZE", in: .limits,
      help: "Longest head of a response that the application may make, status line included; a "
        + "longer one becomes 500.",
      reason: "Twice mod_wsgi's: no browser takes more. Each thread has a buffer of this size."),
    SettingDefinition(
      "response-buffer-size", directive: "WSGIDaemonProcess response-buffer-size=",
      .size(\.responseBufferBytes, 4096...1_073_741_824), "SIZE", in: .limits,
      help: "With --mode daemon, part of a response that is held in memory for a client that takes "
        + "it slowly; what is over that goes to a file.",
      reason: "Most pages fit. It is taken only for clients that are slow."),
    SettingDefinition(
      "response-spool-size", .largeSize(\.responseSpoolBytes, 0...1_099_511_627_776), "SIZE",
      in: .limits,
      help: "Part of a response that such a file holds, in --temp-dir; with more, the worker waits "
        + "for the client. 0: no file.",
      reason: "Large pages and reports fit, so that their thread is free at once; larger downloads "
        + "are better served with --static."),
  ]
}
