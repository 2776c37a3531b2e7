// WorkerServer+Proxies: whose word counts about the client, and what becomes of it. Assembly.
//
// A connection knows whether its peer is trusted (`--forwarded-allow-ips`) from its beginning on.
// What such a peer says replaces the client's address for one request (`Connection.client`), or
// with the PROXY protocol for the whole connection (`Connection.peer`). The source of a PROXY
// header is a peer like any other: whether its X-Forwarded-For counts is asked anew.
//
// Why the pointers here are safe: a connection is its caller's (Connection, invariants 1 and 2) and
// stays in its slot; heads lie in a buffer that the caller holds, and are read as spans of the
// length that the parser found. A temporary of 64 bytes always has a base, and a stored property
// always has an offset.
internal import Bytes
internal import Configuration
internal import HTTP1
internal import Platform

extension WorkerServer {
  /// Finds out about the peer of a new connection, or of one whose peer became another.
  func judgePeer(_ connection: UnsafeMutablePointer<Connection>) {
    guard !trusted.isEmpty else { return }
    if unsafe connection.pointee.isUnixSocket {
      unsafe connection.pointee.peerIsTrusted = trusted.trustsUnix
    } else if let address = unsafe IPAddress(connection.peerText.span) {
      unsafe connection.pointee.peerIsTrusted = trusted.trusts(address)
    } else {
      unsafe connection.pointee.peerIsTrusted = false
    }
  }

  /// Heeds, or removes, what the fields say of which the thread's parser has just read the head.
  /// Allocates: never.
  ///
  /// - Returns: why the request is refused, or nil. The same head always gives the same.
  func heedProxies(
    _ connection: UnsafeMutablePointer<Connection>, _ thread: HandlerThread,
    _ head: UnsafePointer<UInt8>
  ) -> Refusal? {
    unsafe connection.pointee.client.count = 0
    guard thread.parser.head.isForwarded else {
      thread.forwarded = ForwardedChain()
      return nil
    }
    do throws(Refusal) {
      thread.forwarded = try unsafe thread.parser.heedProxies(
        head, peerIsTrusted: connection.pointee.peerIsTrusted,
        keepsUntrusted: settings.passesForwardedFields, trusted: trusted)
    } catch {
      thread.forwarded = ForwardedChain()
      return error
    }
    if let client = thread.forwarded.client {
      unsafe connection.pointee.client.set(client, port: thread.forwarded.clientPort)
    }
    return nil
  }

  /// The same for a head that was heeded before, and is parsed again.
  func heedProxiesAgain(
    _ connection: UnsafeMutablePointer<Connection>, _ thread: HandlerThread,
    _ head: UnsafePointer<UInt8>
  ) {
    let refusal = unsafe heedProxies(connection, thread, head)
    precondition(refusal == nil, "what was heeded once is heeded again")
  }

  // MARK: the PROXY protocol

  /// What became of the first bytes of a connection.
  enum ProxyGreeting {
    /// So many bytes are done with.
    case taken(Int)
    /// More are awaited.
    case incomplete
    /// There is no header: the connection is to be closed.
    case refused
  }

  /// Reads the PROXY header that a trusted peer has to begin with.
  func greet(
    _ connection: UnsafeMutablePointer<Connection>, _ bytes: UnsafePointer<UInt8>, count: Int
  ) -> ProxyGreeting {
    switch unsafe ProxyHeader.parse(UnsafeBufferPointer(start: bytes, count: count).span) {
    case .needMoreBytes: return .incomplete
    case .refused(let refusal):
      // Only a trusted proxy can cause this line, and without it its operator would not know why.
      ErrorLog.write(
        .warn,
        unsafe "Closed a connection of \(connection.peerDescription): \(refusal.reason.sentence)")
      return .refused
    case .complete(let header):
      unsafe connection.pointee.awaitsProxyHeader = false
      if let source = header.source, let destination = header.destination {
        unsafe connection.pointee.isUnixSocket = false
        unsafe connection.pointee.peer.set(source, port: header.sourcePort)
        unsafe connection.pointee.local.set(destination, port: header.destinationPort)
        unsafe judgePeer(connection)
      }
      return .taken(header.length)
    }
  }

  /// The reason of a refusal, where the first bytes were a PROXY header that nobody awaited.
  func refusal(
    _ refusal: Refusal, _ connection: UnsafeMutablePointer<Connection>,
    seen: UnsafeBufferPointer<UInt8>
  ) -> Refusal {
    guard unsafe connection.pointee.answered == 0, unsafe ProxyHeader.begins(seen.span) else {
      return refusal
    }
    return Refusal(.proxyHeaderNotTrusted)
  }
}

extension EndpointText {
  /// Takes an address; it is written as in `REMOTE_ADDR`. Allocates: never.
  mutating func set(_ address: IPAddress, port: UInt16) {
    unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { place in
      var writer = unsafe ByteWriter(base: place.baseAddress!, capacity: place.count)
      address.append(into: &writer)
      unsafe set(writer.written, port: port)
    }
  }
}

extension UnsafeMutablePointer<Connection> {
  /// The client's address as text, inside the slot: as a trusted proxy told it, else the peer's.
  var clientText: UnsafeBufferPointer<UInt8> {
    unsafe pointee.client.count > 0 ? toldText : peerText
  }

  /// The client's port; 0 where it is not known.
  var clientPort: UInt16 {
    unsafe pointee.client.count > 0 ? pointee.client.port : pointee.peer.port
  }
}
