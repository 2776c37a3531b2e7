// SettingsTable+Queue: the rows about requests and responses that wait. Pure.

extension SettingsTable {
  private static let day: Int64 = 86_400_000

  static let queue: [SettingDefinition] = [
    SettingDefinition(
      "queue-limit", directive: "WSGIDaemonProcess queue-limit=",
      .count(\.queueLimit, 1...1_000_000), "N", in: .processes,
      help: "Most whole requests that wait for a handler, in each front, or in each worker that "
        + "has clients itself; one more gets 503 and Retry-After at once. --policy apache has no such "
        + "limit.",
      reason: "As many as --worker-connections: until somebody knows better, only time turns "
        + "requests away (--queue-timeout)."),
    SettingDefinition(
      "connect-timeout", directive: "WSGIDaemonProcess connect-timeout=",
      .duration(\.connectTimeoutMs, 0...day), "TIME", in: .times,
      help: "With --mode daemon, answer a request with 503 and Retry-After when for so long there "
        + "has been no worker at all that it could wait for; 0: only --queue-timeout counts.",
      reason: "mod_wsgi's. Workers that only need to be replaced are back in less."),
  ]
}
