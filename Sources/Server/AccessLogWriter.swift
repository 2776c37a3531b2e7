// AccessLogWriter: lines of the access log, written in large pieces off the hot path. Assembly.
internal import AccessLog
internal import Bytes
internal import HTTP1
internal import Platform

/// Renders lines into one buffer and writes it when it is nearly full or a quarter second old.
@safe final class AccessLogWriter {
  private static let capacity = 65_536
  /// Longest line that is rendered; a longer one is dropped by the writer's overflow and cut.
  private static let lineRoom = 24_576
  /// Longest time a line waits in the buffer.
  static let flushMs: Int64 = 250

  private let lock = Lock()
  private let format: AccessLogFormat
  private let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
  private var count = 0
  private var descriptor: FileDescriptor
  private var isFailing = false
  /// When the oldest line in the buffer must be written; .max while it is empty.
  private(set) var dueMs = Int64.max

  init(format: AccessLogFormat, descriptor: consuming FileDescriptor) {
    self.format = format
    self.descriptor = descriptor
  }

  /// Adds a line. Any thread. Allocates: never.
  func write(_ record: borrowing AccessRecord, nowMs: Int64) {
    lock.take()
    if Self.capacity - count < Self.lineRoom { flushLocked() }
    var writer = unsafe ByteWriter(base: buffer + count, capacity: Self.capacity - count)
    format.render(record, into: &writer)
    if !writer.overflowed { count += writer.count }
    if dueMs == .max { dueMs = nowMs + Self.flushMs }
    lock.give()
  }

  /// Writes what is in the buffer.
  func flush() {
    lock.take()
    flushLocked()
    lock.give()
  }

  /// The file, once more.
  func duplicate() throws(SystemCallError) -> FileDescriptor {
    try FileDescriptor.duplicate(of: descriptor.number)
  }

  deinit { unsafe buffer.deallocate() }

  /// Goes on in another file.
  func reopen(_ descriptor: consuming FileDescriptor) {
    lock.take()
    flushLocked()
    self.descriptor = consume descriptor
    lock.give()
  }

  private func flushLocked() {
    guard count > 0 else { return }
    let failure = unsafe descriptor.writeAll(UnsafeBufferPointer(start: buffer, count: count))
    // Said once when it begins and once when it is over: a full disk must not fill another log.
    if let failure, !isFailing {
      ErrorLog.write(
        .error,
        "The access log cannot be written (\(failure.reason)): its lines are lost until it can; "
          + "make room or choose another --access-logfile.")
    } else if failure == nil && isFailing {
      ErrorLog.write(.notice, "The access log can be written again.")
    }
    isFailing = failure != nil
    count = 0
    dueMs = .max
  }
}

/// A request's part of the access log, kept while its response is still being sent.
@safe final class LoggedRequest {
  private let head: RequestHead
  private let headBytes: UnsafeMutablePointer<UInt8>
  private let fields: UnsafeMutablePointer<Field>
  private let responseHead: UnsafeMutablePointer<UInt8>
  private var record: AccessRecord
  private let beganMicroseconds: Int64

  init(_ record: AccessRecord, beganMicroseconds: Int64) {
    head = record.head ?? RequestHead()
    unsafe headBytes = unsafe .allocate(capacity: max(1, record.headBytes.count))
    if let source = unsafe record.headBytes.baseAddress {
      unsafe headBytes.update(from: source, count: record.headBytes.count)
    }
    unsafe fields = unsafe .allocate(capacity: max(1, record.fields.count))
    if let source = unsafe record.fields.baseAddress {
      unsafe fields.update(from: source, count: record.fields.count)
    }
    unsafe responseHead = unsafe .allocate(capacity: max(1, record.responseHead.count))
    if let source = unsafe record.responseHead.baseAddress {
      unsafe responseHead.update(from: source, count: record.responseHead.count)
    }
    self.record = record
    self.beganMicroseconds = beganMicroseconds
    unsafe self.record.headBytes = unsafe UnsafeBufferPointer(
      start: headBytes, count: record.headBytes.count)
    unsafe self.record.fields = unsafe UnsafeBufferPointer(
      start: fields, count: record.fields.count)
    unsafe self.record.responseHead = unsafe UnsafeBufferPointer(
      start: responseHead, count: record.responseHead.count)
  }

  deinit {
    unsafe headBytes.deallocate()
    unsafe fields.deallocate()
    unsafe responseHead.deallocate()
  }

  /// Writes the line; the response is over. `connection` lends its address texts.
  func complete(
    _ connection: UnsafeMutablePointer<Connection>, bodyBytes: Int64, aborted: Bool,
    writer: AccessLogWriter
  ) {
    record.bodyBytes += bodyBytes
    record.totalBytes += bodyBytes
    record.aborted = aborted
    record.durationMicroseconds = Clock.monotonicMicroseconds() - beganMicroseconds
    unsafe record.setAddresses(connection)
    writer.write(record, nowMs: Clock.monotonicMs())
  }
}

extension AccessRecord {
  /// Lends the address texts of `connection` to the record.
  mutating func setAddresses(_ connection: UnsafeMutablePointer<Connection>) {
    unsafe peerAddress = unsafe connection.clientText
    peerPort = unsafe Int(connection.clientPort)
    unsafe localAddress = unsafe connection.localText
    localPort = unsafe Int(connection.pointee.local.port)
  }
}

extension UnsafeMutablePointer<Connection> {
  /// The peer's address as text, inside the slot.
  var peerText: UnsafeBufferPointer<UInt8> {
    unsafe text(MemoryLayout<Connection>.offset(of: \.peer)!, pointee.peer.count)
  }

  /// What a trusted proxy told of the client, as text, inside the slot.
  var toldText: UnsafeBufferPointer<UInt8> {
    unsafe text(MemoryLayout<Connection>.offset(of: \.client)!, pointee.client.count)
  }

  /// The local address as text, inside the slot.
  var localText: UnsafeBufferPointer<UInt8> {
    unsafe text(MemoryLayout<Connection>.offset(of: \.local)!, pointee.local.count)
  }

  private func text(_ offset: Int, _ count: UInt8) -> UnsafeBufferPointer<UInt8> {
    let start =
      unsafe UnsafeRawPointer(self) + offset + MemoryLayout<EndpointText>.offset(of: \.storage)!
    return unsafe UnsafeBufferPointer(
      start: start.assumingMemoryBound(to: UInt8.self), count: Int(count))
  }
}
