// Upload: a request body on its way in, kept in memory to a bound and in a file beyond it.
// Assembly.
internal import HTTP1
internal import Platform

/// Collects the body of one request, so that a slow client holds no handler thread.
///
/// The head is kept as bytes as well: it is parsed again when the body is complete, which costs
/// less than keeping parsed heads alive.
@safe final class Upload {
  /// What became of received bytes.
  enum Progress {
    case needMoreBytes
    case complete
    case refused(Refusal)
    /// The temporary file could not be written; the reason is logged.
    case failed
  }

  /// Bounds, the same for every upload of a server.
  struct Limits {
    var memoryBytes: Int
    var bodyBytes: Int64
    var directory: String
  }

  let head: UnsafeMutablePointer<UInt8>
  let headCount: Int
  /// Decoded bytes of the body so far.
  private(set) var count: Int64 = 0
  /// Whether it may be handed on before it is whole (WorkerServer+Arriving).
  var mayStream = false
  /// Whether it was, and is not whole yet.
  var isArriving = false
  /// What tells the worker that has it.
  private var signal: ArrivalSignal?

  private let limits: Limits
  private var memory: UnsafeMutablePointer<UInt8>?
  private var memoryCapacity = 0
  private var file: TemporaryFile?
  private var remaining: Int64
  private var decoder = ChunkedDecoder()
  private let isChunked: Bool
  private var readPosition: Int64 = 0

  init(head bytes: UnsafePointer<UInt8>, _ parsed: RequestHead, limits: Limits) {
    headCount = parsed.length
    unsafe head = .allocate(capacity: headCount)
    unsafe head.update(from: bytes, count: headCount)
    isChunked = parsed.isChunked
    remaining = parsed.isChunked ? 0 : parsed.contentLength
    self.limits = limits
    if !isChunked {
      // A known length is reserved at once where it fits; memory is touched only as it fills.
      grow(Int(min(remaining, Int64(limits.memoryBytes))))
    }
  }

  /// The head's bytes, lent while the upload lives.
  var headSeen: UnsafeBufferPointer<UInt8> {
    unsafe UnsafeBufferPointer(start: head, count: headCount)
  }

  deinit {
    if isArriving { tell(.failed) }
    unsafe head.deallocate()
    unsafe memory?.deallocate()
  }

  /// Takes what belongs to the body from `bytes`, and moves `position` past it.
  func receive(_ bytes: UnsafeBufferPointer<UInt8>, position: inout Int) -> Progress {
    if !isChunked {
      let take = Int(min(remaining, Int64(bytes.count - position)))
      guard unsafe store(UnsafeBufferPointer(rebasing: bytes[position..<(position + take)])) else {
        return .failed
      }
      position += take
      remaining -= Int64(take)
      return remaining == 0 ? .complete : .needMoreBytes
    }
    while true {
      switch unsafe decoder.next(in: bytes, position: &position) {
      case .data(let offset, let size):
        guard count + Int64(size) <= limits.bodyBytes else {
          return .refused(Refusal(.bodyTooLarge))
        }
        guard unsafe store(UnsafeBufferPointer(rebasing: bytes[offset..<(offset + size)])) else {
          return .failed
        }
      case .needMoreBytes: return .needMoreBytes
      case .end: return .complete
      case .refused(let refusal): return .refused(refusal)
      }
    }
  }

  /// Copies the next bytes of the body; 0 at its end, -1 where the file cannot be read.
  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let take = Int(min(count - readPosition, Int64(buffer.count)))
    guard take > 0 else { return 0 }
    if let file {
      let got = unsafe file.read(into: buffer, at: readPosition)
      readPosition += Int64(max(0, got))
      return got > 0 ? got : -1
    }
    unsafe buffer.baseAddress!.copyMemory(from: memory! + Int(readPosition), byteCount: take)
    readPosition += Int64(take)
    return take
  }

  /// Whether it is too long for memory.
  var isInFile: Bool { file != nil }

  /// Tells the worker that has it.
  func tell(_ mark: ArrivalSignal.Marks) { signal?.mark(mark) }

  /// A new signal for the worker that gets it next; -1 where that failed, and then the log says
  /// why. The number stays this upload's.
  func signalNumber() -> Int32 {
    do throws(SystemCallError) {
      let made = try ArrivalSignal()
      let number = made.number
      signal = consume made
      return number
    } catch {
      ErrorLog.write(
        .error,
        "Cannot hand on a request body that arrives (\(error)); give the server more descriptors "
          + "(ulimit -n). The request is answered with 500.")
      return -1
    }
  }

  /// The body's bytes where they are in memory; nil where they are in a file.
  var inMemory: UnsafeBufferPointer<UInt8>? {
    file == nil ? unsafe UnsafeBufferPointer(start: memory, count: Int(count)) : nil
  }

  /// The file with the whole body, which is written now where there is none; -1 where that failed,
  /// and then the log says why. The number stays this upload's.
  func fileNumber() -> Int32 {
    if let file { return file.number }
    let bytes = unsafe UnsafeBufferPointer(start: memory, count: Int(count))
    do throws(SystemCallError) {
      let spool = try TemporaryFile(directory: limits.directory)
      unsafe try spool.append(bytes)
      file = spool
      return spool.number
    } catch {
      logFailure(error)
      return -1
    }
  }

  private func logFailure(_ error: SystemCallError) {
    ErrorLog.write(
      .error,
      "Cannot keep a request body in a temporary file in \(limits.directory) (\(error)); "
        + "make room there, or set --temp-dir. The request is answered with 500.")
  }

  private func store(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return true }
    if file == nil, Int(count) + bytes.count <= limits.memoryBytes {
      grow(Int(count) + bytes.count)
      unsafe (memory! + Int(count)).update(from: source, count: bytes.count)
      count += Int64(bytes.count)
      return true
    }
    do throws(SystemCallError) {
      if file == nil {
        let spool = try TemporaryFile(directory: limits.directory)
        if let memory = unsafe memory {
          unsafe try spool.append(UnsafeBufferPointer(start: memory, count: Int(count)))
        }
        unsafe memory?.deallocate()
        unsafe memory = nil
        memoryCapacity = 0
        file = spool
      }
      unsafe try file!.append(bytes)
    } catch {
      logFailure(error)
      return false
    }
    count += Int64(bytes.count)
    return true
  }

  private func grow(_ needed: Int) {
    guard needed > memoryCapacity else { return }
    var capacity = max(memoryCapacity, 4096)
    while capacity < needed { capacity *= 2 }
    capacity = min(capacity, max(limits.memoryBytes, needed))
    let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    if let memory = unsafe memory {
      unsafe grown.update(from: memory, count: Int(count))
      unsafe memory.deallocate()
    }
    unsafe memory = unsafe grown
    memoryCapacity = capacity
  }
}
