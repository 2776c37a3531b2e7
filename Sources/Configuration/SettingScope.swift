// SettingScope: whose a setting is: the server's or a process group's. Pure.

/// Whose a setting is.
public enum SettingScope: Equatable, Sendable {
  /// There is one value for the whole server.
  case server
  /// Each process group has its own.
  case group
}

extension SettingDefinition {
  /// Whose it is. What stands behind `--process-group NAME` on a command line has to be a group's.
  public var scope: SettingScope { Self.ofGroups.contains(name) ? .group : .server }

  private static let ofGroups: Set<String> = [
    // What is served, and in which surroundings.
    "process-group", "application", "mount", "chdir", "python", "pythonpath", "env", "env-file",
    "lang", "locale", "cpu-priority", "preload",
    "warm", "immortal", "gather-code", "merge-pages", "refork-after", "reload",
    "reload-extra-file", "script-reloading", "user", "group", "umask", "name",
    // How many, and for how long.
    "workers", "threads", "max-requests", "max-requests-jitter", "timeout", "queue-timeout",
    "graceful-timeout", "startup-timeout", "inactivity-timeout",
    "interrupt-timeout", "deadlock-timeout", "cpu-time-limit", "memory-limit", "restart-interval",
    "shutdown-timeout", "eviction-timeout",
    // What waits for them.
    "queue-limit", "connect-timeout", "header-buffer-size", "response-buffer-size",
    "response-spool-size", "stream-uploads",
  ]
}
