// ResponseTail: what the socket did not take at once, sent later without a handler thread.
// Assembly.
internal import Platform

/// The rest of one response: bytes of the head, then a body (memory or a file), then an end.
@safe final class ResponseTail {
  /// What one turn of sending did.
  enum Progress {
    case done
    case blocked
    /// The turn's share is used up; the socket may take more.
    case yielded
    case clientLeft
  }

  /// Bytes one connection may send per turn before others get theirs.
  private static let shareBytes = 1 << 20

  private var first: UnsafeMutablePointer<UInt8>?
  private var firstCount = 0
  private var firstSent = 0
  private var body: UnsafeRawPointer?
  private var bodyCount = 0
  /// The object that keeps `body` alive; given back to the application when the tail is done.
  private(set) var owner: OpaquePointer?
  private var file: FileDescriptor?
  private var fileNumber: Int32 = -1
  private var fileOffset: Int64 = 0
  private var fileRemaining: Int64 = 0
  private var last = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
  private var lastSent = 0
  /// Whether the connection goes on after the response.
  let keepsAlive: Bool
  /// What the access log needs when the response is complete.
  var record: LoggedRequest?
  /// Bytes sent from this tail.
  private(set) var bytesSent: Int64 = 0
  /// Body bytes among them, for the log.
  private(set) var bodyBytesSent: Int64 = 0

  init(keepsAlive: Bool) { self.keepsAlive = keepsAlive }

  deinit { unsafe first?.deallocate() }

  /// Bytes that go first, in two runs; copied.
  func begin(
    with bytes: UnsafeRawBufferPointer,
    _ more: UnsafeRawBufferPointer = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    guard bytes.count + more.count > 0 else { return }
    let copy = UnsafeMutableRawBufferPointer.allocate(
      byteCount: bytes.count + more.count, alignment: 1)
    unsafe copy.copyMemory(from: bytes)
    unsafe UnsafeMutableRawBufferPointer(rebasing: copy[bytes.count...]).copyMemory(from: more)
    unsafe first = copy.baseAddress!.assumingMemoryBound(to: UInt8.self)
    firstCount = copy.count
  }

  /// A body in memory that `owner` keeps alive.
  func setBody(_ bytes: UnsafeRawBufferPointer, owner: OpaquePointer) {
    unsafe body = bytes.baseAddress
    bodyCount = bytes.count
    unsafe self.owner = unsafe owner
  }

  /// A body in a file.
  func setFile(_ file: consuming FileDescriptor, offset: Int64, count: Int64) {
    fileNumber = file.number
    self.file = consume file
    fileOffset = offset
    fileRemaining = count
  }

  /// What goes after the body: bytes of a literal, which stay.
  func end(with last: UnsafeRawBufferPointer) { unsafe self.last = unsafe last }

  /// Sends as much as the socket takes.
  func push(_ socket: Int32) -> Progress {
    var share = Self.shareBytes
    while share > 0 {
      let transfer: Transfer
      let step: Int
      if firstSent < firstCount {
        transfer = unsafe SocketIO.send(
          socket, first! + firstSent, count: firstCount - firstSent,
          more: bodyCount > 0 || fileRemaining > 0)
        step = 0
      } else if bodyCount > 0 {
        transfer = unsafe SocketIO.send(
          socket, body!.assumingMemoryBound(to: UInt8.self), count: min(bodyCount, share))
        step = 1
      } else if fileRemaining > 0 {
        transfer = SocketIO.sendFile(
          socket, file: fileNumber, offset: fileOffset, count: Int(min(fileRemaining, Int64(share)))
        )
        step = 2
      } else if unsafe lastSent < last.count {
        transfer = unsafe SocketIO.send(
          socket, last.baseAddress!.assumingMemoryBound(to: UInt8.self) + lastSent,
          count: last.count - lastSent)
        step = 3
      } else {
        return .done
      }
      switch transfer {
      case .moved(let count):
        share -= count
        advance(step, count)
      case .wouldBlock: return .blocked
      case .peerClosed, .failed: return .clientLeft
      }
    }
    return .yielded
  }

  private func advance(_ step: Int, _ count: Int) {
    bytesSent += Int64(count)
    switch step {
    case 0: firstSent += count
    case 1:
      unsafe body! += count
      bodyCount -= count
      bodyBytesSent += Int64(count)
    case 2:
      fileOffset += Int64(count)
      fileRemaining -= Int64(count)
      bodyBytesSent += Int64(count)
    default: lastSent += count
    }
  }
}
