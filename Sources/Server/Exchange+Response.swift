// Exchange+Response: writing the response. Assembly.
internal import Bytes
internal import Configuration
internal import Platform
internal import Scoreboard

extension Exchange {
  /// Bytes of a file that are sent before other connections get their turn.
  private static let fileShareBytes: Int64 = 1 << 22

  // MARK: Body, block by block.

  /// Makes ready for another block. The head's bytes stay where they are, for the access log.
  private func beginBlock() {
    writer.truncate(to: responseHeadCount)
    pendingFirst = responseHeadCount
  }

  /// Sends one block of the body (with the head, if it is the first), visible to the client at
  /// once.
  ///
  /// More than the declared length is cut off (``overran`` is set). An empty block sends nothing.
  /// Does not wait.
  public func send(_ bytes: UnsafeRawBufferPointer) -> SendOutcome {
    precondition(status > 0 && !isOver)
    if isLane && isAbandoned { isBroken = true }
    guard !isBroken else { return .clientLeft }
    guard bytes.count > 0 else { return .sent }
    // A response that makes progress is not stuck.
    line.requestMadeProgress(ms: Clock.monotonicMs())
    if headIsSent { beginBlock() } else { completeHead(length: -1) }
    let block = unsafe accept(bytes)
    var last = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    if framing == .frames && block.count > 0 { beginFrame(block.count, isLast: false) }
    if framing == .chunked && block.count > 0 {
      writer.append(hex: UInt64(block.count))
      writer.append("\r\n")
      if block.count <= HandlerThread.smallBodyBytes {
        unsafe writer.append(copying: block.assumingMemoryBound(to: UInt8.self))
        writer.append("\r\n")
        return unsafe transmit(UnsafeRawBufferPointer(start: nil, count: 0), last)
      }
      unsafe last = unsafe Self.crlf
    }
    return unsafe transmit(block, last)
  }

  /// Waits until the bytes of an earlier `wouldBlock` are with the kernel. Call without any lock.
  public func waitUntilSent() -> SendOutcome {
    while true {
      line.requestWaitsForClient()
      guard waitUntilWritable() else {
        isBroken = true
        return .clientLeft
      }
      line.requestMadeProgress(ms: Clock.monotonicMs())
      let outcome = pushPending()
      if outcome != .wouldBlock { return outcome }
    }
  }

  private func waitUntilWritable() -> Bool {
    let socket = unsafe connection.pointee.socket
    guard isLane else {
      return unsafe SocketIO.wait(
        socket, toWrite: true, timeoutMs: server.settings.writeTimeoutMs)
    }
    // The front has the time limits of its client, and says when it is gone.
    while !isAbandoned {
      if SocketIO.wait(socket, toWrite: true, timeoutMs: Self.abandonLookMs) { return true }
    }
    return false
  }

  /// Counts `bytes` against the declared length; what is over it, or not wanted, is cut off.
  private func accept(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    var count = bytes.count
    if declaredLength >= 0 && Int64(count) > declaredLength - bodyBytesSent {
      overran = true
      count = Int(declaredLength - bodyBytesSent)
    }
    bodyBytesSent += Int64(count)
    return unsafe UnsafeRawBufferPointer(rebasing: bytes[0..<(framing == .none ? 0 : count)])
  }

  /// Sends what ends the response: through the letterbox where it is all of it, and short.
  private func deliver(
    _ block: UnsafeRawBufferPointer, _ last: UnsafeRawBufferPointer
  ) -> SendOutcome {
    if unsafe postedLane >= 0 && pendingFirst == 0 && answerPost(block) { return .sent }
    return unsafe transmit(block, last)
  }

  private func transmit(
    _ block: UnsafeRawBufferPointer, _ last: UnsafeRawBufferPointer
  ) -> SendOutcome {
    unsafe pendingBody = unsafe block
    unsafe pendingLast = unsafe last
    return pushPending()
  }

