// WorkerServer+Arriving: in a front: long uploads that a worker gets while they arrive. Assembly.
//
// With `--stream-uploads` a request is handed on when its body is too long for memory and so goes
// to a file: the worker gets the file, which the front goes on to fill, and a signal that tells
// how far it is. So nothing is copied once more, the worker may be as slow as it likes, and the
// request can still be given to another worker as long as none has begun it.
//
//     readingBody ──over --body-memory──▶ inApplication (queued, or on a lane) ──head──▶ sending
//
// In both of the latter `Upload.isArriving` says that the client's bytes belong to the body. What
// is answered before it is whole ends its connection.
internal import Configuration
internal import HTTP1
internal import Platform
internal import Scoreboard
internal import Synchronization

extension WorkerServer {
  /// Receives that one upload may have before others get their turn.
  private static let receivesPerTurn = 4

  /// Whether the request whose head the parser has may be handed on before its body is whole:
  /// nothing that is answered here.
  func mayStream(_ head: RequestHead, _ bytes: UnsafePointer<UInt8>) -> Bool {
    guard let relay, relay.groups.contains(where: \.streamsUploads) else { return false }
    return unsafe !isAnsweredHere(head, bytes)
  }

  /// The upload that still arrives on a connection; nil for none.
  func arriving(_ connection: UnsafeMutablePointer<Connection>) -> Upload? {
    guard let upload = unsafe connection.pointee.upload?.takeUnretainedValue(), upload.isArriving
    else { return nil }
    return upload
  }

  /// Hands a request on whose body is over what is kept in memory, unless too many wait: then it is
  /// tried again with the next bytes.
  func beginStreaming(_ index: Int32, _ upload: Upload, _ thread: HandlerThread) {
    guard let relay, upload.mayStream, upload.isInFile else { return }
    let connection = unsafe table[index]
    openCollected(index, thread, upload)
    thread.exchange.body = .none
    guard routes.isWhole || route(thread.exchange) else { return upload.mayStream = false }
    let group = relay.groups[routes.route(thread.exchange.route).group]
    guard group.streamsUploads else { return upload.mayStream = false }
    guard !isFull(group) else { return }
    upload.isArriving = true
    unsafe connection.pointee.phase = .inApplication
    unsafe connection.pointee.wholeMs = nowMs
    let token = table.token(index)
    self.relay(index, relay, thread)
    // More may be here already, of which no event will tell.
    guard table.index(of: token) == index else { return }
    feedArriving(index, thread)
  }

  /// Receives more of an upload that a worker has, or waits for one.
  func feedArriving(_ index: Int32, _ thread: HandlerThread) {
    let connection = unsafe table[index]
    guard let relay, let upload = unsafe arriving(connection) else { return }
    var turns = Self.receivesPerTurn
    while true {
      switch unsafe SocketIO.receive(
        connection.pointee.socket, into: thread.input, capacity: HandlerThread.readCapacity)
      {
      case .moved(let count):
        unsafe connection.pointee.receivedBytes += count
        guard unsafe take(thread.input, count: count, upload, index, thread) else { return }
        turns -= 1
        if turns == 0 {
          relay.uploads.append(table.token(index))
          hasHandBacks.store(true, ordering: .releasing)
          return
        }
        if unsafe count < HandlerThread.readCapacity && !connection.pointee.peerClosed { return }
      case .wouldBlock: return
      case .peerClosed, .failed: return giveUp(upload, index, thread, because: nil)
      }
    }
  }

  /// Uploads that had their turn go on.
  func feedWaitingUploads(_ relay: Relay, _ thread: HandlerThread) {
    guard !relay.uploads.isEmpty else { return }
    let waiting = relay.uploads
    relay.uploads = []
    for token in waiting {
      let index = table.index(of: token)
      if index >= 0 { feedArriving(index, thread) }
    }
  }

  /// Adds received bytes to the body. False where that is over, this way or another.
  private func take(
    _ bytes: UnsafeMutablePointer<UInt8>, count: Int, _ upload: Upload, _ index: Int32,
    _ thread: HandlerThread
  ) -> Bool {
    let connection = unsafe table[index]
    var position = 0
    switch unsafe upload.receive(
      UnsafeBufferPointer(start: bytes, count: count), position: &position)
    {
    case .needMoreBytes:
      upload.tell(.more)
      scheduleArriving(index)
      return true
    case .complete:
      upload.isArriving = false
      upload.tell(.whole)
      timers.schedule(index, deadlineMs: .max - 1)
      unsafe connection.pointee.keep(bytes + position, count: count - position)
      // What follows is read when this request is answered.
      unsafe connection.pointee.hasNews = true
    case .refused(let refusal): giveUp(upload, index, thread, because: refusal)
    case .failed: giveUp(upload, index, thread, because: Refusal(.bodyNotStored))
    }
    return false
  }

  /// The client has until then to send more, whatever else it does.
  func scheduleArriving(_ index: Int32) {
    timers.schedule(index, deadlineMs: unsafe arrivingDeadlineMs(table[index]))
  }

  private func arrivingDeadlineMs(_ connection: UnsafeMutablePointer<Connection>) -> Int64 {
    unsafe bodyDeadlineMs(
      beganMs: connection.pointee.readBeganMs, received: connection.pointee.receivedBytes)
  }

  /// The deadline of a connection is over: whether that was about its upload, which is given up.
  func expireArriving(_ index: Int32, _ thread: HandlerThread) -> Bool {
    let connection = unsafe table[index]
    guard let upload = unsafe arriving(connection) else { return false }
    guard unsafe nowMs >= arrivingDeadlineMs(connection) else { return false }
    giveUp(upload, index, thread, because: Refusal(.bodyTimedOut))
    return true
  }

  /// No more of the body will come. Whoever reads it is told, and the client gets `refusal` where
  /// no response has begun; nil: it has left.
  private func giveUp(
    _ upload: Upload, _ index: Int32, _ thread: HandlerThread, because refusal: Refusal?
  ) {
    let connection = unsafe table[index]
    upload.isArriving = false
    upload.tell(.failed)
    if let relay, unsafe connection.pointee.phase == .inApplication,
      unsafe connection.pointee.isQueued
    {
      let group = unsafe relay.groups[Int(connection.pointee.group)]
      _ = group.queue.remove { $0 == index }
      showQueue(of: group)
      unsafe connection.pointee.isQueued = false
    }
    guard let refusal, unsafe connection.pointee.phase == .inApplication else {
      unsafe connection.pointee.isBroken = true
      unsafe connection.pointee.resetsOnClose = true
      if unsafe !connection.pointee.isQueued { close(index) }
      return
    }
    if unsafe connection.pointee.lane >= 0 { unsafe abandonLane(of: connection) }
    unsafe connection.pointee.phase = .readingBody
    unsafe refuse(index, thread, refusal, seen: upload.headSeen)
  }
}
