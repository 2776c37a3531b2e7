// ChildLink: the supervisor's end of one child's control channel. Assembly.
internal import Control
internal import Platform

/// A control channel that a handle may drop; closed when nobody holds it.
final class ChildLink {
  private let channel: ControlChannel
  /// The socket, for poll(2).
  let number: Int32

  init(owning number: Int32) {
    channel = ControlChannel(owning: number)
    self.number = number
  }

  /// Sends a message; false where nobody receives it.
  func send(_ message: ControlMessage, descriptors: [Int32] = []) -> Bool {
    channel.send(message, descriptors: descriptors)
  }

  /// The next message, if one is there. Children send no descriptors; any are closed.
  ///
  /// - Parameter ofAnyRelease: the child may say what this release does not understand.
  func receive(ofAnyRelease: Bool = false) -> ControlArrival {
    let arrival = channel.receive(ofAnyRelease: ofAnyRelease)
    if case .message(_, let descriptors) = arrival {
      for descriptor in descriptors { _ = FileDescriptor(owning: descriptor) }
    }
    return arrival
  }
}
