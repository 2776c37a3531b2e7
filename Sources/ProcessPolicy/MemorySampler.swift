// MemorySampler: which process to read next, so that reading costs next to nothing. Pure.

/// Decides when the next reading of a process's memory is due, and of which process.
///
/// A reading (smaps_rollup) costs nearly a millisecond, so 150 processes cannot be read each
/// second.
///
/// 1. After a reading that took c of CPU time there is none for c / ``shareMillionths``: whatever a
///    reading costs, all of them together take that share of one core, and no more.
/// 2. A cheap look (``note(slot:growthBytes:)``) says how much a process can have grown since its
///    reading. What did not grow is read once in ``unchangedMs`` only.
/// 3. Readings go in turns to the process that may have grown most, so that a leak is seen soon,
///    and to the one whose reading is oldest, so that none is forgotten: with n processes that
///    grow, each is read at least once in 2n readings.
/// 4. One that was never read comes first, in the order of the slots.
public struct MemorySampler: Equatable, Sendable {
  /// Share of one core, in millionths, unless said otherwise: half a percent. With 0.75 ms for a
  /// reading that is one each 150 ms, and each of 150 that all grow is read every 23 to 45 s. The
  /// cheap look at 150 processes once a second takes another 0.17 %.
  public static let defaultShareMillionths: Int64 = 5_000
  /// A process that did not grow is read again after this time, ms: what it shares may have
  /// changed.
  public static let unchangedMs: Int64 = 60_000
  /// Growth that is worth a reading, bytes: less is within what each reading differs by.
  public static let worthwhileBytes: Int64 = 64 << 10

  /// Share of one core that readings may take, in millionths; at least 1.
  public let shareMillionths: Int64

  private struct Entry: Equatable {
    var isWatched = false
    /// nil for never.
    var readMs: Int64?
    var growthBytes: Int64 = 0
  }

  private var entries: [Entry] = []
  private var nextMicroseconds: Int64 = 0
  private var isTurnOfOldest = false

  /// Nothing to read yet.
  public init(shareMillionths: Int64 = defaultShareMillionths) {
    self.shareMillionths = min(max(1, shareMillionths), 1_000_000)
  }

  /// A process is in this slot now, and can be read.
  public mutating func watch(slot: Int) {
    guard slot >= 0 else { return }
    while entries.count <= slot { entries.append(Entry()) }
    entries[slot] = Entry(isWatched: true)
  }

  /// The slot is empty.
  public mutating func forget(slot: Int) {
    if entries.indices.contains(slot) { entries[slot] = Entry() }
  }

  /// A cheap look found that the process can have grown by so much since its last reading.
  public mutating func note(slot: Int, growthBytes: Int64) {
    if entries.indices.contains(slot) { entries[slot].growthBytes = max(0, growthBytes) }
  }

  /// How much a process can have grown since its last reading, bytes; for estimates.
  public func growthBytes(slot: Int) -> Int64 {
    entries.indices.contains(slot) ? entries[slot].growthBytes : 0
  }

  /// When ``next(nowMs:)`` is worth a call; ms of the monotonic clock.
  public var nextMs: Int64 { (nextMicroseconds + 999) / 1000 }

  /// The slot to read now; nil where it is too early, or where nothing is worth it. After the
  /// reading call ``finished(slot:costMicroseconds:nowMs:)``. Allocates: never.
  public func next(nowMs: Int64) -> Int? {
    guard nowMs >= nextMs else { return nil }
    var best: Int?
    for slot in entries.indices where isDue(entries[slot], nowMs) {
      guard let chosen = best else {
        best = slot
        continue
      }
      if precedes(entries[slot], entries[chosen]) { best = slot }
    }
    return best
  }

  private func isDue(_ entry: Entry, _ nowMs: Int64) -> Bool {
    guard entry.isWatched else { return false }
    guard let readMs = entry.readMs else { return true }
    return entry.growthBytes >= Self.worthwhileBytes || nowMs - readMs >= Self.unchangedMs
  }

  private func precedes(_ left: Entry, _ right: Entry) -> Bool {
    guard let leftMs = left.readMs, let rightMs = right.readMs else {
      return left.readMs == nil && right.readMs != nil
    }
    if !isTurnOfOldest, left.growthBytes != right.growthBytes {
      return left.growthBytes > right.growthBytes
    }
    return leftMs < rightMs
  }

  /// A reading is done, or failed because the process is gone: it took so much CPU time.
  public mutating func finished(slot: Int, costMicroseconds: Int64, nowMs: Int64) {
    let cost = min(max(1, costMicroseconds), 10_000_000)
    nextMicroseconds = nowMs * 1000 + cost * 1_000_000 / shareMillionths
    guard entries.indices.contains(slot), entries[slot].isWatched else { return }
    if entries[slot].readMs != nil { isTurnOfOldest.toggle() }
    entries[slot].readMs = nowMs
    entries[slot].growthBytes = 0
  }
}
