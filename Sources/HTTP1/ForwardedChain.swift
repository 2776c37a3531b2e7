// ForwardedChain: what trusted proxies say of the client in header fields. Pure.
internal import Bytes

/// Who the client is, and what it asked for, by the word of the proxies on the way.
///
/// Each proxy adds the address that it was called from at the end of `X-Forwarded-For`, or an
/// element at the end of `Forwarded` (RFC 7239, section 4). So the list is believed from its end
/// on, past trusted addresses: the first that is not trusted is the client; where all are, the
/// first of the list is. What stands before it may be the client's own invention.
///
/// Where any of `X-Forwarded-For`, `-Proto`, `-Host` and `-Port` is there, `Forwarded` is not read:
/// proxies that set the older fields often let a client's `Forwarded` pass. Allocates: never.
public struct ForwardedChain: Equatable, Sendable {
  /// The URL scheme that the client used.
  public enum Scheme: UInt8, Sendable {
    case http, https
  }

  /// Whether a trusted proxy said who its client is, even that it does not know.
  public var tellsClient = false
  /// The client's address; nil where nobody told it.
  public var client: IPAddress?
  /// The client's port; 0 where nobody told it.
  public var clientPort: UInt16 = 0
  /// The scheme; nil where nobody told it.
  public var scheme: Scheme?
  /// The port that the client connected to; 0 where nobody told it.
  public var port: UInt16 = 0
  /// Whether the request came with fields of which some speak of somebody else.
  public var isForwarded = false
  /// Whether the fields `X-Forwarded-*` were read, and not `Forwarded`.
  var readsOlderFields = false
  /// The host that the client asked for, with or without a port; empty where nobody told it.
  var host = ByteRange(offset: 0, count: 0)
  /// The name of the field or parameter that told it ends here.
  var hostNameEnd = 0

  /// A request that no proxy speaks for.
  public init() {}

  /// Reads the chain out of the fields of a head in `bytes`, which come from a trusted peer.
  ///
  /// - Throws: 400 where what a trusted proxy says is malformed.
  init(
    _ fields: Span<Field>, _ bytes: Span<UInt8>, trusted: borrowing TrustedProxies
  ) throws(Refusal) {
    isForwarded = true
    for index in fields.indices {
      switch fields[index].id {
      case .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort:
        readsOlderFields = true
      default: break
      }
    }
    if readsOlderFields {
      try readOlder(fields, bytes, trusted)
    } else {
      try readForwarded(fields, bytes, trusted)
    }
    if port == 0, let scheme { port = scheme == .https ? 443 : 80 }
  }

  // MARK: X-Forwarded-*

  private mutating func readOlder(
    _ fields: Span<Field>, _ bytes: Span<UInt8>, _ trusted: borrowing TrustedProxies
  ) throws(Refusal) {
    let hops = try readClient(fields, bytes, trusted)
    if let proto = Self.element(.xForwardedProto, fields, bytes, fromEnd: hops) {
      guard let told = Self.scheme(bytes.extracting(proto.value)) else {
        throw Refusal(.badForwardedProto)
      }
      scheme = told
    }
    if let found = Self.element(.xForwardedHost, fields, bytes, fromEnd: hops) {
      guard takeHost(bytes, found.value) else { throw Refusal(.badForwardedHost) }
      hostNameEnd = found.nameEnd
    }
    if let found = Self.element(.xForwardedPort, fields, bytes, fromEnd: hops) {
      guard let number = ASCII.decimal(bytes.extracting(found.value)), (1...65_535).contains(number)
      else { throw Refusal(.badForwardedPort) }
      port = UInt16(number)
    }
  }

  /// Walks X-Forwarded-For from its end. Returns how many elements from the end the client stands,
  /// which is as many as there are trusted proxies on the way; at least 1.
  private mutating func readClient(
    _ fields: Span<Field>, _ bytes: Span<UInt8>, _ trusted: borrowing TrustedProxies
  ) throws(Refusal) -> Int {
    var hops = 0
    var index = fields.count
    while index > 0 {
      index &-= 1
      guard fields[index].id == .xForwardedFor else { continue }
      let value = fields[index].value.indices
      var end = value.upperBound
      while true {
        var start = end
        while start > value.lowerBound && bytes[start &- 1] != UInt8(ascii: ",") { start &-= 1 }
        hops &+= 1
        let text = bytes.extracting(Self.trimmed(bytes, start..<end))
        guard let node = ForwardedNode(text, notation: .older) else {
          throw Refusal(.badForwardedFor)
        }
        if !take(node, trusted) { return hops }
        if start == value.lowerBound { break }
        end = start &- 1
      }
    }
    return max(1, hops)
  }

