// ResponseTail: what the socket did not take at once, sent later without a handler thread.
// Assembly.
internal import Bytes
internal import Platform

/// The rest of one response: bytes of the head, then a body (memory or a file), then an end.
@safe final class ResponseTail {
  /// What one turn of sending did.
  enum Progress {
    case done
    case blocked
    /// Everything is sent that is here, and more will come.
    case starved
    /// The turn's share is used up; the socket may take more.
    case yielded
    case clientLeft
  }

  /// Bytes one connection may send per turn before others get theirs.
  private static let shareBytes = 1 << 20

  private var first = PendingBytes()
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
  private(set) var keepsAlive: Bool
  /// Whether more of the body will come.
  private var isOpen = false
  private var framing = Exchange.Framing.length
  /// Bytes of the body that the head has promised and that did not come yet; -1 without a promise.
  private var promised: Int64 = -1
  /// What the access log needs when the response is complete.
  var record: LoggedRequest?
  /// Whether the worker behind this front has counted the bytes of the response.
  var isCounted = false
  /// Bytes sent from this tail.
  private(set) var bytesSent: Int64 = 0
  /// Body bytes among them, for the log.
  private(set) var bodyBytesSent: Int64 = 0

  init(keepsAlive: Bool) { self.keepsAlive = keepsAlive }

  deinit { first.removeAll() }

  // MARK: a body that comes part by part

  /// The body comes part by part; `promised` bytes of it, or -1.
  func beginStream(framing: Exchange.Framing, promised: Int64) {
    isOpen = true
    self.framing = framing
    self.promised = promised
  }

  /// Bytes that wait to be sent.
  var pendingBytes: Int { first.count }

  /// More of the body; copied. What is over the promised length, or not wanted, is cut off.
  func append(body bytes: UnsafeRawBufferPointer) {
    var count = bytes.count
    if promised >= 0 {
      count = Int(min(promised, Int64(count)))
      promised -= Int64(count)
    }
    guard count > 0, framing != .none else { return }
    bodyBytesSent += Int64(count)
    let block = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<count])
    guard framing == .chunked else {
      return unsafe first.append(block.assumingMemoryBound(to: UInt8.self))
    }
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { place in
      var writer = unsafe ByteWriter(base: place.baseAddress!, capacity: place.count)
      writer.append(hex: UInt64(count))
      writer.append("\r\n")
      unsafe first.append(writer.written)
    }
    unsafe first.append(block.assumingMemoryBound(to: UInt8.self))
    first.append("\r\n")
  }

  /// The body is whole. Fewer bytes than promised end the connection, so that the client sees it.
  func endStream() {
    isOpen = false
    if framing == .chunked { first.append("0\r\n\r\n") }
    if promised > 0 && framing != .none { keepsAlive = false }
  }

  // MARK: a body that is here

  /// Bytes that go first, in two runs; copied.
  func begin(
    with bytes: UnsafeRawBufferPointer,
    _ more: UnsafeRawBufferPointer = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    unsafe first.append(bytes.assumingMemoryBound(to: UInt8.self))
    unsafe first.append(more.assumingMemoryBound(to: UInt8.self))
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
      if first.count > 0 {
        let bytes = unsafe first.bytes
        transfer = unsafe SocketIO.send(
          socket, bytes.baseAddress!, count: min(bytes.count, share),
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
        return isOpen ? .starved : .done
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
    case 0: first.drop(count)
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
