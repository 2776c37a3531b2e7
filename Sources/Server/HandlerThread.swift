// HandlerThread: what one thread of a worker owns: buffers, parser, exchange. Assembly.
internal import Bytes
internal import HTTP1
internal import Platform
internal import Scoreboard

/// One thread of the worker process: a handler (it may run the application) or the monitor.
@safe final class HandlerThread {
  /// Bytes received at most in one call.
  static let readCapacity = 65_536
  /// Room behind them, so that an unbuffered body always has a place behind its head.
  private static let spareCapacity = 16_384
  /// What a response head takes besides what the application said: the server's own fields, or
  /// what stands before it in a frame.
  static let headOverhead = 1024
  /// Bodies up to this size are copied behind their head: one run of bytes is cheaper to send.
  static let smallBodyBytes = 8_192

  /// 0 ..< threads for handlers, `threads` for the monitor.
  let index: Int
  /// The monitor polls, reads and sends, but never runs the application.
  let isMonitor: Bool
  let input: UnsafeMutablePointer<UInt8>
  let inputCapacity: Int
  let output: UnsafeMutablePointer<UInt8>
  let outputCapacity: Int
  var parser: RequestHeadParser
  /// What trusted proxies say of the request whose head the parser has.
  var forwarded = ForwardedChain()
  /// Field lines of a static response, before its status line is known.
  var staticFields: ByteWriter
  /// The fields of a request that came in a frame; nothing where no front is.
  let frameFields: UnsafeMutableBufferPointer<Field>
  let parker = Parker()
  /// Set by whoever unparks the thread, under the server's lock.
  var mayPoll = false
  private(set) var exchange: Exchange!
  /// Page faults of this thread, which tell where the process grows.
  var faults = FaultTrail()

  private var serverLine: UnsafeMutablePointer<UInt8>
  private var serverLineCount = 0
  private var serverLineSecond: Int64 = -1

  init(index: Int, isMonitor: Bool, limits: RequestLimits, server: WorkerServer) {
    unsafe frameFields = .allocate(capacity: server.slot.lanes > 0 ? limits.fieldCount : 0)
    self.index = index
    self.isMonitor = isMonitor
    let headBytes = server.mostResponseHeadBytes + Self.headOverhead
    // A front keeps what has come of a response's head there.
    let readBytes = server.relay == nil ? Self.readCapacity : max(Self.readCapacity, headBytes)
    inputCapacity = readBytes + Self.spareCapacity
    outputCapacity = headBytes + Self.smallBodyBytes + 4096
    unsafe input = .allocate(capacity: inputCapacity)
    unsafe output = .allocate(capacity: outputCapacity)
    unsafe serverLine = .allocate(capacity: 256)
    staticFields = unsafe ByteWriter(base: .allocate(capacity: 8192), capacity: 8192)
    parser = RequestHeadParser(limits: limits)
    exchange = Exchange(thread: self, server: server)
  }

  /// The large ones only: this happens once in the life of a process.
  deinit {
    unsafe input.deallocate()
    unsafe output.deallocate()
  }

  /// `Date: …\r\nServer: …\r\n` of this second, rendered once a second. Allocates: never.
  func dateAndServer(_ serverName: StaticBytes) -> UnsafeBufferPointer<UInt8> {
    let second = Clock.realSeconds()
    if second != serverLineSecond {
      var writer = unsafe ByteWriter(base: serverLine, capacity: 256)
      writer.append("Date: ")
      writer.append(httpDate: second)
      writer.append("\r\n")
      if serverName.count > 0 {
        writer.append("Server: ")
        unsafe writer.append(copying: serverName.bytes)
        writer.append("\r\n")
      }
      serverLineCount = writer.count
      serverLineSecond = second
    }
    return unsafe UnsafeBufferPointer(start: serverLine, count: serverLineCount)
  }
}

/// Bytes that live as long as the process: a setting's text, ready to be copied.
@safe struct StaticBytes {
  let bytes: UnsafeBufferPointer<UInt8>
  var count: Int { unsafe bytes.count }

  init(_ text: String) {
    let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.utf8.count)
    _ = unsafe copy.initialize(from: text.utf8)
    unsafe bytes = UnsafeBufferPointer(copy)
  }
}
