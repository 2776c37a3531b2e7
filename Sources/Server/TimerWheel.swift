// TimerWheel: deadlines of connections, cheap to move. Assembly (reads no clock).

/// A hashed timer wheel over a ``ConnectionTable``.
///
/// Moving a deadline further away, which every request does, is one store: the connection stays in
/// its slot and is put into the right one when that slot comes due. Only an earlier deadline moves
/// it at once. A deadline may be met late by one slot (128 ms), never early.
final class TimerWheel {
  private static let slotMs: Int64 = 128
  private static let slotCount: Int64 = 1024

  private let table: ConnectionTable
  private var heads: [Int32]
  private var nextSlot: Int64
  private var scheduled = 0

  init(table: ConnectionTable, nowMs: Int64) {
    self.table = table
    heads = Array(repeating: -1, count: Int(Self.slotCount))
    nextSlot = nowMs / Self.slotMs
  }

  /// Sets the deadline of connection `index`. Allocates: never.
  func schedule(_ index: Int32, deadlineMs: Int64) {
    let connection = unsafe table[index]
    unsafe connection.pointee.deadlineMs = deadlineMs
    if unsafe connection.pointee.timerSlot >= 0 {
      // The slot's absolute number is the next one at or after nextSlot with this remainder.
      let slot = unsafe Int64(connection.pointee.timerSlot)
      let offset = (slot - nextSlot % Self.slotCount + Self.slotCount) % Self.slotCount
      if (nextSlot + offset) * Self.slotMs <= deadlineMs { return }
      unlink(index)
    }
    link(index)
  }

  /// Forgets connection `index`.
  func cancel(_ index: Int32) {
    if unsafe table[index].pointee.timerSlot >= 0 { unlink(index) }
    unsafe table[index].pointee.deadlineMs = .max
  }

  /// Milliseconds until the next slot that holds a connection; -1 when none does.
  func waitMs(nowMs: Int64) -> Int64 {
    guard scheduled > 0 else { return -1 }
    var slot = nextSlot
    while heads[Int(slot % Self.slotCount)] < 0 { slot += 1 }
    return max(0, slot * Self.slotMs - nowMs + 1)
  }

  /// Takes the next connection whose deadline is over, or -1 when no more is.
  func expired(nowMs: Int64) -> Int32 {
    while nextSlot * Self.slotMs < nowMs {
      let index = heads[Int(nextSlot % Self.slotCount)]
      if index < 0 {
        nextSlot += 1
        if scheduled == 0 { nextSlot = max(nextSlot, nowMs / Self.slotMs) }
        continue
      }
      unlink(index)
      let deadline = unsafe table[index].pointee.deadlineMs
      if deadline <= nowMs { return index }
      if deadline != .max { link(index) }
    }
    return -1
  }

  private func link(_ index: Int32) {
    let connection = unsafe table[index]
    guard unsafe connection.pointee.deadlineMs != .max else { return }
    // A slot comes due when its whole span is over, and never the one that is being emptied.
    let due = unsafe connection.pointee.deadlineMs / Self.slotMs + 1
    let slot = min(max(due, nextSlot + 1), nextSlot + Self.slotCount - 1)
    let head = Int(slot % Self.slotCount)
    unsafe connection.pointee.timerSlot = Int32(head)
    unsafe connection.pointee.timerPrevious = -1
    unsafe connection.pointee.timerNext = heads[head]
    if heads[head] >= 0 { unsafe table[heads[head]].pointee.timerPrevious = index }
    heads[head] = index
    scheduled += 1
  }

  private func unlink(_ index: Int32) {
    let connection = unsafe table[index]
    let next = unsafe connection.pointee.timerNext
    let previous = unsafe connection.pointee.timerPrevious
    if previous >= 0 {
      unsafe table[previous].pointee.timerNext = next
    } else {
      unsafe heads[Int(connection.pointee.timerSlot)] = next
    }
    if next >= 0 { unsafe table[next].pointee.timerPrevious = previous }
    unsafe connection.pointee.timerSlot = -1
    unsafe connection.pointee.timerNext = -1
    unsafe connection.pointee.timerPrevious = -1
    scheduled -= 1
  }
}
