// Authority: the syntax of `host[:port]`. Pure.
internal import Bytes

/// What stands in a Host field and in absolute targets: `uri-host [ ":" port ]` (RFC 9110,
/// section 7.2; RFC 3986, section 3.2.2).
///
/// Narrower than RFC 3986 where nobody sends it: no address of a future IP version, no zone in an
/// IPv6 address, a port of at most 65535.
enum Authority {
  /// What an authority consists of.
  enum Form {
    case invalid, empty, host, hostAndPort
  }

  /// What `bytes` consist of. A colon with nothing after it counts as no port.
  static func form(of bytes: Span<UInt8>) -> Form {
    if bytes.isEmpty { return .empty }
    let hostEnd =
      bytes[0] == UInt8(ascii: "[") ? addressLiteralEnd(bytes) : registeredNameEnd(bytes)
    if hostEnd <= 0 { return .invalid }
    if hostEnd == bytes.count { return .host }
    guard bytes[hostEnd] == UInt8(ascii: ":") else { return .invalid }
    if hostEnd &+ 1 == bytes.count { return .host }
    guard let port = ASCII.decimal(bytes.extracting((hostEnd &+ 1)...)), port <= 65_535 else {
      return .invalid
    }
    return .hostAndPort
  }

  /// Index after a registered name or an IPv4 address; -1 for an escape that is none.
  private static func registeredNameEnd(_ bytes: Span<UInt8>) -> Int {
    var index = 0
    while index < bytes.count {
      if ASCII.isRegisteredName(bytes[index]) {
        index &+= 1
      } else if bytes[index] == UInt8(ascii: "%") {
        guard index &+ 2 < bytes.count, ASCII.hexValue(bytes[index &+ 1]) >= 0,
          ASCII.hexValue(bytes[index &+ 2]) >= 0
        else { return -1 }
        index &+= 3
      } else {
        break
      }
    }
    return index
  }

  /// Index after an IPv6 address in brackets; -1 where it is none.
  private static func addressLiteralEnd(_ bytes: Span<UInt8>) -> Int {
    let close = bytes.firstIndex(of: UInt8(ascii: "]"), from: 1, to: bytes.count)
    guard close < bytes.count, isIPv6(bytes.extracting(1..<close)) else { return -1 }
    return close + 1
  }

  /// Whether `bytes` are an IPv6 address: eight groups of 16 bits, of which one run may be left
  /// out as `::` and the last two may be written as an IPv4 address (RFC 4291, section 2.2).
  private static func isIPv6(_ bytes: Span<UInt8>) -> Bool {
    var groups = 0
    var hasGap = false
    var index = 0
    if bytes.count >= 2 && bytes[0] == UInt8(ascii: ":") {
      guard bytes[1] == UInt8(ascii: ":") else { return false }
      hasGap = true
      index = 2
    }
    while index < bytes.count {
      let start = index
      while index < bytes.count && ASCII.hexValue(bytes[index]) >= 0 { index += 1 }
      if index < bytes.count && bytes[index] == UInt8(ascii: ".") {
        guard isIPv4(bytes.extracting(start...)) else { return false }
        groups += 2
        index = bytes.count
        break
      }
      guard index > start, index - start <= 4 else { return false }
      groups += 1
      if index == bytes.count { break }
      guard bytes[index] == UInt8(ascii: ":") else { return false }
      index += 1
      // A colon ends the address only as the second one of a gap.
      guard index < bytes.count else { return false }
      if bytes[index] == UInt8(ascii: ":") {
        if hasGap { return false }
        hasGap = true
        index += 1
      }
    }
    return hasGap ? groups <= 7 : groups == 8
  }

  /// Whether `bytes` are four numbers of 0...255 without leading zeros.
  private static func isIPv4(_ bytes: Span<UInt8>) -> Bool {
    var numbers = 0
    var index = 0
    while true {
      let start = index
      while index < bytes.count && ASCII.isDigit(bytes[index]) { index += 1 }
      guard index - start <= 3, let number = ASCII.decimal(bytes.extracting(start..<index)),
        number <= 255, index - start == 1 || bytes[start] != UInt8(ascii: "0")
      else { return false }
      numbers += 1
      if index == bytes.count { return numbers == 4 }
      guard bytes[index] == UInt8(ascii: ".") else { return false }
      index += 1
    }
  }
}
