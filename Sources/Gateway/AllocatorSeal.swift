// AllocatorSeal: uses up the holes among the mold's objects. Edge.
internal import CPython
internal import Glibc
internal import Platform

/// Takes what is free between the objects of the mold, and never gives it back.
///
/// A worker's own objects would fill those holes one by one, and each is on a page that the worker
/// shares with the others until it writes there: up to 4 KiB for an object of 64 bytes. With the
/// holes taken, they lie side by side on pages of their own.
///
/// It costs the mold no memory that is not in use already: what is taken is not written to, but for
/// the allocators' own headers.
public enum AllocatorSeal {
  /// What was taken, in bytes.
  public struct Taken: Equatable, Sendable {
    /// Of Python's own allocator, for objects up to 512 bytes.
    public var pythonBytes = 0
    /// Of the C library's.
    public var heapBytes = 0
  }

  /// Most bytes that are taken from each of the two allocators: far more than a mold has in holes.
  private static let mostBytes = 256 << 20
  /// Python's allocator: sizes it serves, pools it takes them from, and where in a pool the first
  /// block lies (Objects/obmalloc.c, since 3.10). Should they be others, less is sealed.
  private static let largestSize = 512
  private static let sizeStep = 16
  private static let poolBytes: UInt = 16 << 10
  private static let poolHeaderBytes: UInt = 48
  /// Sizes of holes in the C library's heap that are looked for; larger blocks are mapped.
  private static let largestChunk = 128 << 10

  /// Seals both allocators. Called with the heap trimmed, before the fork.
  public static func seal(_ gil: borrowing GIL) -> Taken {
    var taken = Taken()
    // The C library's first: what is taken of Python's may have to come from there.
    taken.heapBytes += sealHeap()
    taken.pythonBytes = sealPools(gil)
    taken.heapBytes += sealHeap()
    return taken
  }

  /// Blocks of every size until one comes from a new pool: then the old ones of that size are full.
  private static func sealPools(_ gil: borrowing GIL) -> Int {
    var bytes = 0
    var size = sizeStep
    while size <= largestSize {
      var inSize = 0
      while bytes < mostBytes, let block = unsafe PyObject_Malloc(size) {
        let offset = UInt(bitPattern: block) & (poolBytes - 1)
        if offset == poolHeaderBytes, unsafe isNew(pool: block, size: size) {
          unsafe PyObject_Free(block)
          break
        }
        inSize += size
        bytes += size
      }
      size += sizeStep
    }
    return bytes
  }

  /// Whether the first block of a pool was given out because the pool is new: the next ones lie
  /// behind it then, in order.
  private static func isNew(pool first: UnsafeMutableRawPointer, size: Int) -> Bool {
    guard let second = unsafe PyObject_Malloc(size) else { return true }
    guard let third = unsafe PyObject_Malloc(size) else {
      unsafe PyObject_Free(second)
      return true
    }
    let isNew = unsafe second == first + size && third == first + 2 * size
    unsafe PyObject_Free(third)
    unsafe PyObject_Free(second)
    return isNew
  }

  /// Chunks of every size, large ones first, until one comes from the end of the heap.
  private static func sealHeap() -> Int {
    // The end of the heap is one chunk, which mallinfo(3) calls keepcost.
    let end = unsafe UInt(bitPattern: sbrk(0)) - UInt(Process.heapEndBytes)
    var bytes = 0
    var size = largestChunk - 64
    while size >= 24 {
      while bytes < mostBytes, let block = unsafe malloc(size) {
        if UInt(bitPattern: block) >= end {
          unsafe free(block)
          break
        }
        bytes += size
      }
      size = size > 1024 ? size - size / 8 : size - 16
    }
    return bytes
  }
}