  /// Sends what is pending: `writer` from `pendingFirst` on, then `pendingBody`, then
  /// `pendingLast`.
  private func pushPending() -> SendOutcome {
    while true {
      let first = unsafe UnsafeRawBufferPointer(
        start: owner.output + pendingFirst, count: writer.count - pendingFirst)
      let total = unsafe first.count + pendingBody.count + pendingLast.count
      if total == 0 { return .sent }
      let socket = unsafe connection.pointee.socket
      let transfer =
        unsafe pendingBody.count + pendingLast.count == 0
        ? SocketIO.send(socket, owner.output + pendingFirst, count: first.count)
        : SocketIO.send(socket, first, pendingBody, pendingLast)
      switch transfer {
      case .moved(let count):
        totalBytesSent += Int64(count)
        var left = count
        let fromFirst = min(left, first.count)
        pendingFirst += fromFirst
        left -= fromFirst
        let fromBody = unsafe min(left, pendingBody.count)
        unsafe pendingBody = unsafe UnsafeRawBufferPointer(rebasing: pendingBody[fromBody...])
        left -= fromBody
        unsafe pendingLast = unsafe UnsafeRawBufferPointer(rebasing: pendingLast[left...])
      case .wouldBlock:
        return .wouldBlock
      case .peerClosed, .failed:
        isBroken = true
        return .clientLeft
      }
    }
  }

  // MARK: End.

  /// Hands over the whole (remaining) body and ends the response, without waiting.
  ///
  /// What the socket does not take at once is sent later by the event loop; until then the memory
  /// must stay, so `owner` is retained by the caller for the server, which gives it back with
  /// ``Application/release(owner:thread:)``.
  /// - Returns: whether the server keeps `owner`; if not, everything is sent (or the client is
  ///   gone) and the caller still has its reference.
  public func finish(with bytes: UnsafeRawBufferPointer, owner: OpaquePointer) -> Bool {
    precondition(status > 0 && !isOver)
    guard !isBroken else {
      isOver = true
      return false
    }
    if headIsSent { beginBlock() } else { completeHead(length: Int64(bytes.count)) }
    let block = unsafe accept(bytes)
    var last = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    if isLane { beginFrame(block.count, isLast: true) }
    if framing == .chunked {
      if block.count > 0 {
        writer.append(hex: UInt64(block.count))
        writer.append("\r\n")
        unsafe last = unsafe Self.lastChunkAfterData
      } else {
        unsafe last = unsafe Self.lastChunk
      }
    } else if block.count <= HandlerThread.smallBodyBytes {
      unsafe writer.append(copying: block.assumingMemoryBound(to: UInt8.self))
      unsafe conclude(deliver(UnsafeRawBufferPointer(start: nil, count: 0), last), owner: nil)
      return false
    }
    unsafe conclude(deliver(block, last), owner: owner)
    return unsafe tail?.owner != nil
  }

  /// Ends the response: sends the head if that has not happened, the last chunk if chunked.
  /// Fewer bytes than declared end the connection, so that the client sees the truncation.
  public func finish() {
    precondition(status > 0 && !isOver)
    guard !isBroken else {
      isOver = true
      return
    }
    if headIsSent { beginBlock() } else { completeHead(length: 0) }
    if isLane { beginFrame(0, isLast: true) }
    unsafe conclude(
      deliver(
        UnsafeRawBufferPointer(start: nil, count: 0),
        framing == .chunked ? Self.lastChunk : UnsafeRawBufferPointer(start: nil, count: 0)),
      owner: nil)
  }

  /// Hands over the whole body and ends the response, without waiting. What the socket does not
  /// take at once is copied, so `bytes` may go when this returns. Allocates.
  func finish(copying bytes: UnsafeRawBufferPointer) {
    precondition(status > 0 && !isOver && !headIsSent)
    completeHead(length: Int64(bytes.count))
    var block = unsafe accept(bytes)
    if isLane { beginFrame(block.count, isLast: true) }
    if block.count <= HandlerThread.smallBodyBytes {
      unsafe writer.append(copying: block.assumingMemoryBound(to: UInt8.self))
      unsafe block = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    }
    unsafe conclude(
      deliver(block, UnsafeRawBufferPointer(start: nil, count: 0)), owner: nil)
  }

