// GrowthAllowance: how much more a worker may take than when it began to serve. Pure.

/// Decides what growth of a worker is a leak, and what only the application loaded late.
///
/// Half of the room is for growth, in equal parts: what leaks is replaced long before the line. But
/// a worker that has outgrown its part after a few requests is no leak: its successor would take as
/// much with its own first requests, and to replace it again and again would cost more than it
/// saves. Such growth is allowed from then on, as far as the room suffices for all workers.
public struct GrowthAllowance: Equatable, Sendable {
  /// Least growth that every worker may have, bytes.
  public static let leastBytes: Int64 = 4 << 20
  /// Requests below which growth counts as late loading.
  public static let lateRequests: Int64 = 8

  /// What late loading was seen to take, with half of it on top; bytes, 0 where none was seen.
  public private(set) var lateBytes: Int64 = 0

  /// Has seen no worker grow.
  public init() {}

  /// A worker has outgrown its allowance by taking `grownBytes`, after so many requests.
  public mutating func outgrew(grownBytes: Int64, afterRequests requests: Int64) {
    guard requests < Self.lateRequests else { return }
    lateBytes = max(lateBytes, grownBytes.plusOrLargest(grownBytes / 2))
  }

  /// How much a worker that outgrew its allowance is to be reckoned with, bytes: it was stopped
  /// when it took `takenBytes`, `grownBytes` of them since it began to serve, and would have taken
  /// more.
  public static func expectedBytes(takenBytes: Int64, grownBytes: Int64) -> Int64 {
    takenBytes.plusOrLargest(grownBytes / 4)
  }

  /// What each of `workers` may grow by, in bytes; at least ``leastBytes``. Allocates: never.
  ///
  /// - Parameters:
  ///   - roomBytes: what is left below the line.
  ///   - grownBytes: what these workers have taken since they began to serve, all together.
  public func bytes(roomBytes: Int64, grownBytes: Int64, workers: Int) -> Int64 {
    let count = Int64(max(1, workers))
    let room = max(0, roomBytes)
    let share = room.plusOrLargest(grownBytes) / count
    return max(Self.leastBytes, room / 2 / count, min(lateBytes, share))
  }
}
