// ForeignOptions: options of other servers that Plimsoll does not have, and what to do instead.
// Pure.

/// Answers for people who come with another server's command line.
enum ForeignOptions {
  /// What to say for an option, given with its dashes; nil where it is simply unknown.
  static func advice(for option: String) -> String? {
    guard let row = all.first(where: { $0.options.contains(option) }) else { return nil }
    return row.advice
  }

  private static let noTLS =
    "Plimsoll does not speak TLS yet; put a server that does in front of it"
  private static let proxies =
    "list the proxies to believe with --forwarded-allow-ips; X-Forwarded-*, Forwarded and, with "
    + "--proxy-protocol, PROXY headers are then read"
  private static let noLogClass =
    "logs are written by the server; see --error-logfile and --log-level"

  private static let all: [(options: [String], advice: String)] = [
    (
      ["--worker-class", "-k"],
      "for sync give --mpm prefork, for gthread --threads N; gevent, eventlet and tornado have no "
        + "counterpart, and Apache's -k graceful is \"plimsoll ctl graceful\""
    ),
    (["--worker-tmp-dir"], "workers report through shared memory, not through files; leave it out"),
    (
      ["--config", "-c"],
      "there is no configuration file in Python; give options, all of which "
        + "\"plimsoll serve --help\" lists"
    ),
    (
      [
        "--certfile", "--keyfile", "--ssl-version", "--cert-reqs", "--ca-certs", "--ciphers",
        "--suppress-ragged-eofs", "--do-handshake-on-connect", "--ssl-keyfile", "--ssl-certfile",
      ], noTLS
    ),
    (
      ["--daemon", "-D", "--daemonize"],
      "the server stays in the foreground; let systemd or a container run it"
    ),
    (
      ["--reuse-port"],
      "workers share the sockets of the supervisor, which loses no connection; leave it out"
    ),
    (["--spew"], "there is no tracing of Python lines; see sys.settrace"),
    (["--no-sendfile", "--sendfile"], "sendfile is used where it can be; leave it out"),
    (
      ["--initgroups"], "the groups of --user are always taken over; leave it out"
    ),
    (
      [
        "--secure-scheme-headers", "--proxy-allow-from", "--proxy-headers", "--forwarder-headers",
        "--header-map",
      ], proxies
    ),
    (
      ["--paste", "--paster"],
      "Paste configurations are not read; write a file with application = loadapp(...) and serve it"
    ),
    (
      [
        "--statsd-host", "--statsd-prefix", "--dogstatsd-tags", "--enable-backlog-metric",
      ], "statsd is not supported; the access log has durations with %D"
    ),
    (
      [
        "--capture-output", "--enable-stdio-inheritance", "-R",
      ], "what the application prints goes to standard output and standard error; leave it out"
    ),
    (
      ["--logger-class", "--log-config", "--log-config-dict", "--log-config-json"], noLogClass
    ),
    (
      [
        "--log-syslog", "--log-syslog-to", "--log-syslog-prefix", "--log-syslog-facility",
        "--disable-redirect-access-to-syslog",
      ], "syslog is not spoken; journald reads standard error, so leave it out"
    ),
    (
      [
        "--strip-header-spaces", "--permit-obsolete-folding", "--permit-unconventional-http-method",
        "--permit-unconventional-http-version", "--casefold-http-method",
        "--tolerate-dangerous-framing",
      ], "requests are read strictly by RFC 9112, and there is no way around that"
    ),
    (["--reload-engine"], "there is one way of watching files; leave it out"),
    (["--host", "--port"], "give both with --bind, for example --bind 127.0.0.1:8000"),
    (["--http", "--http-socket", "--socket"], "give the address with --bind"),
    (
      ["--processes"],
      "give the number of processes with --workers, as N or MIN-MAX"
    ),
    (
      ["--cheaper", "--cheaper-initial", "--cheaper-step", "--cheaper-algo"],
      "give both bounds with --workers MIN-MAX"
    ),
    (
      ["--blocking-threads", "--runtime-threads"],
      "give the number of threads with --threads"
    ),
    (["--server-mpm"], "choose the process model with --mpm event, worker or prefork"),
    (
      ["--initial-workers", "--minimum-spare-workers", "--maximum-spare-workers"],
      "give whole numbers with --policy apache and --start-servers, --min-spare-servers, "
        + "--max-spare-servers (prefork), --min-spare-threads or --max-spare-threads"
    ),
    (
      ["-X"],
      "for one process that handles one request at a time give --workers 1 --threads 1"
    ),
    (
      ["--server-status", "--stats", "--stats-server"],
      "give the path of the status page with --status-path /server-status"
    ),
    (["--wsgi-file", "--module"], "give the application without an option: plimsoll serve APP"),
    (["--interface"], "applications are WSGI; leave it out"),
    (["--factory"], "write a file with application = create_app() and serve that"),
  ]
}
