// SettingsTable: the one table of settings. Pure.
//
// To add a setting: a field of ServerSettings, a row here (processes: SettingsTable+Processes,
// how they are started: +Launch, what waits: +Queue), and
// `plimsoll serve --print-settings-reference > docs/reference/settings.md`. Options are called as
// in gunicorn where they mean the same.

/// All settings, in the order in which they are shown.
public enum SettingsTable {
  /// Every row.
  public static let all: [SettingDefinition] =
    application + addresses + processes + apache + limits + times + operation + launch + queue
    + workerLimits + logs

  /// The positional argument of `plimsoll serve`: encoded and printed like a setting, but no
  /// option.
  public static let applicationName = "application"

  /// The option that begins a process group.
  public static let processGroupName = "process-group"

  /// The row called `name`, which is no alias.
  public static func definition(named name: String) -> SettingDefinition? {
    all.first { $0.name == name }
  }

  private static let day: Int64 = 86_400_000

  static let application: [SettingDefinition] = [
    SettingDefinition(
      processGroupName, directive: "WSGIDaemonProcess", .groupName(\.processGroup), "NAME",
      in: .application,
      help: "Begin another process group: what stands behind this, up to the next one, is about "
        + "its applications (--mount), their Python, user, processes and times. What stands before "
        + "the first one is about the group main, and the default of the others. Needs daemon "
        + "mode.",
      reason: "Applications of one group share a Python, an account, processes and their fate."),
    SettingDefinition(
      applicationName, directive: "WSGIScriptAlias", .text(\.application), "APP",
      in: .application,
      help: "module:callable, module, path/to/file.wsgi or file.py:callable; the callable is "
        + "application, then app, where none is named.",
      defaultNote: "none",
      reason: "The only thing that cannot be guessed."),
    SettingDefinition(
      "mount", directive: "WSGIScriptAlias", .applications(\.mounts), "/URL=APP", in: .application,
      help: "Serve one more application of the group below a URL, with SCRIPT_NAME and PATH_INFO "
        + "split there. Of several URLs that fit, of files too, the longest wins. APP, where it is "
        + "given, has all else.",
      defaultNote: "none",
      reason: "They are loaded by the same Python: what must not meet, two Django sites for "
        + "example, takes a --process-group each."),
    SettingDefinition(
      "chdir", directive: "WSGIDaemonProcess home=", .path(\.chdir, allowsStream: false), "DIR",
      in: .application, help: "Working directory; every other relative path starts here.",
      defaultNote: "the directory the command is started in",
      reason: "Imports and relative paths behave as when the application is run by hand."),
    SettingDefinition(
      "python", directive: "WSGIDaemonProcess python-home=", .path(\.python, allowsStream: false),
      "PATH",
      in: .application, help: "Python interpreter, or the directory of a virtual environment.",
      defaultNote: "the active virtual environment's; else that of .venv, venv or env next to the "
        + "application; else python3 on PATH",
      reason: "The interpreter that has the application's packages is nearly always the nearest."),
    SettingDefinition(
      "pythonpath", directive: "WSGIDaemonProcess python-path=",
      .paths(\.pythonPath, separatedByCommas: true), "DIR", in: .application,
      help:
        "Directory put in front of Python's search path; commas separate several. One that "
        + "does not exist is only warned of.",
      defaultNote: "none",
      reason: "The working directory, or the script's, is on the search path already."),
    SettingDefinition(
      "env", short: "e", .variables(\.environment), "NAME=VALUE", in: .application,
      help: "Environment variable of the application.", defaultNote: "none",
      reason: "The application inherits the environment of the command."),
    SettingDefinition(
      "preload", .flag(\.preload), "", in: .application,
      help: "Import the application once and fork the workers from it.",
      reason: "Workers then share the memory of the loaded application and start in milliseconds. "
        + "Turn it off for an application that cannot be forked. Under --policy apache, workers "
        + "then serve at once and import inside their first request, as in Apache."),
    SettingDefinition(
      "warm", directive: "WarmRequest", .requests(\.warmRequests), "REQUEST", in: .application,
      help: "Let the application answer this request some times before the workers are forked: "
        + "PATH or METHOD PATH, and `; Name: value` for each header field.",
      defaultNote: "none",
      reason: "What a request loads and makes is then shared by the workers. Which requests do no "
        + "harm, only the application's owner knows."),
    SettingDefinition(
      "immortal", .flag(\.immortal), "", in: .application,
      help: "Stop counting references to the objects that exist before the fork (Python 3.12 or "
        + "newer): they are never finalised in a worker.",
      reason: "Counting them would copy most of the shared memory into every worker."),
    SettingDefinition(
      "gather-code", .flag(\.gatherCode), "", in: .application,
      help: "Give the code that the warm requests run new places side by side. Left out where a "
        + "debugger, profiler or coverage tool watches.",
      reason: "CPython counts inside of code objects while they run, so that each would cost a "
        + "worker a page of its own."),
    SettingDefinition(
      "merge-pages", directive: "MergePages", .flag(\.mergePages), "", in: .application,
      help: "Let the kernel keep equal memory pages of the workers once, where its ksmd runs "
        + "(Linux 6.4 or newer).",
      reason: "It costs the machine CPU time for as long as it runs, and a process could learn "
        + "from how long a write takes that another one has the same page."),
    SettingDefinition(
      "refork-after", directive: "ReforkAfter", .count(\.reforkAfter, 0...1_000_000_000), "N",
      in: .application,
      help: "After so many requests fork a worker that serves some and then becomes the mold that "
        + "workers are forked from, so that they share what requests loaded, too; 0: never. With "
        + "--policy loadline, and not with --no-preload or --reload.",
      reason: "Most of what an application loads late is loaded by then. It is done twice at most "
        + "for each start of the application, and given up where it is not safe."),
    SettingDefinition(
      "reload", .flag(\.reload), "", in: .application,
      help: "Restart when a source file of the application changes; for development.",
      reason: "Watching files costs time, and half an upload must not go live."),
    SettingDefinition(
      "script-reloading", directive: "WSGIScriptReloading", .flag(\.scriptReloading), "",
      in: .application,
      help: "Restart the group gracefully when the file that APP or --mount names was changed or "
        + "touched. It is looked at once a second.",
      reason: "As in mod_wsgi: touching the script is how a new version is put into service. An "
        + "application that is named as a module has no script."),
    SettingDefinition(
      "reload-extra-file", .paths(\.reloadExtraFiles, separatedByCommas: false), "FILE",
      in: .application,
      help: "One more file that --reload watches; one that does not exist is only warned of.",
      defaultNote: "none",
      reason: "Imported Python files are watched already."),
  ]

