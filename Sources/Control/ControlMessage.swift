// ControlMessage: what supervisor, mold and workers say to each other. Pure.

/// One message of a control channel (a Unix SOCK_SEQPACKET pair). The supervisor holds one end;
/// the mold or a worker the other. End of file on a channel means that the other side died.
public enum ControlMessage: Equatable {
  // Supervisor to mold.
  /// Fork a worker for scoreboard slot `slot`; its channel comes along as a descriptor.
  case fork(slot: Int)
  // Supervisor to mold or worker.
  /// Finish what is in hand, accept nothing new, exit. Idle keep-alive connections get a last
  /// request answered with `Connection: close` until their time-out.
  case drain
  /// Like drain, but idle connections are closed at once.
  case stop
  /// Logs were reopened; the new error log and access log come along as descriptors.
  case reopenLogs
  // Mold or worker to supervisor.
  /// Mold: application loaded, forks on command. Worker: serving.
  case ready
  /// Mold: the worker for `slot` has this pid.
  case forked(slot: Int, pid: Int32)
  /// Mold or worker: cannot go on; exits with `code`. The details are in the error log.
  case failed(code: Int32, message: String)
  /// Worker: has served `--max-requests` and drains by itself; replace it.
  case retiring
}
