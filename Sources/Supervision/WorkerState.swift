// WorkerState: the life of a worker as the supervisor sees it. Pure.

/// Where the worker of a slot is in its life.
///
///       ┌───────────────────── became a mold (scouts only) ──────────────┐
///       ▼                                                                │
///     empty ──fork──▶ forking ──forked──▶ starting ──ready──▶ ready ──┐
///       ▲                │                   │                 │     │ drain, stop, retiring
///       │                │                   │                 │     ▼
///       │                │                   │                 │  draining
///       │                ▼                   ▼                 ▼     ▼
///       └──────────────────────────── reaped ◀──SIGKILL── condemned ◀┘
///
/// What holds:
/// 1. A slot that is not `empty` has a generation; from `starting` on it has a pid, which the
///    supervisor reaps. (A worker may end before the mold told its pid: the death waits among the
///    unclaimed ones until then, and so does what it said. A pid that is none of the supervisor's
///    children is refused, as it would be sent signals with the supervisor's rights.)
/// 2. Only `forking`, `starting` and `ready` workers count as capacity. Whoever leaves them is
///    replaced as the policy decides: no transition forks by itself.
/// 3. Every state but `empty` and `ready` has a deadline: forking and starting `--startup-timeout`,
///    draining `--graceful-timeout`, and `--shutdown-timeout` for exit handlers; condemned 200 ms,
///    or `--shutdown-timeout` where its requests could be told to end. A deadline that passes leads
///    towards
///    SIGKILL, so every worker that was given up ends.
/// 4. `condemned` workers were sent the signal that dumps their stacks; SIGKILL follows.
/// 5. A slot becomes `empty` only after its process was reaped (or was never made), so two workers
///    never write to one scoreboard slot. The one exception is a scout: when it says that it has
///    become a mold it has stopped serving, and never writes to its slot again; its counts are
///    taken over, and from then on it is a `MoldHandle`.
public enum WorkerState: Equatable, Sendable {
  /// No worker.
  case empty
  /// The mold was asked for one.
  case forking
  /// It runs and prepares to serve.
  case starting
  /// It serves.
  case ready
  /// It finishes what it has in hand.
  case draining
  /// It will be killed in a moment.
  case condemned

  /// Whether the worker serves, or will.
  public var isCapacity: Bool {
    switch self {
    case .forking, .starting, .ready: true
    case .empty, .draining, .condemned: false
    }
  }
}
