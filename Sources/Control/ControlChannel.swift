// ControlChannel: one end of the pair that supervisor and a child speak over. Edge.
public import Platform

/// What came of an attempt to receive.
public enum ControlArrival: Equatable {
  /// A message; its descriptors (close-on-exec) now belong to the caller.
  case message(ControlMessage, descriptors: [Int32])
  /// Nothing is there.
  case wouldBlock
  /// The other side is closed, or speaks something else.
  case endOfFile
}

/// One end of a control channel. Never blocks; one message is one packet.
public struct ControlChannel: ~Copyable {
  /// The socket, for poll(2) or epoll(7): readable where a message or the end of file waits.
  public let socket: FileDescriptor

  /// The socket's number, for calls that borrow it.
  public var number: Int32 { socket.number }

  /// Takes ownership of a socket.
  public init(owning number: Int32) {
    socket = FileDescriptor(owning: number)
  }

  /// Takes ownership of a socket.
  public init(_ socket: consuming FileDescriptor) {
    self.socket = socket
  }

  /// Gives ownership away; the caller closes the number.
  public consuming func release() -> Int32 { socket.release() }

  /// Sends one message; descriptors stay the caller's.
  ///
  /// - Returns: false where the other side is gone or does not read (its queue is full).
  @discardableResult
  public borrowing func send(_ message: ControlMessage, descriptors: [Int32] = []) -> Bool {
    do {
      return try MessageSocket.send(
        message.encode(), descriptors: descriptors, over: socket.number)
    } catch {
      return false
    }
  }

  /// Receives one message, if one is there.
  ///
  /// A packet that is no message ends the channel: the other side is broken or not ours.
  ///
  /// - Parameter ofAnyRelease: it may be of another release, and such packets are passed over.
  public borrowing func receive(ofAnyRelease: Bool = false) -> ControlArrival {
    var buffer = [UInt8](repeating: 0, count: ControlMessage.mostBytes)
    while true {
      let arrival: MessageArrival
      do {
        arrival = try MessageSocket.receive(into: &buffer, from: socket.number)
      } catch {
        return .endOfFile
      }
      switch arrival {
      case .wouldBlock: return .wouldBlock
      case .endOfFile: return .endOfFile
      case .message(let count, let descriptors):
        if let message = ControlMessage(decoding: buffer.prefix(count)) {
          return .message(message, descriptors: descriptors)
        }
        for number in descriptors { _ = FileDescriptor(owning: number) }
        if !ofAnyRelease { return .endOfFile }
      }
    }
  }
}