  static let addresses: [SettingDefinition] = [
    SettingDefinition(
      "bind", short: "b", directive: "Listen", .addresses(\.binds), "ADDRESS", in: .addresses,
      help: "Listen here: host:port, *:port, :port, port, [ipv6]:port, unix:PATH[?mode=0660] or "
        + "fd://N.",
      defaultNote: "127.0.0.1:8000, or the sockets that systemd hands over",
      reason: "Reachable from this machine only until somebody decides otherwise. A port alone, "
        + "with a colon or with *: is every IPv4 address. A Unix socket gets mode 0660: its user "
        + "and group may connect."),
    SettingDefinition(
      "backlog", directive: "ListenBacklog", .count(\.backlog, 1...65_535), "N", in: .addresses,
      help: "Connections the kernel holds for each address until they are accepted.",
      reason: "Apache's default. The kernel cuts it to net.core.somaxconn."),
    SettingDefinition(
      "forwarded-allow-ips", directive: "TrustedProxy", .proxies(\.trustedProxies), "LIST",
      in: .addresses,
      help: "Believe these proxies what they say of their clients: addresses and networks, commas "
        + "between them; unix for whoever connects to a Unix socket; * for everybody. From others, "
        + "X-Forwarded-*, Forwarded and X-Real-IP are removed.",
      defaultNote: "nobody",
      reason: "Whoever is believed can pass for any address, so somebody has to list them."),
    SettingDefinition(
      "proxy-protocol", directive: "ProxyProtocol", .flag(\.proxyProtocol), "", in: .addresses,
      help: "Connections of these proxies begin with a header of the PROXY protocol, version 1 or "
        + "2; one that does not is closed.",
      reason: "A proxy sends it only where it is told to."),
    SettingDefinition(
      "pass-forwarded", directive: "PassForwarded", .flag(\.passesForwardedFields), "",
      in: .addresses,
      help: "Let the application see X-Forwarded-*, Forwarded and X-Real-IP of everybody, as they "
        + "came.",
      reason: "Anybody can write them. For applications that know themselves whom to believe."),
    SettingDefinition(
      "static", directive: "Alias", .mounts(\.staticMounts), "/URL=DIR", in: .addresses,

      help: "Serve the files of a directory below a URL, without Python. The URL is as browsers "
        + "send it: ASCII, all else percent-encoded.", defaultNote: "none",
      reason: "Files are served only where somebody said so."),
    SettingDefinition(
      "static-follow-symlinks", directive: "Options FollowSymLinks",
      .flag(\.staticFollowsSymlinks), "", in: .addresses,
      help: "Follow symbolic links below the static directories.",
      reason: "A link can lead out of the directory, and not everyone who may upload should."),
  ]

