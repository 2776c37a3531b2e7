// MessageSocket: Unix SOCK_SEQPACKET pairs that carry messages with descriptors. Edge.
internal import CLinux
internal import Glibc

/// What came of an attempt to receive a message.
public enum MessageArrival: Equatable {
  /// A message of `count` bytes is in the buffer; the descriptors now belong to the caller.
  case message(count: Int, descriptors: [Int32])
  /// Nothing is there.
  case wouldBlock
  /// The other side is closed.
  case endOfFile
}

/// Messages over a borrowed socket. Never blocks.
public enum MessageSocket {
  /// socketpair(2), non-blocking and close-on-exec. Both ends are the caller's.
  public static func makePair() throws(SystemCallError) -> (Int32, Int32) {
    try SocketIO.makePair(SOCK_SEQPACKET)
  }

  /// Sends one message with at most 16 descriptors, which stay the caller's.
  ///
  /// - Returns: false where the socket is full.
  /// - Throws: EPIPE or ECONNRESET where the other side is gone.
  public static func send(
    _ bytes: [UInt8], descriptors: [Int32], over socket: Int32
  ) throws(SystemCallError) -> Bool {
    let sent = unsafe clinux_send_message(
      socket, bytes, bytes.count, descriptors, Int32(descriptors.count))
    if sent == -Int(EAGAIN) { return false }
    guard sent >= 0 else { throw SystemCallError("sendmsg", code: Int32(-sent)) }
    return true
  }

  /// Receives one message; a longer one than `buffer` throws EMSGSIZE and is dropped.
  public static func receive(
    into buffer: inout [UInt8], from socket: Int32
  ) throws(SystemCallError) -> MessageArrival {
    var numbers = [Int32](repeating: -1, count: 16)
    var count: Int32 = 0
    let got = unsafe clinux_receive_message(socket, &buffer, buffer.count, &numbers, &count)
    if got == -Int(EAGAIN) { return .wouldBlock }
    if got == 0 || got == -Int(ECONNRESET) { return .endOfFile }
    guard got > 0 else { throw SystemCallError("recvmsg", code: Int32(-got)) }
    return .message(count: got, descriptors: Array(numbers.prefix(Int(count))))
  }
}
