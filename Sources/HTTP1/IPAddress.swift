// IPAddress: IPv4 and IPv6 addresses between text and number. Pure.
public import Bytes

/// An IPv4 or IPv6 address as one number of 128 bits.
///
/// An IPv4 address is kept in its IPv4-mapped form (RFC 4291, section 2.5.5.2), so both ways of
/// writing the same address are equal. Allocates: never.
public struct IPAddress: Equatable, Sendable {
  /// The address; the first byte of it is the highest.
  public let bits: UInt128

  private static let mapped: UInt128 = 0xFFFF << 32

  /// An IPv6 address.
  public init(bits: UInt128) { self.bits = bits }

  /// An IPv4 address; its first number is the highest byte.
  public init(ipv4: UInt32) { bits = Self.mapped | UInt128(ipv4) }

  /// Whether it is an IPv4 address.
  public var isIPv4: Bool { bits >> 32 == 0xFFFF }

  /// Whether it is in 127.0.0.0/8 (RFC 1122, section 3.2.1.3) or ::1 (RFC 4291, section 2.5.3).
  public var isLoopback: Bool { bits == 1 || bits >> 24 == 0xFFFF_7F }

  /// Reads `192.0.2.1` or `2001:db8::1`, without brackets, port or zone; nil for all else.
  public init?(_ text: Span<UInt8>) {
    if text.firstIndex(of: UInt8(ascii: ":"), from: 0, to: text.count) == text.count {
      guard let number = Self.ipv4(text) else { return nil }
      self.init(ipv4: number)
    } else {
      guard let bits = Self.ipv6(text) else { return nil }
      self.init(bits: bits)
    }
  }

  /// Four numbers of 0...255 without leading zeros, which some readers take as octal.
  private static func ipv4(_ text: Span<UInt8>) -> UInt32? {
    var address: UInt32 = 0
    var numbers = 0
    var index = 0
    while true {
      let start = index
      var number: UInt32 = 0
      while index < text.count && ASCII.isDigit(text[index]) && index &- start < 3 {
        number = number &* 10 &+ UInt32(text[index] &- 0x30)
        index &+= 1
      }
      guard index > start, number <= 255, index &- start == 1 || text[start] != UInt8(ascii: "0")
      else { return nil }
      address = address &<< 8 | number
      numbers &+= 1
      if index == text.count { return numbers == 4 ? address : nil }
      guard numbers < 4, text[index] == UInt8(ascii: ".") else { return nil }
      index &+= 1
    }
  }

  /// Eight groups of 16 bits, of which one run may be left out as `::` and the last two may be
  /// written as an IPv4 address (RFC 4291, section 2.2).
  private static func ipv6(_ text: Span<UInt8>) -> UInt128? {
    var before: UInt128 = 0
    var after: UInt128 = 0
    var groupsBefore = 0
    var groupsAfter = 0
    var hasGap = false
    var index = 0
    if text.count >= 2 && text[0] == UInt8(ascii: ":") {
      guard text[1] == UInt8(ascii: ":") else { return nil }
      hasGap = true
      index = 2
    }
    while index < text.count {
      let start = index
      var group: UInt128 = 0
      while index < text.count && index &- start < 5 && ASCII.hexValue(text[index]) >= 0 {
        group = group << 4 | UInt128(UInt8(ASCII.hexValue(text[index])))
        index &+= 1
      }
      var width = 1
      if index < text.count && text[index] == UInt8(ascii: ".") {
        guard let number = ipv4(text.extracting(start..<text.count)) else { return nil }
        group = UInt128(number)
        width = 2
        index = text.count
      } else if index == start || index &- start > 4 {
        return nil
      }
      if hasGap {
        after = after << UInt128(16 * width) | group
        groupsAfter &+= width
      } else {
        before = before << UInt128(16 * width) | group
        groupsBefore &+= width
      }
      guard groupsBefore &+ groupsAfter <= 8 else { return nil }
      if index == text.count { break }
      guard text[index] == UInt8(ascii: ":") else { return nil }
      index &+= 1
      // A colon ends the address only as the second one of a gap.
      guard index < text.count else { return nil }
      if text[index] == UInt8(ascii: ":") {
        if hasGap { return nil }
        hasGap = true
        index &+= 1
      }
    }
    guard hasGap ? groupsBefore &+ groupsAfter <= 7 : groupsBefore == 8 else { return nil }
    return before << UInt128(16 * (8 - groupsBefore)) | after
  }

  // MARK: text

  /// Bytes of text at most: `INET6_ADDRSTRLEN` without its end.
  public static let mostTextBytes = 45

  /// Appends the address as text: IPv4 with dots, IPv6 as RFC 5952 wants it, without brackets.
  public func append(into writer: inout ByteWriter) {
    guard !isIPv4 else {
      for shift in stride(from: 24, through: 0, by: -8) {
        if shift < 24 { writer.append(UInt8(ascii: ".")) }
        writer.append(decimal: Int64(truncatingIfNeeded: bits >> UInt128(shift) & 0xFF))
      }
      return
    }
    let gap = longestZeros
    var index = 0
    while index < 8 {
      if index == gap.start {
        writer.append("::")
        index = gap.end
        continue
      }
      if index > 0 && index != gap.end { writer.append(UInt8(ascii: ":")) }
      appendHex(group(index), &writer)
      index &+= 1
    }
  }

  @inline(__always)
  private func group(_ index: Int) -> UInt16 {
    UInt16(truncatingIfNeeded: bits >> UInt128(112 - 16 * index))
  }

  /// The first of the longest runs of two or more zero groups; -1 without one.
  private var longestZeros: (start: Int, end: Int) {
    var best = (start: -1, end: -1)
    var index = 0
    while index < 8 {
      var end = index
      while end < 8 && group(end) == 0 { end &+= 1 }
      if end &- index > max(1, best.end &- best.start) { best = (index, end) }
      index = end &+ 1
    }
    return best
  }

  private func appendHex(_ number: UInt16, _ writer: inout ByteWriter) {
    var isLeading = true
    for shift in stride(from: 12, through: 0, by: -4) {
      let digit = UInt8(truncatingIfNeeded: number >> UInt16(shift)) & 15
      if digit == 0 && isLeading && shift > 0 { continue }
      isLeading = false
      writer.append(digit < 10 ? 0x30 &+ digit : 0x57 &+ digit)
    }
  }
}