  static let limits: [SettingDefinition] = [
    SettingDefinition(
      "limit-request-line", directive: "LimitRequestLine",
      .size(\.limitRequestLine, 64...65_536), "BYTES", in: .limits,
      help: "Longest request line; a longer one gets 414.", reason: "Apache's default."),
    SettingDefinition(
      "limit-request-field-size", aliases: ["limit-request-field_size"],
      directive: "LimitRequestFieldSize", .size(\.limitRequestFieldSize, 64...65_536), "BYTES",
      in: .limits, help: "Longest header field line; a longer one gets 431.",
      reason: "Apache's default."),
    SettingDefinition(
      "limit-request-fields", directive: "LimitRequestFields",
      .count(\.limitRequestFields, 1...1000), "N", in: .limits,
      help: "Most header fields of a request; more get 431.", reason: "Apache's default."),
    SettingDefinition(
      "limit-request-body", directive: "LimitRequestBody",
      .largeSize(\.limitRequestBody, 1...1_099_511_627_776), "SIZE", in: .limits,
      help: "Longest request body; a longer one gets 413.",
      reason:
        "Apache's default since 2.4.53. Its 0, no limit, does not exist: all is bounded."
    ),
    SettingDefinition(
      "body-memory", .size(\.bodyMemoryBytes, 4096...1_073_741_824), "SIZE", in: .limits,
      help: "Part of a request body that is held in memory; a longer body goes to a file.",
      reason: "Forms fit; uploads do not take memory times connections."),
    SettingDefinition(
      "temp-dir", .path(\.temporaryDirectory, allowsStream: false), "DIR", in: .limits,
      help: "Where such files are made; they have no name and vanish with their request. It has to "
        + "be writable.",
      reason: "Exists everywhere. Where /tmp is in memory, a directory on a disk is better."),
  ]

