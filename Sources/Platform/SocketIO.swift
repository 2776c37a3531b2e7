// SocketIO: accept, receive and send on non-blocking sockets; expected outcomes are values. Edge.
internal import CLinux
internal import Glibc

/// What a non-blocking transfer did.
public enum Transfer: Equatable {
  /// So many bytes moved, at least one.
  case moved(Int)
  /// Nothing can be moved now.
  case wouldBlock
  /// Receiving: the peer closed its sending direction. Sending: it will take no more.
  case peerClosed
  /// The connection is broken: errno(3).
  case failed(Int32)
}

/// What accept did.
public enum Accepted {
  /// A connection; the caller owns the descriptor.
  case connection(Int32)
  /// No connection is waiting (or the one that was is gone).
  case none
  /// Out of descriptors or memory; try again later: errno(3).
  case exhausted(Int32)
}

/// The address of one end of a connection, as text.
public struct EndpointText {
  /// 48 bytes of text, `count` of them used: fits the longest IPv6 address (INET6_ADDRSTRLEN is
  /// 46).
  public var storage: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)
  /// Bytes of text; 0 for a Unix socket.
  public var count: UInt8 = 0
  /// Port; 0 for a Unix socket.
  public var port: UInt16 = 0

  /// No address.
  public init() {}

  /// Which address of a socket to read.
  public enum Side {
    /// getpeername(2).
    case peer
    /// getsockname(2).
    case local
  }

  /// Reads the address of a connected socket; empty for Unix sockets and where the peer is gone.
  /// IPv4-mapped IPv6 addresses are written as IPv4.
  public init(_ side: Side, of socket: Int32) {
    var address = sockaddr_storage()
    let code =
      unsafe side == .peer
      ? clinux_peer_name(socket, &address) : clinux_local_name(socket, &address)
    if code == 0 { read(address) }
  }

  /// Takes an address that somebody else has read; a longer text than there is room for is cut.
  public mutating func set(_ text: UnsafeBufferPointer<UInt8>, port: UInt16) {
    self.port = port
    unsafe withUnsafeMutableBytes(of: &storage) { place in
      let fitting = min(text.count, place.count)
      unsafe place.copyBytes(from: text.prefix(fitting))
      count = UInt8(fitting)
    }
  }

  private mutating func read(_ address: sockaddr_storage) {
    var address = address
    switch Int32(address.ss_family) {
    case AF_INET:
      unsafe withUnsafePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
          port = unsafe UInt16(bigEndian: $0.pointee.sin_port)
          var host = unsafe $0.pointee.sin_addr
          unsafe setText(AF_INET, &host)
        }
      }
    case AF_INET6:
      unsafe withUnsafePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
          port = unsafe UInt16(bigEndian: $0.pointee.sin6_port)
          var host = unsafe $0.pointee.sin6_addr
          unsafe withUnsafeBytes(of: &host) { bytes in
            let isMapped =
              unsafe bytes[0..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF
              && bytes[11] == 0xFF
            if isMapped {
              unsafe setText(AF_INET, bytes.baseAddress! + 12)
            } else {
              unsafe setText(AF_INET6, bytes.baseAddress!)
            }
          }
        }
      }
    default:
      break
    }
  }

  private mutating func setText(_ family: Int32, _ host: UnsafeRawPointer) {
    unsafe withUnsafeMutableBytes(of: &storage) { text in
      let start = unsafe text.baseAddress!.assumingMemoryBound(to: CChar.self)
      if unsafe inet_ntop(family, host, start, socklen_t(text.count)) != nil {
        count = unsafe UInt8(strlen(start))
      }
    }
  }
}

/// Calls on sockets that somebody else owns. None waits. Allocates: never.
public enum SocketIO {
  /// accept4(2): a non-blocking, close-on-exec connection.
  public static func accept(_ listener: Int32) -> Accepted {
    while true {
      let number = clinux_accept(listener)
      if number >= 0 { return .connection(number) }
      switch errno {
      case EINTR, ECONNABORTED, EPROTO: continue
      case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted(errno)
      default: return .none
      }
    }
  }

