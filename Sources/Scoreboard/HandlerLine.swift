// HandlerLine: what one handler thread reports about itself. Edge.
public import ProcessPolicy

/// One handler's part of a worker's slot: a line of numbers, and the texts of its latest request.
///
/// One writer at a time: the handler's thread, or, where a connection holds a handler, whoever
/// holds the connection.
@safe public struct HandlerLine {
  /// Lines of shared memory that it takes.
  static let lines = 1 + RequestText.lines

  private enum Field {
    static let state = 0
    static let beganMs = 1
    static let progressMs = 2
    static let requests = 3
    static let bytes = 4
    static let durationUs = 5
    static let lastDurationUs = 6
    static let connectionRequests = 7
  }

  /// Set in the state while the handler waits for its client, which has time limits of its own.
  private static let waitsForClient: Int64 = 1 << 8
  private static let ready = Int64(UInt8(ascii: "_"))
  private static let writing = Int64(UInt8(ascii: "W"))

  private let numbers: SharedLine
  private let text: RequestText

  init(at base: UnsafeMutableRawPointer) {
    numbers = unsafe SharedLine(at: base)
    text = unsafe RequestText(at: base + SharedLine.bytes)
  }

  // MARK: written by the worker

  /// The handler goes into a request at `ms` (CLOCK_MONOTONIC), the request number
  /// `connectionRequests` of its connection, from 1 on. Allocates: never.
  @inline(__always)
  public func requestBegan(ms: Int64, connectionRequests: Int64) {
    numbers[Field.beganMs] = ms
    numbers[Field.progressMs] = ms
    numbers[Field.connectionRequests] = connectionRequests
    numbers[Field.state] = Self.writing
  }

  /// Says who asks for what, and by which number logs name the request; longer texts are cut.
  /// Allocates: never.
  @inline(__always)
  public func describe(
    client: UnsafeBufferPointer<UInt8>, host: UnsafeBufferPointer<UInt8>,
    request: UnsafeBufferPointer<UInt8>, id: UInt64
  ) {
    unsafe text.write(client: client, host: host, request: request, id: id)
  }

  /// The request makes progress, so it is not stuck. Ends ``requestWaitsForClient()``. Allocates:
  /// never.
  @inline(__always)
  public func requestMadeProgress(ms: Int64) {
    numbers[Field.progressMs] = ms
    numbers[Field.state] = Self.writing
  }

  /// The handler waits for its client, which has time limits of its own: it is not stuck, however
  /// long that takes. ``requestMadeProgress(ms:)`` ends it. Allocates: never.
  @inline(__always)
  public func requestWaitsForClient() {
    numbers[Field.state] = Self.writing | Self.waitsForClient
  }

  /// The request is over after `durationUs` microseconds and `bytes` bytes of response; the handler
  /// is ready again. Allocates: never.
  @inline(__always)
  public func requestEnded(bytes: Int64, durationUs: Int64) {
    numbers[Field.state] = Self.ready
    count(bytes: bytes, durationUs: durationUs)
  }

  /// Counts a request that no handler was needed for. Allocates: never.
  @inline(__always)
  public func count(bytes: Int64, durationUs: Int64) {
    numbers.add(1, to: Field.requests)
    numbers.add(bytes, to: Field.bytes)
    numbers.add(durationUs, to: Field.durationUs)
    numbers[Field.lastDurationUs] = durationUs
  }

  /// Counts bytes that were sent after the request was counted. Allocates: never.
  @inline(__always)
  public func count(laterBytes bytes: Int64) { numbers.add(bytes, to: Field.bytes) }

  /// What the connection that holds the handler does. Allocates: never.
  @inline(__always)
  public func setState(_ letter: StaticLetter) { numbers[Field.state] = letter.rawValue }

  /// States that a worker sets by ``setState(_:)``, as numbers.
  public enum StaticLetter: Int64, Sendable {
    /// `_`: waits for a connection.
    case ready = 0x5F
    /// `R`: reads a request.
    case reading = 0x52
    /// `W`: sends a response.
    case writing = 0x57
    /// `K`: waits for the next request of its connection.
    case keepAlive = 0x4B
    /// `C`: closes its connection.
    case closing = 0x43
  }

  // MARK: read by others

  /// What the handler does; ready before it ever said.
  public var state: ProcessState {
    let byte = UInt8(truncatingIfNeeded: numbers[Field.state])
    return ProcessState(rawValue: Character(UnicodeScalar(byte))) ?? .ready
  }

  /// When its latest request began, in ms of CLOCK_MONOTONIC; 0 before any.
  public var beganMs: Int64 { numbers[Field.beganMs] }

  /// Since when its request makes no progress; nil where it has none, or waits for its client.
  public var stuckSinceMs: Int64? {
    numbers[Field.state] == Self.writing ? numbers[Field.progressMs] : nil
  }

  /// Requests it has ended.
  public var requests: Int64 { numbers[Field.requests] }
  /// Bytes of their responses.
  public var bytes: Int64 { numbers[Field.bytes] }
  /// Time they took, in microseconds.
  public var durationUs: Int64 { numbers[Field.durationUs] }
  /// Time the last one took, in microseconds.
  public var lastDurationUs: Int64 { numbers[Field.lastDurationUs] }
  /// Number of its latest request on that request's connection.
  public var connectionRequests: Int64 { numbers[Field.connectionRequests] }
  /// What its latest request asked for; nil where that is not known.
  public var texts: Texts? { text.read() }

  /// Who asked for what.
  public struct Texts: Equatable, Sendable {
    /// Address of the client.
    public let client: String
    /// The Host field.
    public let host: String
    /// Method, target and version.
    public let request: String
    /// The request's number in logs.
    public let id: UInt64
  }

  /// Forgets what was done, and keeps the latest request; nobody writes meanwhile.
  func forgetDone() {
    for field in [Field.requests, Field.bytes, Field.durationUs] { numbers[field] = 0 }
  }

  /// Forgets everything; nobody writes meanwhile.
  func clear() {
    numbers.clear()
    text.clear()
  }
}