  static let times: [SettingDefinition] = [
    SettingDefinition(
      "timeout", short: "t", directive: "WSGIDaemonProcess request-timeout=",
      .duration(\.timeoutMs, 0...day),
      "TIME", in: .times,
      help: "Interrupt a request that makes no progress for so long; where that does not end it, "
        + "replace its worker; 0: never.",
      reason: "mod_wsgi's order of magnitude; no one waits a minute for a page."),
    SettingDefinition(
      "interrupt-timeout", directive: "WSGIDaemonProcess interrupt-timeout=",
      .duration(\.interruptTimeoutMs, 0...day), "TIME", in: .times,
      help: "Time for a request to end after plimsoll.RequestTimeout was raised in its thread, as "
        + "--timeout had passed; its client then gets 504, and the worker goes on. 0: nothing is "
        + "raised, and the worker is replaced at once.",
      reason: "Long enough for blocks of finally, and it spares the other requests of the worker. "
        + "mod_wsgi has it turned off."),
    SettingDefinition(
      "deadlock-timeout", directive: "WSGIDaemonProcess deadlock-timeout=",
      .duration(\.deadlockTimeoutMs, 0...day), "TIME", in: .times,
      help: "Replace a worker in which no thread could get Python's lock (the GIL) for so long: "
        + "native code keeps it, and no other request can go on; 0: never.",
      reason: "mod_wsgi's. Where it matters, --timeout is over long before."),
    SettingDefinition(
      "queue-timeout", directive: "QueueTimeout", .duration(\.queueTimeoutMs, 0...day), "TIME",
      in: .times,
      help: "Answer a request that has waited so long for a handler with 503 and Retry-After; 0: "
        + "let it wait. --policy apache lets it wait, as httpd does.",
      reason: "Whoever waits longer has usually left, and the answer would be for nobody."),
    SettingDefinition(
      "graceful-timeout", directive: "GracefulShutdownTimeout",
      .duration(\.gracefulTimeoutMs, 0...day), "TIME", in: .times,
      help: "Time for requests in hand when the server stops or restarts.",
      reason: "gunicorn's default, and shorter than the 90 s after which systemd kills."),
    SettingDefinition(
      "inactivity-timeout", directive: "WSGIDaemonProcess inactivity-timeout=",
      .duration(\.inactivityTimeoutMs, 0...day), "TIME", in: .times,
      help: "End all workers of a group that had no request for so long; the next one wakes it "
        + "with a fork from its mold. 0: never. Needs daemon mode.",
      reason: "A site that is asked all day gains nothing; one of many on a small machine gives "
        + "its memory to the others."),
    SettingDefinition(
      "startup-timeout", directive: "WSGIDaemonProcess startup-timeout=",
      .duration(\.startupTimeoutMs, 1000...day), "TIME", in: .times,
      help: "Time for importing the application.",
      reason: "Large applications take seconds; one that hangs has to be reported."),
    SettingDefinition(
      "keep-alive", directive: "KeepAliveTimeout", .duration(\.keepAliveMs, 0...3_600_000),
      "TIME", in: .times, help: "How long an idle connection stays open; 0: not at all.",
      reason: "Apache's default. Idle connections hold no thread, so more is cheap."),
    SettingDefinition(
      "max-keep-alive-requests", directive: "MaxKeepAliveRequests",
      .count(\.maxKeepAliveRequests, 0...1_000_000_000), "N", in: .times,
      help: "Requests of one connection; 0: no limit.",
      reason: "As in nginx; spreads long-lived clients over the workers again. Apache's 100 was "
        + "measured to cost a sixth of the throughput of a kept-alive client."),
    SettingDefinition(
      "request-read-timeout", directive: "RequestReadTimeout", .readTimeout, "LIMITS",
      in: .times,
      help: "Time for reading head and body: \"header=TIME[-MAX][,MinRate=BYTES] body=...\".",
      reason: "Apache's default: 20 s, one more for each 500 bytes, for a head at most 40 s."),
    SettingDefinition(
      "write-timeout", directive: "TimeOut", .duration(\.writeTimeoutMs, 100...day), "TIME",
      in: .times, help: "Give a response up of which the client takes nothing for so long.",
      reason: "Apache's TimeOut."),
    SettingDefinition(
      "lingering-close", .duration(\.lingeringCloseMs, 0...30_000), "TIME", in: .times,
      help: "How long a connection is still read after the last response.",
      reason: "Apache's short lingering close: a client that is still sending sees the answer."),
  ]

