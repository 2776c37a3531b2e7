// SharedWord: a number in memory that two processes write to, with its order towards others. Edge.
internal import Synchronization

/// A 64-bit number by which one process tells another that something else is ready.
///
/// Allocates: never.
@safe struct SharedWord {
  private let cell: UnsafePointer<Atomic<UInt64>>

  /// The number at `place`, which is aligned to 8 bytes and stays mapped.
  @inline(__always)
  init(at place: UnsafeMutableRawPointer) {
    unsafe cell = unsafe UnsafePointer(place.assumingMemoryBound(to: Atomic<UInt64>.self))
  }

  /// The number, without any order.
  @inline(__always)
  var relaxed: UInt64 {
    get { unsafe cell.pointee.load(ordering: .relaxed) }
    nonmutating set { unsafe cell.pointee.store(newValue, ordering: .relaxed) }
  }

  /// The number; what its writer wrote before it is seen.
  @inline(__always)
  var acquired: UInt64 { unsafe cell.pointee.load(ordering: .acquiring) }

  /// Writes the number, behind everything that this process wrote.
  @inline(__always)
  func release(_ value: UInt64) { unsafe cell.pointee.store(value, ordering: .releasing) }

  /// The number, in the one order that all processes agree on.
  @inline(__always)
  var ordered: UInt64 {
    get { unsafe cell.pointee.load(ordering: .sequentiallyConsistent) }
    nonmutating set { unsafe cell.pointee.store(newValue, ordering: .sequentiallyConsistent) }
  }

  /// Writes another number, and gives back what stood there.
  @inline(__always)
  func exchange(_ value: UInt64) -> UInt64 {
    unsafe cell.pointee.exchange(value, ordering: .sequentiallyConsistent)
  }

  /// Sets bits, in the one order that all processes agree on.
  @inline(__always)
  func set(_ bits: UInt64) {
    unsafe cell.pointee.bitwiseOr(bits, ordering: .sequentiallyConsistent)
  }

  /// Clears bits, and gives back the number before that.
  @inline(__always)
  func clear(_ bits: UInt64) -> UInt64 {
    unsafe cell.pointee.bitwiseAnd(~bits, ordering: .sequentiallyConsistent).oldValue
  }

  /// Writes `new` where `old` stands. False where something else stood there.
  @inline(__always)
  func move(from old: UInt64, to new: UInt64) -> Bool {
    unsafe cell.pointee.compareExchange(
      expected: old, desired: new, ordering: .acquiringAndReleasing
    ).exchanged
  }
}