  /// Takes the client for what `node` says. Returns whether it is a trusted proxy itself.
  private mutating func take(_ node: ForwardedNode, _ trusted: borrowing TrustedProxies) -> Bool {
    tellsClient = true
    switch node {
    case .unknown:
      (client, clientPort) = (nil, 0)
      return false
    case .address(let address, let port):
      (client, clientPort) = (address, port)
      return trusted.trusts(address)
    }
  }

  /// The element of a list that stands so many elements from the end, or its first where there are
  /// fewer: a proxy that replaces the field says it once, one that adds to it says it last.
  private static func element(
    _ id: FieldName, _ fields: Span<Field>, _ bytes: Span<UInt8>, fromEnd hops: Int
  ) -> (value: Range<Int>, nameEnd: Int)? {
    var found: (value: Range<Int>, nameEnd: Int)?
    var left = hops
    var index = fields.count
    while index > 0 && left > 0 {
      index &-= 1
      guard fields[index].id == id else { continue }
      let value = fields[index].value.indices
      var end = value.upperBound
      while left > 0 {
        left &-= 1
        var start = end
        while start > value.lowerBound && bytes[start &- 1] != UInt8(ascii: ",") { start &-= 1 }
        found = (trimmed(bytes, start..<end), fields[index].name.indices.upperBound)
        if start == value.lowerBound { break }
        end = start &- 1
      }
    }
    return found
  }

  private static func trimmed(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end && ASCII.isBlank(bytes[start]) { start &+= 1 }
    while end > start && ASCII.isBlank(bytes[end &- 1]) { end &-= 1 }
    return start..<end
  }

  // MARK: Forwarded

  /// Reads the elements from the first on: the last that no trusted proxy is named in counts, or
  /// the first of all.
  private mutating func readForwarded(
    _ fields: Span<Field>, _ bytes: Span<UInt8>, _ trusted: borrowing TrustedProxies
  ) throws(Refusal) {
    var chosen: ForwardedElement?
    for index in fields.indices where fields[index].id == .forwarded {
      let value = fields[index].value.indices
      var position = value.lowerBound
      while position < value.upperBound {
        guard let element = ForwardedElement(bytes, &position, end: value.upperBound) else {
          throw Refusal(.badForwarded)
        }
        if element.isEmpty { continue }
        if chosen == nil || !element.names(trusted, bytes) { chosen = element }
      }
    }
    guard let chosen else {
      // X-Real-IP or the like alone, or nothing in the list.
      return
    }
    if let place = chosen.client {
      guard let node = ForwardedNode(bytes.extracting(place), notation: .standard) else {
        throw Refusal(.badForwarded)
      }
      _ = take(node, trusted)
    }
    if let place = chosen.proto {
      guard let told = Self.scheme(bytes.extracting(place)) else { throw Refusal(.badForwarded) }
      scheme = told
    }
    if let place = chosen.host {
      guard takeHost(bytes, place) else { throw Refusal(.badForwarded) }
      hostNameEnd = chosen.hostNameEnd
    }
  }

  // MARK: what both have

  /// `wss` and `ws` are what some proxies write where a client asked for a WebSocket.
  private static func scheme(_ text: Span<UInt8>) -> Scheme? {
    switch text.count {
    case 2: ASCII.equalsIgnoringCase(text, "ws") ? .http : nil
    case 3: ASCII.equalsIgnoringCase(text, "wss") ? .https : nil
    case 4: ASCII.equalsIgnoringCase(text, "http") ? .http : nil
    case 5: ASCII.equalsIgnoringCase(text, "https") ? .https : nil
    default: nil
    }
  }

  /// Takes the host at `place`, and its port; false where it is none.
  private mutating func takeHost(_ bytes: Span<UInt8>, _ place: Range<Int>) -> Bool {
    let text = bytes.extracting(place)
    let form = Authority.form(of: text)
    guard form == .host || form == .hostAndPort else { return false }
    host = ByteRange(offset: place.lowerBound, count: place.count)
    guard form == .hostAndPort else { return true }
    var start = text.count
    while text[start &- 1] != UInt8(ascii: ":") { start &-= 1 }
    port = UInt16(ASCII.decimal(text.extracting(start..<text.count)) ?? 0)
    return true
  }
}