  static let operation: [SettingDefinition] = [
    SettingDefinition(
      "pid", short: "p", directive: "PidFile", .path(\.pidFile, allowsStream: false), "FILE",
      in: .operation, help: "Write the supervisor's process number to this file.",
      defaultNote: "none", reason: "systemd and terminals need none."),
    SettingDefinition(
      "user", short: "u", directive: "User", .text(\.user), "USER", in: .operation,
      help: "User of the processes that run Python, by name or number. Root has to give one, "
        + "even where that is root.",
      defaultNote: "unchanged",
      reason: "Only root can change it. Who finds a hole in an application that is root has the "
        + "machine."),
    SettingDefinition(
      "group", short: "g", directive: "Group", .text(\.group), "GROUP", in: .operation,
      help: "Group of the processes that run Python, by name or number.",
      defaultNote: "the user's where --user is given, else unchanged",
      reason: "Only root can change it."),
    SettingDefinition(
      "umask", short: "m", directive: "WSGIDaemonProcess umask=", .mask(\.umask), "MODE",
      in: .operation,
      help: "Permission bits taken from files the application makes; octal, or unchanged.",
      reason: "What the caller chose is right."),
    SettingDefinition(
      "name", short: "n", directive: "WSGIDaemonProcess display-name=", .text(\.processName),
      "NAME", in: .operation, help: "Name of this server in process titles.",
      defaultNote: "the application", reason: "Says which site a process belongs to."),
    SettingDefinition(
      "server-tokens", directive: "ServerTokens",
      .choice(
        \.serverTokens,
        words: [
          SettingChoice("prod", value: "plimsoll", aliases: ["productonly"]),
          SettingChoice(
            "min", value: "plimsoll/" + Release.version, aliases: ["minimal"]),
          SettingChoice("none", value: "", aliases: ["off"]),
        ]),
      "WORD", in: .operation,
      help:
        "Server field of responses: prod (plimsoll), min (with version) or none. Apache's Major, "
        + "Minor, OS and Full have no counterpart.",
      reason: "Names the server without telling an attacker which release it is."),
    SettingDefinition(
      "status-path", directive: "SetHandler server-status", .urlPath(\.statusPath), "/PATH",
      in: .operation,
      help: "Show what every worker does at this path: HTML, with ?auto as Apache's mod_status, "
        + "with ?json as JSON. It wins over --static and the application.",
      defaultNote: "none",
      reason: "It shows addresses and requests of other clients, so somebody has to want it."),
    SettingDefinition(
      "metrics", directive: "MetricsPath", .urlPath(\.metricsPath), "/PATH", in: .operation,
      help: "Give metrics in Prometheus's text form at this path. It wins over --static and the "
        + "application.",
      defaultNote: "none",
      reason: "They tell the load and the deaths of the server, so somebody has to want them."),
    SettingDefinition(
      "status-access", directive: "Require local",
      .choice(
        \.statusAccess, words: [SettingChoice("local"), SettingChoice("all")]), "WORD",
      in: .operation,
      help: "Who may see it and the metrics: local (clients on this machine whose request no proxy "
        + "forwarded) or all.",
      reason: "As in the configuration that comes with Apache; others get 403."),
  ]

  static let logs: [SettingDefinition] = [
    SettingDefinition(
      "access-logfile", directive: "CustomLog", .path(\.accessLogfile, allowsStream: true),
      "FILE", in: .logs, help: "Access log; - is standard output.", defaultNote: "none",
      reason: "Costs a line per request; gunicorn has none by default either."),
    SettingDefinition(
      "access-logformat", directive: "LogFormat", .logFormat(\.accessLogFormat), "FORMAT",
      in: .logs,
      help: "common, combined, combinedio, vhost_combined, or directives as in Apache's LogFormat.",
      reason: "What log analysers read without being told."),
    SettingDefinition(
      "error-logfile", aliases: ["log-file"], directive: "ErrorLog",
      .path(\.errorLogfile, allowsStream: true), "FILE", in: .logs,
      help: "Error log; - is standard error.",
      reason: "systemd, containers and terminals collect it."),
    SettingDefinition(
      "log-level", directive: "LogLevel",
      .choice(
        \.logLevel,
        words: [
          SettingChoice("crit", aliases: ["critical", "emerg", "alert"]),
          SettingChoice("error"),
          SettingChoice("warn", aliases: ["warning"]),
          SettingChoice("notice"),
          SettingChoice("info"),
          SettingChoice("debug", aliases: ["trace1", "trace2"]),
        ]),
      "LEVEL", in: .logs,
      help: "Least severe level that is logged: crit, error, warn, notice, info or debug.",
      reason: "What an operator has to know: starts, stops, deaths, and what led to them."),
  ]
}
