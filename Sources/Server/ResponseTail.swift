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
  /// Where a response that comes part by part may be put that its client does not take.
  private var spillDirectory: String?
  /// What stands behind `first` and is too much for memory.
  private var spilled: SpilledBytes?
  /// What stands behind that, where the file could not be written any more.
  private var behindSpilled = PendingBytes()
  /// What the access log needs when the response is complete.
  var record: LoggedRequest?
  /// Whether the worker behind this front has counted the bytes of the response.
  var isCounted = false
  /// Bytes sent from this tail.
  private(set) var bytesSent: Int64 = 0
  /// Body bytes among them, for the log.
  private(set) var bodyBytesSent: Int64 = 0

  init(keepsAlive: Bool) { self.keepsAlive = keepsAlive }

  deinit {
    first.removeAll()
    behindSpilled.removeAll()
  }

  // MARK: a body that comes part by part

  /// Bytes of it that are held in memory for a slow client (`--response-buffer-size`); what is over
  /// that goes to a file.
  private var memoryBytes = 0
  /// Bytes of such a file, after which no more should come (`--response-spool-size`).
  private var spillBytes: Int64 = 0

  /// The body comes part by part; `promised` bytes of it, or -1. What the client leaves behind is
  /// held in memory, and then in a file in `directory`; `spoolBytes` 0: in none.
  func beginStream(
    framing: Exchange.Framing, promised: Int64, directory: String, memoryBytes: Int,
    spoolBytes: Int64
  ) {
    isOpen = true
    self.framing = framing
    self.promised = promised
    self.memoryBytes = memoryBytes
    spillBytes = spoolBytes
    spillDirectory = spoolBytes > 0 ? directory : nil
  }

  /// So much waits for the client that no more of the body should come.
  var isFull: Bool {
    guard let spilled else { return first.count > memoryBytes }
    return spillDirectory == nil || spilled.fileBytes >= spillBytes
  }

  /// So little waits for the client that more of the body may come.
  var isNearlyEmpty: Bool { spilled == nil && first.count < memoryBytes / 2 }

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
      return unsafe put(block.assumingMemoryBound(to: UInt8.self))
    }
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { place in
      var writer = unsafe ByteWriter(base: place.baseAddress!, capacity: place.count)
      writer.append(hex: UInt64(count))
      writer.append("\r\n")
      unsafe put(writer.written)
    }
    unsafe put(block.assumingMemoryBound(to: UInt8.self))
    put("\r\n")
  }

  private func put(_ literal: StaticString) {
    unsafe put(UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  /// Bytes that go next, behind all that wait.
  private func put(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard spilled != nil || first.count + bytes.count > memoryBytes,
      let directory = spillDirectory
    else { return unsafe keep(bytes) }
    do throws(SystemCallError) {
      var run: SpilledBytes
      if let spilled { run = spilled } else { run = try SpilledBytes(directory: directory) }
      unsafe try run.append(bytes)
      spilled = run
    } catch {
      ErrorLog.write(
        .error,
        "Cannot keep a response for a slow client in a temporary file in \(directory) (\(error)); "
          + "make room there, or set --temp-dir. Its worker waits for the client instead.")
      spillDirectory = nil
      unsafe keep(bytes)
    }
  }

  /// The same in memory, behind what a file has that cannot be written to any more.
  private func keep(_ bytes: UnsafeBufferPointer<UInt8>) {
    if spilled == nil {
      unsafe first.append(bytes)
    } else {
      unsafe behindSpilled.append(bytes)
    }
  }

  /// The body is whole. Fewer bytes than promised end the connection, so that the client sees it.
  func endStream() {
    isOpen = false
    if framing == .chunked { put("0\r\n\r\n") }
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
          more: bodyCount > 0 || fileRemaining > 0 || spilled != nil)
        step = 0
      } else if let sent = spilled?.send(to: socket, atMost: share) {
        transfer = sent
        step = 4
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
    case 3: lastSent += count
    default:
      guard spilled?.count == 0 else { return }
      spilled = nil
      swap(&first, &behindSpilled)
    }
  }
}
