// ForwardedElement: the grammar of the Forwarded field, and of the nodes that it names. Pure.
internal import Bytes

/// A node that a proxy was called from.
enum ForwardedNode: Equatable {
  /// The proxy does not know or does not say.
  case unknown
  /// An address; port 0 where none is told.
  case address(IPAddress, port: UInt16)

  /// How addresses are written.
  enum Notation {
    /// As in RFC 7239, section 6: IPv6 in brackets, and names that begin with an underscore.
    case standard
    /// As in X-Forwarded-For: IPv6 also without brackets, and `unix:` from nginx.
    case older
  }

  /// Reads a node; nil where `text` is none.
  init?(_ text: Span<UInt8>, notation: Notation) {
    if ASCII.equalsIgnoringCase(text, "unknown") {
      self = .unknown
      return
    }
    switch notation {
    case .standard:
      if !text.isEmpty && text[0] == UInt8(ascii: "_") {
        guard Self.isHidden(text.extracting(0..<Self.nameEnd(text))),
          Self.port(text.extracting(Self.nameEnd(text)..<text.count), notation) != nil
        else { return nil }
        self = .unknown
        return
      }
    case .older:
      if text.count == 5 && ASCII.equalsIgnoringCase(text, "unix:") {
        self = .unknown
        return
      }
      if let address = IPAddress(text) {
        self = .address(address, port: 0)
        return
      }
    }
    guard let (place, end) = Self.addressPlace(text),
      let address = IPAddress(text.extracting(place)),
      let port = Self.port(text.extracting(end..<text.count), notation)
    else { return nil }
    self = .address(address, port: port)
  }

  /// Where the address of `192.0.2.1:80` or `[2001:db8::1]:80` stands, and where its port begins.
  private static func addressPlace(_ text: Span<UInt8>) -> (place: Range<Int>, end: Int)? {
    guard !text.isEmpty else { return nil }
    guard text[0] == UInt8(ascii: "[") else { return (0..<nameEnd(text), nameEnd(text)) }
    let close = text.firstIndex(of: UInt8(ascii: "]"), from: 1, to: text.count)
    guard close < text.count,
      text.firstIndex(of: UInt8(ascii: ":"), from: 1, to: close) < close
    else { return nil }
    return (1..<close, close &+ 1)
  }

  private static func nameEnd(_ text: Span<UInt8>) -> Int {
    text.firstIndex(of: UInt8(ascii: ":"), from: 0, to: text.count)
  }

  /// The port in `:80`; 0 for nothing and for a hidden one; nil where it is none.
  private static func port(_ text: Span<UInt8>, _ notation: Notation) -> UInt16? {
    if text.isEmpty { return 0 }
    guard text.count >= 2, text[0] == UInt8(ascii: ":") else { return nil }
    let digits = text.extracting(1..<text.count)
    if notation == .standard && digits[0] == UInt8(ascii: "_") { return isHidden(digits) ? 0 : nil }
    guard digits.count <= 5, let number = ASCII.decimal(digits) else { return nil }
    return UInt16(exactly: number)
  }

  /// `obfnode` and `obfport`: an underscore and at least one letter, digit, dot, underscore or
  /// hyphen.
  private static func isHidden(_ text: Span<UInt8>) -> Bool {
    guard text.count >= 2, text[0] == UInt8(ascii: "_") else { return false }
    for index in 1..<text.count {
      switch text[index] {
      case UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): continue
      case let byte where ASCII.isLetter(byte) || ASCII.isDigit(byte): continue
      default: return false
      }
    }
    return true
  }
}

/// One element of a Forwarded field: what one proxy says (RFC 7239, section 4).
struct ForwardedElement {
  /// Value of `for`, without quotes.
  var client: Range<Int>?
  /// Value of `proto`, without quotes.
  var proto: Range<Int>?
  /// Value of `host`, without quotes.
  var host: Range<Int>?
  /// Where the name of the parameter `host` ends.
  var hostNameEnd = 0
  /// Whether nothing stands between two commas.
  var isEmpty = true
  private var by: Range<Int>?

  /// Reads the element at `position`, and moves behind it and its comma.
  ///
  /// nil where it is not as the grammar has it, a parameter comes twice, or one of those above
  /// has an escaped byte in quotes, which none of them needs.
  init?(_ bytes: Span<UInt8>, _ position: inout Int, end: Int) {
    while true {
      Self.skipBlanks(bytes, &position, end)
      if position == end { return }
      switch bytes[position] {
      case UInt8(ascii: ","):
        position &+= 1
        return
      case UInt8(ascii: ";"):
        position &+= 1
        continue
      default: break
      }
      guard readPair(bytes, &position, end) else { return nil }
      isEmpty = false
      Self.skipBlanks(bytes, &position, end)
      guard
        position == end || bytes[position] == UInt8(ascii: ",")
          || bytes[position] == UInt8(ascii: ";")
      else { return nil }
    }
  }

  /// Whether the node that the proxy was called from is a trusted proxy.
  func names(_ trusted: borrowing TrustedProxies, _ bytes: Span<UInt8>) -> Bool {
    guard let client,
      case .address(let address, _) = ForwardedNode(
        bytes.extracting(client), notation: .standard)
    else { return false }
    return trusted.trusts(address)
  }

  /// `token = token` or `token = "quoted"`.
  private mutating func readPair(_ bytes: Span<UInt8>, _ position: inout Int, _ end: Int) -> Bool {
    let name = Self.token(bytes, &position, end)
    guard !name.isEmpty, position < end, bytes[position] == UInt8(ascii: "=") else { return false }
    position &+= 1
    var value: Range<Int>
    var isEscaped = false
    if position < end && bytes[position] == UInt8(ascii: "\"") {
      position &+= 1
      let start = position
      while position < end && bytes[position] != UInt8(ascii: "\"") {
        if bytes[position] == UInt8(ascii: "\\") {
          isEscaped = true
          position &+= 1
        }
        position &+= 1
      }
      guard position < end else { return false }
      value = start..<position
      position &+= 1
    } else {
      value = Self.token(bytes, &position, end)
      guard !value.isEmpty else { return false }
    }
    return take(bytes.extracting(name), value, isEscaped: isEscaped, nameEnd: name.upperBound)
  }

  private mutating func take(
    _ name: Span<UInt8>, _ value: Range<Int>, isEscaped: Bool, nameEnd: Int
  ) -> Bool {
    func store(_ place: inout Range<Int>?) -> Bool {
      guard place == nil, !isEscaped else { return false }
      place = value
      return true
    }
    if ASCII.equalsIgnoringCase(name, "for") { return store(&client) }
    if ASCII.equalsIgnoringCase(name, "proto") { return store(&proto) }
    if ASCII.equalsIgnoringCase(name, "by") { return store(&by) }
    guard ASCII.equalsIgnoringCase(name, "host") else { return true }
    hostNameEnd = nameEnd
    return store(&host)
  }

  private static func token(
    _ bytes: Span<UInt8>, _ position: inout Int, _ end: Int
  ) -> Range<Int> {
    let start = position
    while position < end && ASCII.isToken(bytes[position]) { position &+= 1 }
    return start..<position
  }

  private static func skipBlanks(_ bytes: Span<UInt8>, _ position: inout Int, _ end: Int) {
    while position < end && ASCII.isBlank(bytes[position]) { position &+= 1 }
  }
}