  /// recv(2) of at most `capacity` bytes.
  public static func receive(
    _ socket: Int32, into bytes: UnsafeMutablePointer<UInt8>, capacity: Int
  ) -> Transfer {
    while true {
      let count = unsafe recv(socket, bytes, capacity, 0)
      if count > 0 { return .moved(count) }
      if count == 0 { return .peerClosed }
      if errno != EINTR { return failure() }
    }
  }

  /// recvmsg(2) of at most `capacity` bytes, and of one or two descriptors (close-on-exec) that
  /// came with them, which the caller owns then; more are a mistake, and closed.
  public static func receive(
    _ socket: Int32, into bytes: UnsafeMutablePointer<UInt8>, capacity: Int,
    descriptor: inout Int32, second: inout Int32
  ) -> Transfer {
    unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: 16) { numbers in
      var count: Int32 = 0
      let got = unsafe clinux_receive_message(
        socket, bytes, capacity, numbers.baseAddress, &count)
      if count > 0 { descriptor = unsafe numbers[0] }
      if count > 1 { second = unsafe numbers[1] }
      for index in 2..<max(2, Int(count)) { unsafe close(numbers[index]) }
      if got > 0 { return .moved(got) }
      return got == 0 ? .peerClosed : failure(Int32(-got))
    }
  }

  /// socketpair(2) of streams, non-blocking and close-on-exec. Both ends are the caller's.
  public static func makePair() throws(SystemCallError) -> (Int32, Int32) {
    try makePair(SOCK_STREAM)
  }

  /// The same of another kind of socket.
  static func makePair(_ kind: __socket_type) throws(SystemCallError) -> (Int32, Int32) {
    var numbers: [Int32] = [-1, -1]
    let type = Int32(kind.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    guard unsafe socketpair(AF_UNIX, type, 0, &numbers) == 0 else {
      throw SystemCallError("socketpair")
    }
    return (numbers[0], numbers[1])
  }

  /// close(2), unless the number is -1.
  public static func closeIfOpen(_ number: Int32) {
    if number >= 0 { _ = Glibc.close(number) }
  }

  /// send(2); `more` tells the kernel that more follows at once (MSG_MORE).
  public static func send(
    _ socket: Int32, _ bytes: UnsafePointer<UInt8>, count: Int, more: Bool = false
  ) -> Transfer {
    let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
    while true {
      let sent = unsafe Glibc.send(socket, bytes, count, flags)
      if sent >= 0 { return .moved(sent) }
      if errno != EINTR { return failure() }
    }
  }

  /// sendmsg(2) of bytes and one or two descriptors, which stay the caller's and go with the first
  /// byte.
  public static func send(
    _ socket: Int32, _ bytes: UnsafePointer<UInt8>, count: Int, descriptor: Int32,
    second: Int32 = -1
  ) -> Transfer {
    unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2) { numbers in
      unsafe numbers[0] = descriptor
      unsafe numbers[1] = second
      let sent = unsafe clinux_send_message(
        socket, bytes, count, numbers.baseAddress, second < 0 ? 1 : 2)
      return sent >= 0 ? .moved(sent) : failure(Int32(-sent))
    }
  }

  /// sendmsg(2) of two or three runs of bytes in one call; the third may be empty.
  public static func send(
    _ socket: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer,
    _ third: UnsafeRawBufferPointer
  ) -> Transfer {
    let parts = unsafe (
      iovec(iov_base: UnsafeMutableRawPointer(mutating: first.baseAddress), iov_len: first.count),
      iovec(iov_base: UnsafeMutableRawPointer(mutating: second.baseAddress), iov_len: second.count),
      iovec(iov_base: UnsafeMutableRawPointer(mutating: third.baseAddress), iov_len: third.count)
    )
    return unsafe withUnsafePointer(to: parts) { parts in
      unsafe parts.withMemoryRebound(to: iovec.self, capacity: 3) { vector in
        var message = unsafe msghdr()
        unsafe message.msg_iov = unsafe UnsafeMutablePointer(mutating: vector)
        unsafe message.msg_iovlen = 3
        while true {
          let sent = unsafe sendmsg(socket, &message, Int32(MSG_NOSIGNAL))
          if sent >= 0 { return .moved(sent) }
          if errno != EINTR { return failure() }
        }
      }
    }
  }

  /// Receives and throws away what is there, at most about a mebibyte.
  ///
  /// - Returns: `wouldBlock` when the socket is empty, `moved` when more may be there, else how it
  ///   ended.
  public static func discard(_ socket: Int32) -> Transfer {
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16_384) { scratch in
      for _ in 0..<64 {
        let transfer = unsafe receive(socket, into: scratch.baseAddress!, capacity: scratch.count)
        guard case .moved = transfer else { return transfer }
      }
      return .moved(scratch.count)
    }
  }

  /// Whether `socket` is of the Unix family (getsockname(2)).
  public static func isUnix(_ socket: Int32) -> Bool {
    var address = sockaddr_storage()
    return unsafe clinux_local_name(socket, &address) == 0
      && address.ss_family == sa_family_t(AF_UNIX)
  }

  /// sendfile(2) of at most `count` bytes of `file` from `offset` on; the file's own position
  /// stays.
  public static func sendFile(
    _ socket: Int32, file: Int32, offset: Int64, count: Int
  ) -> Transfer {
    var offset = off_t(offset)
    while true {
      let sent = unsafe sendfile(socket, file, &offset, count)
      if sent > 0 { return .moved(sent) }
      if sent == 0 { return .peerClosed }  // the file is shorter than it was
      if errno != EINTR { return failure() }
    }
  }

  /// Waits until `socket` is ready (poll(2)), at most `timeoutMs` milliseconds (and a day).
  ///
  /// - Returns: false when the time is over.
  public static func wait(_ socket: Int32, toWrite: Bool, timeoutMs: Int64) -> Bool {
    var item = pollfd(fd: socket, events: Int16(toWrite ? POLLOUT : POLLIN), revents: 0)
    let deadline = Clock.monotonicMs() + min(timeoutMs, 86_400_000)
    while true {
      let left = max(0, deadline - Clock.monotonicMs())
      let count = unsafe poll(&item, 1, Int32(min(left, 0x7FFF_FFFF)))
      if count > 0 { return true }
      if count == 0 { return false }
      precondition(errno == EINTR, "poll")
    }
  }

  /// Whether something can be read, or a connection accepted, right now. Allocates: never.
  public static func isReadable(_ socket: Int32) -> Bool {
    var item = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&item, 1, 0) > 0 && item.revents & Int16(POLLIN) != 0
  }

  /// Whether the other end of a Unix socket is closed. Allocates: never.
  public static func isHungUp(_ socket: Int32) -> Bool {
    var item = pollfd(fd: socket, events: 0, revents: 0)
    return unsafe poll(&item, 1, 0) > 0
  }

  /// Milliseconds since data last came on a TCP connection, or since it was made where none has:
  /// `tcpi_last_data_recv` of tcp(7)'s TCP_INFO. 0 for a Unix socket, where the kernel keeps none.
  /// Allocates: never.
  public static func quietMs(_ socket: Int32) -> Int64 {
    let offset = 52
    var info = (
      0 as UInt64, 0 as UInt64, 0 as UInt64, 0 as UInt64, 0 as UInt64, 0 as UInt64, 0 as UInt64
    )
    var length = socklen_t(MemoryLayout.size(ofValue: info))
    return unsafe withUnsafeMutableBytes(of: &info) { bytes in
      guard
        unsafe getsockopt(socket, Int32(IPPROTO_TCP), TCP_INFO, bytes.baseAddress, &length) == 0,
        Int(length) >= offset + 4
      else { return 0 }
      return unsafe Int64(bytes.load(fromByteOffset: offset, as: UInt32.self))
    }
  }

  /// shutdown(2) of the sending direction: the peer sees the end, what it sends still arrives.
  public static func finishSending(_ socket: Int32) {
    _ = Glibc.shutdown(socket, Int32(SHUT_WR))
  }

  /// close(2).
  public static func close(_ socket: Int32) {
    _ = Glibc.close(socket)
  }

  /// Closes with a reset (SO_LINGER 0), so that a peer cannot take a broken response for a whole
  /// one.
  public static func reset(_ socket: Int32) {
    var option = linger(l_onoff: 1, l_linger: 0)
    _ = unsafe setsockopt(
      socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    _ = Glibc.close(socket)
  }

  private static func failure(_ code: Int32 = errno) -> Transfer {
    switch code {
    case EAGAIN: return .wouldBlock
    case EPIPE, ECONNRESET, ENOTCONN, ETIMEDOUT: return .peerClosed
    default: return .failed(code)
    }
  }
}
