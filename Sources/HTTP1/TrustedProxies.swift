// TrustedProxies: from whom it is believed what is said of somebody else. Pure.

/// A network of addresses, as `192.0.2.0/24` (CIDR, RFC 4632), or a single address.
public struct AddressRange: Equatable, Sendable {
  private let bits: UInt128
  private let mask: UInt128
  private let isIPv4: Bool

  /// The addresses whose first `prefix` bits (0...32 of IPv4, 0...128 of IPv6) are those of
  /// `address`; nil where the prefix is out of range or the address has bits behind it.
  public init?(_ address: IPAddress, prefix: Int) {
    guard (0...(address.isIPv4 ? 32 : 128)).contains(prefix) else { return nil }
    let free = address.isIPv4 ? 32 - prefix : 128 - prefix
    mask = ~UInt128(0) << UInt128(free)
    (bits, isIPv4) = (address.bits, address.isIPv4)
    guard bits & mask == bits else { return nil }
  }

  /// Whether `address` is one of them. An IPv4 address is in networks of IPv4 only.
  @inline(__always)
  public func contains(_ address: IPAddress) -> Bool {
    address.bits & mask == bits && address.isIPv4 == isIPv4
  }
}

/// Proxies whose word is taken: a list of addresses and networks, `unix` and `*`.
public struct TrustedProxies: Equatable, Sendable {
  /// Entries at most: each request from a proxy is compared with all of them.
  public static let mostEntries = 256

  private var ranges: [AddressRange] = []
  /// Whether everybody is trusted.
  public private(set) var trustsAll = false
  /// Whether whoever connects to a Unix socket is trusted.
  public private(set) var trustsUnix = false

  /// Nobody.
  public init() {}

  /// Those of `entries` that can be read; ``problem(of:)`` tells of the others.
  public init(_ entries: [String]) {
    for entry in entries.prefix(Self.mostEntries) {
      switch entry {
      case "*": (trustsAll, trustsUnix) = (true, true)
      case "unix": trustsUnix = true
      default: if let range = Self.range(entry) { ranges.append(range) }
      }
    }
  }

  /// Whether nobody is trusted.
  public var isEmpty: Bool { ranges.isEmpty && !trustsUnix && !trustsAll }

  /// Whether the word of whoever has `address` is taken. Allocates: never.
  public func trusts(_ address: IPAddress) -> Bool {
    if trustsAll { return true }
    for index in ranges.indices where ranges[index].contains(address) { return true }
    return false
  }

  /// What is wrong with an entry: the end of a sentence, and what to write; nil where it is one.
  public static func problem(of entry: String) -> (text: String, advice: String)? {
    if entry == "*" || entry == "unix" || range(entry) != nil { return nil }
    let example = "write for example 10.0.0.0/8, 2001:db8::/32, 192.0.2.1, unix or *"
    let parts = entry.split(separator: "/", omittingEmptySubsequences: false)
    guard let address = address(String(parts[0])) else {
      return ("is no address or network", example)
    }
    guard parts.count == 2, let prefix = prefix(String(parts[1])),
      prefix <= (address.isIPv4 ? 32 : 128)
    else { return ("has no prefix length that fits its address", example) }
    return ("has bits set behind its prefix length", "write the first address of the network")
  }

  private static func range(_ entry: String) -> AddressRange? {
    let parts = entry.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let address = address(String(parts[0])) else { return nil }
    guard parts.count == 2 else { return AddressRange(address, prefix: address.isIPv4 ? 32 : 128) }
    return prefix(String(parts[1])).flatMap { AddressRange(address, prefix: $0) }
  }

  private static func address(_ text: String) -> IPAddress? { IPAddress(Array(text.utf8).span) }

  private static func prefix(_ text: String) -> Int? {
    guard (1...3).contains(text.utf8.count), text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
    else { return nil }
    return Int(text)
  }
}
