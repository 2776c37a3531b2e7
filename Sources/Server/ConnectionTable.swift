// ConnectionTable: a bounded number of connections in one piece of memory. Assembly.
internal import Platform

/// Slots for connections, addressed by index. Memory is touched only as far as it was ever used.
@safe final class ConnectionTable {
  /// Most connections at a time.
  let capacity: Int
  /// Connections now.
  private(set) var count = 0

  private let slots: UnsafeMutablePointer<Connection>
  private var used = 0
  private var firstFree: Int32 = -1

  init(capacity: Int) {
    precondition(capacity > 0 && capacity < Int(Int32.max))
    self.capacity = capacity
    unsafe slots = .allocate(capacity: capacity)
  }

  /// Called with no connection left.
  deinit { unsafe slots.deallocate() }

  /// The connection in slot `index`.
  subscript(_ index: Int32) -> UnsafeMutablePointer<Connection> {
    precondition(index >= 0 && Int(index) < used)
    return unsafe slots + Int(index)
  }

  /// Takes a slot for `socket`; -1 when the table is full.
  func open(_ socket: Int32) -> Int32 {
    var index = firstFree
    if index >= 0 {
      firstFree = unsafe slots[Int(index)].timerNext
    } else if used < capacity {
      index = Int32(used)
      unsafe (slots + used).initialize(to: Connection())
      used += 1
    } else {
      return -1
    }
    let slot = unsafe slots + Int(index)
    unsafe slot.pointee.timerNext = -1
    unsafe slot.pointee.socket = socket
    unsafe slot.pointee.phase = .waiting
    count += 1
    return index
  }

  /// Gives a slot back; what it owned is already released.
  func close(_ index: Int32) {
    let slot = unsafe self[index]
    let generation = unsafe slot.pointee.generation
    unsafe slot.pointee = Connection()
    unsafe slot.pointee.generation = generation &+ 1
    unsafe slot.pointee.timerNext = firstFree
    firstFree = index
    count -= 1
  }

  /// Calls `body` with every slot in use.
  func forEach(_ body: (Int32) -> Void) {
    for index in 0..<Int32(used) where unsafe slots[Int(index)].phase != .free { body(index) }
  }

  /// The epoll token of slot `index`: its generation and its number.
  func token(_ index: Int32) -> UInt64 {
    unsafe UInt64(self[index].pointee.generation) << 32 | UInt64(UInt32(index))
  }

  /// The slot that `token` means, or -1 when its connection is gone.
  func index(of token: UInt64) -> Int32 {
    let index = Int32(truncatingIfNeeded: token & 0x7FFF_FFFF)
    guard Int(index) < used else { return -1 }
    let slot = unsafe slots + Int(index)
    return unsafe slot.pointee.generation == UInt32(token >> 32) && slot.pointee.phase != .free
      ? index : -1
  }
}
