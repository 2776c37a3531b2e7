// Connection: everything the server remembers of one client connection. Assembly.
//
// A connection is a plain value in a table, without references that would be counted: an idle one
// costs its slot (under 384 bytes) and nothing else.
//
// Invariants
//   1. Whoever holds the poll role (see PollRole) owns every connection that is not
//   `inApplication`.
//   2. A connection `inApplication` belongs to one handler thread, or waits in the ready queue for
//      one; the role holder only notes that an event came (`hasNews`).
//   3. `input` holds bytes that were received and not yet consumed. While a handler thread reads
//      into its own buffer and consumes all of it, `input` stays nil: no copy, no memory.
//   4. `upload` is set exactly in `readingBody`, in `inApplication` for a collected body, and in
//      `sending` for one that still arrives (WorkerServer+Arriving).
//   5. `tail` is set exactly in `sending` (and on the way from `inApplication` to it).
//
//             accept
//               │
//               ▼        first bytes          head complete, body to come
//   ┌──────▶ waiting ───────────────▶ readingHead ──────────────▶ readingBody
//   │           │  ▲                      │                           │
//   │           │  └── keep-alive ──┐     │ head complete             │ body complete
//   │           ▼ whole request     │     ▼                           ▼
//   │        inApplication ◀────────┼── (static files answer from here at once)
//   │           │        │          │
//   │           │ done   │ socket full
//   │           ▼        ▼          │
//   └──────── (next)   sending ─────┘
//                        │
//     error, refusal, Connection: close ──▶ lingering ──▶ free
internal import HTTP1
internal import Platform

/// Where a connection stands; the drawing above shows the moves.
enum Phase: UInt8 {
  case free, waiting, readingHead, readingBody, inApplication, sending, lingering
}

/// One client connection.
@safe struct Connection {
  /// The socket; -1 while the slot is free.
  var socket: Int32 = -1
  /// Counts the uses of the slot, so that an event of an earlier connection is known as stale.
  var generation: UInt32 = 0
  var phase = Phase.free
  /// Requests answered so far.
  var answered: UInt32 = 0
  /// An event came while the connection was not the role holder's.
  var hasNews = false
  /// The peer has closed its sending direction.
  var peerClosed = false
  /// No further request is served after the response in hand.
  var closesAfterResponse = false
  /// The response in hand cannot be finished; the connection is torn down.
  var isBroken = false
  /// Tear down with a reset, because a plain end would look like a whole response.
  var resetsOnClose = false
  /// The client may still be sending when the server ends the connection: drain before closing.
  var lingers = false
  /// Stands in the ready queue or among the handed-back connections.
  var isQueued = false
  var isUnixSocket = false
  /// The peer may say who its client is (WorkerServer+Proxies).
  var peerIsTrusted = false
  /// The peer is to begin with a header of the PROXY protocol.
  var awaitsProxyHeader = false
  /// Its first request may have waited in the kernel; how long is to be asked there.
  var mayBeOld = false
  /// The socket leads to a front instead of a client, and carries frames (WorkerServer+Lanes).
  var isLane = false
  /// In a front: the process group that the request in hand belongs to.
  var group: UInt16 = 0
  /// In a front: the lane that the request is on; -1 while it is on none.
  var lane: Int32 = -1
  /// The scoreboard's line that the connection holds, under the MPMs where it holds a handler.
  var line: UInt16 = 0

  // Timer (see TimerWheel).
  var deadlineMs = Int64.max
  var timerSlot: Int32 = -1
  var timerNext: Int32 = -1
  var timerPrevious: Int32 = -1

  // Input.
  var input: UnsafeMutablePointer<UInt8>?
  var inputCount = 0
  var inputCapacity = 0
  var scanner = HeadScanner()
  /// When the head or the body that is being read began (CLOCK_MONOTONIC).
  var readBeganMs: Int64 = 0
  /// Bytes received since then.
  var receivedBytes = 0
  /// Since when the request that stands in the ready queue is whole (CLOCK_MONOTONIC).
  var wholeMs: Int64 = 0
  /// When the first byte of the request arrived; microseconds since 1970; 0 without an access log.
  var requestBeganUs: Int64 = 0

  /// In a front: when the request was whole; CLOCK_MONOTONIC, microseconds.
  var queuedUs: Int64 = 0

  var upload: Unmanaged<Upload>?
  /// On a lane: the file with the body of the request that comes; -1 without one.
  var bodyFile: Int32 = -1
  /// What tells how far that body is, where it still arrives; else -1.
  var bodySignal: Int32 = -1
  var tail: Unmanaged<ResponseTail>?

  var peer = EndpointText()
  var local = EndpointText()
  /// The client of the request in hand, as a trusted proxy told it; else empty.
  var client = EndpointText()

  /// Keeps `count` bytes at `bytes` (which may lie inside ``input``) as the unconsumed input.
  mutating func keep(_ bytes: UnsafePointer<UInt8>, count: Int) {
    guard count > 0 else {
      dropInput()
      return
    }
    if let input = unsafe input, unsafe UnsafeRawPointer(bytes) >= UnsafeRawPointer(input),
      unsafe UnsafeRawPointer(bytes) < UnsafeRawPointer(input + inputCapacity)
    {
      if unsafe bytes != UnsafePointer(input) { unsafe input.update(from: bytes, count: count) }
      inputCount = count
      return
    }
    if inputCapacity < count {
      dropInput()
      inputCapacity = roundUp(count)
      unsafe input = .allocate(capacity: inputCapacity)
    }
    unsafe input!.update(from: bytes, count: count)
    inputCount = count
  }

  /// Makes room for at least `space` more bytes behind the input.
  mutating func reserve(_ space: Int) {
    guard inputCapacity - inputCount < space else { return }
    let capacity = roundUp(inputCount + space)
    let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
    if let input = unsafe input {
      unsafe grown.update(from: input, count: inputCount)
      unsafe input.deallocate()
    }
    unsafe input = unsafe grown
    inputCapacity = capacity
  }

  /// Gives the input's memory back.
  mutating func dropInput() {
    unsafe input?.deallocate()
    unsafe input = nil
    inputCount = 0
    inputCapacity = 0
  }

  private func roundUp(_ count: Int) -> Int {
    var capacity = 1024
    while capacity < count { capacity *= 2 }
    return capacity
  }
}
