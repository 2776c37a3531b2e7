// IndexQueue: connections that wait for their turn. Pure.

/// A bounded queue of connections, first in first out. Allocates only when made.
///
/// The memory is never filled: of room for ten thousand connections, only the pages are taken that
/// were used, and an empty queue begins again at its start. Two such queues in each of 150
/// processes would take 8 MB otherwise.
@safe struct IndexQueue: ~Copyable {
  private let items: UnsafeMutablePointer<Int32>
  private let capacity: Int
  private var first = 0
  private(set) var count = 0

  init(capacity: Int) {
    precondition(capacity > 0)
    unsafe items = .allocate(capacity: capacity)
    self.capacity = capacity
  }

  deinit { unsafe items.deallocate() }

  /// Where the item stands that is `position` behind the oldest.
  private func place(_ position: Int) -> UnsafeMutablePointer<Int32> {
    unsafe items + (first + position) % capacity
  }

  /// The oldest, or -1.
  var oldest: Int32 { count > 0 ? unsafe place(0).pointee : -1 }

  /// Adds `index`; a connection stands in a queue at most once, so there is always room.
  mutating func push(_ index: Int32) { insert(index) { _ in false } }

  /// Adds `index` before those at the end that `isYounger` holds for: one step for each of these.
  mutating func insert(_ index: Int32, isYounger: (Int32) -> Bool) {
    precondition(count < capacity)
    var position = count
    while position > 0 {
      let other = unsafe place(position - 1).pointee
      guard isYounger(other) else { break }
      unsafe place(position).initialize(to: other)
      position -= 1
    }
    unsafe place(position).initialize(to: index)
    count += 1
  }

  /// Adds `index` before all others.
  mutating func pushFirst(_ index: Int32) {
    precondition(count < capacity)
    first = (first + capacity - 1) % capacity
    unsafe place(0).initialize(to: index)
    count += 1
  }

  /// Takes out those that `leaves` holds for, and gives them back, the oldest first. Allocates.
  mutating func remove(where leaves: (Int32) -> Bool) -> [Int32] {
    var left: [Int32] = []
    var kept = 0
    for position in 0..<count {
      let index = unsafe place(position).pointee
      if leaves(index) {
        left.append(index)
      } else {
        unsafe place(kept).pointee = index
        kept += 1
      }
    }
    count = kept
    if count == 0 { first = 0 }
    return left
  }

  /// Takes the oldest, or -1.
  mutating func pop() -> Int32 {
    guard count > 0 else { return -1 }
    let index = unsafe place(0).pointee
    count -= 1
    first = count == 0 ? 0 : (first + 1) % capacity
    return index
  }
}