  /// Hands over `count` bytes of `file` from `offset` on and ends the response. The descriptor is
  /// duplicated where it is needed for longer, so the caller may close its own at once.
  /// - Returns: false where the descriptor cannot be sent (nothing was sent then).
  public func finish(file: Int32, offset: Int64, count: Int64) -> Bool {
    precondition(status > 0 && !isOver && !headIsSent)
    completeHead(length: count)
    guard framing == .length || framing == .frames else {  // HEAD, 204, 304
      bodyBytesSent = count
      if isLane { beginFrame(0, isLast: true) }
      unsafe conclude(pushHead(), owner: nil)
      return true
    }
    let wanted = min(count, declaredLength)
    if isLane {
      // A file that is longer than a frame can say goes block by block, like everything else.
      guard wanted <= Int64(UInt32.max) else { return false }
      beginFrame(Int(wanted), isLast: true)
    }
    overran = count > declaredLength
    var sent: Int64 = 0
    pendingFirst = 0
    var transfer = unsafe SocketIO.send(
      connection.pointee.socket, self.owner.output, count: writer.count, more: wanted > 0)
    if case .moved(let bytes) = transfer {
      totalBytesSent += Int64(bytes)
      pendingFirst = bytes
      while pendingFirst == writer.count && sent < min(wanted, Self.fileShareBytes) {
        transfer = unsafe SocketIO.sendFile(
          connection.pointee.socket, file: file, offset: offset + sent,
          count: Int(min(wanted - sent, 1 << 20)))
        guard case .moved(let bytes) = transfer else { break }
        sent += Int64(bytes)
      }
    }
    bodyBytesSent = sent
    totalBytesSent += sent
    if pendingFirst == writer.count && sent == wanted {
      unsafe conclude(.sent, owner: nil)
      return true
    }
    switch transfer {
    case .moved, .wouldBlock:
      guard let copy = try? FileDescriptor.duplicate(of: file) else {
        isBroken = true
        isOver = true
        return true
      }
      let rest = ResponseTail(keepsAlive: keepsAlive && count >= declaredLength)
      unsafe rest.begin(
        with: UnsafeRawBufferPointer(
          start: self.owner.output + pendingFirst, count: writer.count - pendingFirst))
      rest.setFile(copy, offset: offset + sent, count: wanted - sent)
      tail = rest
      isOver = true
    case .peerClosed, .failed:
      isBroken = true
      isOver = true
    }
    return true
  }

  /// Gives the response up. Before the head is sent: answers with the standard error page of
  /// `status`. After it: closes the connection without a valid end.
  public func abort(_ status: Int) {
    guard !isOver else { return }
    if isLane && headIsSent && !isBroken && sendsAbort() {
      // The lane goes on; the front tears its client's connection down.
      isOver = true
    } else if headIsSent || isBroken {
      isBroken = true
      isOver = true
    } else {
      respond(status: status)
    }
  }

  func pushHead() -> SendOutcome {
    let none = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    return unsafe transmit(none, none)
  }

  /// The response is complete as far as the application is concerned.
  func conclude(_ outcome: SendOutcome, owner: OpaquePointer?) {
    isOver = true
    let isWhole = framing != .length || bodyBytesSent == declaredLength
    switch outcome {
    case .sent:
      keepsAlive = keepsAlive && isWhole
    case .clientLeft:
      keepsAlive = false
    case .wouldBlock:
      let rest = ResponseTail(keepsAlive: keepsAlive && isWhole)
      let first = unsafe UnsafeRawBufferPointer(
        start: self.owner.output + pendingFirst, count: writer.count - pendingFirst)
      if let owner = unsafe owner {
        unsafe rest.begin(with: first)
        unsafe bodyBytesSent -= Int64(pendingBody.count)  // counted again as they are sent
        if unsafe pendingBody.count > 0 { unsafe rest.setBody(pendingBody, owner: owner) }
      } else {
        unsafe rest.begin(with: first, pendingBody)
      }
      unsafe rest.end(with: pendingLast)
      tail = rest
    }
  }

  private static var crlf: UnsafeRawBufferPointer { unsafe bytes(of: "\r\n") }
  private static var lastChunk: UnsafeRawBufferPointer { unsafe bytes(of: "0\r\n\r\n") }
  private static var lastChunkAfterData: UnsafeRawBufferPointer {
    unsafe bytes(of: "\r\n0\r\n\r\n")
  }

  private static func bytes(of literal: StaticString) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
  }
}
