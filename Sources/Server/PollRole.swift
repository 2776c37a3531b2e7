// PollRole: which thread polls, and how it is relieved while it is inside the application.
// Assembly.
//
// One thread of a worker process holds the poll role: it waits in epoll, reads, parses, and runs
// the application itself, so that a short request costs no hand-off. When it stays inside the
// application for too long, the monitor thread takes the role from it and gives it to an idle
// handler thread, or polls itself (without ever running the application) while none is idle.
//
// The role is one word: an epoch, and whether the holder is inside the application.
//
//               enterApplication                    steal (monitor)
//   polling(e) ─────────────────▶ inApplication(e+1) ─────────────▶ polling(e+1), new holder
//        ▲                              │
//        └──────── leaveApplication ────┘  fails once the role was stolen
//
// Whoever wins the exchange of the word owns the event loop's state; the exchange orders the
// memory.
internal import Synchronization

/// The word that says who may touch the event loop's state.
final class PollRole {
  private let word = Atomic<UInt64>(0)
  /// The last token; belongs to the holder, who reads it only before the role can be stolen.
  private var entered: UInt64 = 0

  /// The holder goes into the application and can lose the role from now on.
  ///
  /// - Returns: the token of this stay, for ``leaveApplication(_:)``.
  func enterApplication() -> UInt64 {
    let next = (entered | 1) &+ 2
    entered = next
    // Sequentially consistent against the monitor going to rest (WorkerServer.watch).
    word.store(next, ordering: .sequentiallyConsistent)
    return next
  }

  /// The holder is back from the stay that `token` was given for.
  ///
  /// - Returns: whether it still holds the role.
  func leaveApplication(_ token: UInt64) -> Bool {
    word.compareExchange(
      expected: token, desired: token & ~1, ordering: .acquiringAndReleasing
    ).exchanged
  }

  /// The word, for the monitor: odd while the holder is inside the application.
  var observed: UInt64 { word.load(ordering: .sequentiallyConsistent) }

  /// Takes the role if the holder is still inside the stay that `observed` showed.
  func steal(_ observed: UInt64) -> Bool {
    guard observed & 1 == 1 else { return false }
    return word.compareExchange(
      expected: observed, desired: observed & ~1, ordering: .acquiringAndReleasing
    ).exchanged
  }
}
