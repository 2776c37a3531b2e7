// SharedLine: one cache line of the scoreboard as eight numbers. Edge.
internal import Synchronization

/// Eight 64-bit numbers that fill a cache line, so that two writers never share one.
///
/// All accesses are relaxed: each number stands for itself, and readers only need to see it soon.
/// Every number has one writer at a time, so adding is a load and a store.
@safe struct SharedLine {
  /// Bytes of a cache line.
  static let bytes = 64
  /// Numbers of a line.
  static let fields = bytes / 8

  private let base: UnsafeMutableRawPointer

  /// The line at `base`, which is aligned to a line and stays mapped.
  init(at base: UnsafeMutableRawPointer) { unsafe self.base = base }

  /// Number `field` of the line. Allocates: never.
  @inline(__always)
  subscript(_ field: Int) -> Int64 {
    get { unsafe cell(field).pointee.load(ordering: .relaxed) }
    nonmutating set { unsafe cell(field).pointee.store(newValue, ordering: .relaxed) }
  }

  /// Adds to a number of which the caller is the only writer. Allocates: never.
  @inline(__always)
  func add(_ amount: Int64, to field: Int) { self[field] = self[field] &+ amount }

  /// The same for a number that several threads add to. Allocates: never.
  ///
  /// Safe as the others: `cell` checks the field, and the line stays mapped.
  @inline(__always)
  func addAtomically(_ amount: Int64, to field: Int) {
    unsafe cell(field).pointee.wrappingAdd(amount, ordering: .relaxed)
  }

  /// Makes all numbers zero.
  func clear() { for field in 0..<Self.fields { self[field] = 0 } }

  @inline(__always)
  private func cell(_ field: Int) -> UnsafePointer<Atomic<Int64>> {
    precondition(field >= 0 && field < Self.fields)
    return unsafe UnsafePointer((base + field &* 8).assumingMemoryBound(to: Atomic<Int64>.self))
  }
}
