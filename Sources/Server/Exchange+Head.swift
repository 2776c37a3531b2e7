// Exchange+Head: the response head: what the application says and what the server adds. Assembly.
internal import Bytes
internal import Configuration
internal import HTTP1
internal import Platform

extension Exchange {
  private static let longestReason = 512

  /// Starts (or starts again) the response head. Legal until ``headIsSent``.
  ///
  /// - Parameter status: status code; the caller has checked that it is in 100...999.
  /// - Parameter reason: reason phrase, free of control bytes (checked by the caller); cut after
  ///   512 bytes.
  public func beginHead(status: Int, reason: UnsafeBufferPointer<UInt8>) {
    precondition(!headIsSent)
    resetResponse()
    self.status = status
    writer.append("HTTP/1.1 ")
    writer.append(UInt8(truncatingIfNeeded: 48 + status / 100))
    writer.append(UInt8(truncatingIfNeeded: 48 + status / 10 % 10))
    writer.append(UInt8(truncatingIfNeeded: 48 + status % 10))
    writer.append(0x20)
    unsafe writer.append(copying: UnsafeBufferPointer(rebasing: reason.prefix(Self.longestReason)))
    writer.append("\r\n")
  }

  /// Bytes of status line and fields that the application may make (`--header-buffer-size`).
  public var mostHeadBytes: Int { unsafe server.settings.responseHeadBytes }

  /// Adds one field. The caller has checked the syntax of both and refused hop-by-hop fields.
  ///
  /// Content-Length is taken over and enforced; Date and Server are used instead of the server's
  /// own.
  /// - Returns: false where the head grows over ``mostHeadBytes``, or Content-Length is repeated or
  ///   no number.
  public func addField(
    name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    // What the server adds by itself (date, framing) has room besides.
    guard name.count + value.count + 4 <= mostHeadBytes - (writer.count - headStart) else {
      return false
    }
    switch name.count {
    case 14 where unsafe ASCII.equalsIgnoringCase(name, "content-length"):
      guard declaredLength < 0, let length = unsafe ASCII.decimal(value) else { return false }
      declaredLength = length
      return true
    case 6 where unsafe ASCII.equalsIgnoringCase(name, "server"): sawServer = true
    case 4 where unsafe ASCII.equalsIgnoringCase(name, "date"): sawDate = true
    default: break
    }
    unsafe writer.append(copying: name)
    writer.append(": ")
    unsafe writer.append(copying: value)
    writer.append("\r\n")
    return true
  }

  /// Whether body bytes are wanted at all: false for HEAD, 1xx, 204 and 304.
  public var sendsBody: Bool {
    head.method != .head && status >= 200 && status != 204 && status != 304
  }

  /// Completes the head. `length`: bytes of the body where they are known, else -1.
  func completeHead(length: Int64) {
    guard !isLane else { return completeFrame(length: length) }
    var keeps = unsafe server.mayKeepAlive(self) && bodyIsConsumed
    let forbidsBody = status < 200 || status == 204 || status == 304
    if forbidsBody {
      framing = .none
      if status == 304 && declaredLength >= 0 { appendLength(declaredLength) }
      keeps = keeps && status >= 200
    } else if declaredLength >= 0 {
      framing = .length
      appendLength(declaredLength)
    } else if length > 0 || (length == 0 && head.method != .head) {
      framing = .length
      declaredLength = length
      appendLength(length)
    } else if head.method == .head {
      framing = .none
    } else if head.minorVersion == 1 {
      framing = .chunked
      writer.append("Transfer-Encoding: chunked\r\n")
    } else {
      framing = .close
      keeps = false
    }
    if head.method == .head { framing = .none }
    if !keeps {
      writer.append("Connection: close\r\n")
    } else if head.minorVersion == 0 {
      writer.append("Connection: keep-alive\r\n")
    }
    if !sawDate && !sawServer {
      unsafe writer.append(copying: owner.dateAndServer(server.serverName))
    } else {
      appendMissing()
    }
    writer.append("\r\n")
    precondition(!writer.overflowed)
    responseHeadCount = writer.count
    pendingFirst = 0
    keepsAlive = keeps
    headIsSent = true
  }

  private func appendLength(_ length: Int64) {
    writer.append("Content-Length: ")
    writer.append(decimal: length)
    writer.append("\r\n")
  }

  private func appendMissing() {
    if !sawDate {
      writer.append("Date: ")
      writer.append(httpDate: Clock.realSeconds())
      writer.append("\r\n")
    }
    if unsafe !sawServer && server.serverName.count > 0 {
      writer.append("Server: ")
      unsafe writer.append(copying: server.serverName.bytes)
      writer.append("\r\n")
    }
  }

  /// Whether everything the client sent for this request was read, so that the next request
  /// follows.
  var bodyIsConsumed: Bool {
    if case .live(let live) = body { return live.isComplete }
    return true
  }
}
