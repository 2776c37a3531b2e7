// The PROXY protocol: whole, in pieces, cut off, and with every byte changed.
import HTTP1
import Testing

@Suite struct ProxyHeaderTests {
  private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]

  private static func binary(
    _ versionAndCommand: UInt8, _ family: UInt8, _ rest: [UInt8], count: Int? = nil
  ) -> [UInt8] {
    let count = count ?? rest.count
    return signature + [versionAndCommand, family, UInt8(count >> 8), UInt8(count & 255)] + rest
  }

  private static let ipv4: [UInt8] = [192, 0, 2, 1, 198, 51, 100, 2, 0xDC, 0x04, 0x01, 0xBB]
  private static var ipv6: [UInt8] {
    [0x20, 1, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]
      + [UInt8](repeating: 0, count: 15)
      + [1, 0, 80, 0x1F, 0x90]
  }

  private func once(_ bytes: [UInt8]) -> ProxyHeader.Parse { ProxyHeader.parse(bytes.span) }

  private func begins(_ bytes: [UInt8]) -> Bool { ProxyHeader.begins(bytes.span) }

  /// Expects the same of whole bytes, of each prefix, and of bytes behind the header.
  private func parse(_ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation)
    -> ProxyHeader.Parse
  {
    let whole = ProxyHeader.parse(bytes.span)
    if case .complete(let header) = whole {
      #expect(header.length == bytes.count, sourceLocation: sourceLocation)
      #expect(begins(bytes), sourceLocation: sourceLocation)
      for count in 0..<bytes.count {
        let prefix = Array(bytes[..<count])
        #expect(once(prefix) == .needMoreBytes, sourceLocation: sourceLocation)
      }
      let more = bytes + Array("GET / HTTP/1.1\r\n".utf8)
      #expect(once(more) == whole, sourceLocation: sourceLocation)
    }
    return whole
  }

  private func header(_ bytes: [UInt8]) throws -> ProxyHeader {
    guard case .complete(let header) = parse(bytes) else {
      throw Mismatch(found: parse(bytes))
    }
    return header
  }

  private struct Mismatch: Error {
    let found: ProxyHeader.Parse
  }

  private func address(_ text: String) -> IPAddress? { IPAddress(Array(text.utf8).span) }

  @Test func textOfBothFamilies() throws {
    let four = try header(Array("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".utf8))
    #expect(four.source == address("192.0.2.1") && four.destination == address("198.51.100.2"))
    #expect(four.sourcePort == 56324 && four.destinationPort == 443)
    let six = try header(Array("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n".utf8))
    #expect(six.source == address("2001:db8::1") && six.destination == address("::1"))
    #expect(six.sourcePort == 0 && six.destinationPort == 65535)
  }

  @Test(arguments: ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f... ::1 1 2\r\n"])
  func unknownClients(text: String) throws {
    let found = try header(Array(text.utf8))
    #expect(found.source == nil && found.destination == nil && found.sourcePort == 0)
  }

  @Test(arguments: [
    "GET / HTTP/1.1\r\n", "PROXX TCP4", "PROXY\r\n", "PROXY \r\n",
    "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
    "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n",
    "PROXY TCP4 1.2.3.4 ::1 1 2\r\n", "PROXY TCP6 1.2.3.4 ::1 1 2\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
    "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rX",
    "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "proxy tcp4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY UNKNOWNX\r\n",
    "\r\n\r\n\r\n", "PROXY TCP4 1.2.3.4\t1.2.3.4 1 2\r\n",
  ])
  func malformedText(text: String) {
    let found = ProxyHeader.parse((Array(text.utf8) + [UInt8](repeating: 0x20, count: 107)).span)
    #expect(found == .refused(Refusal(.badProxyHeader)))
  }

  @Test func longestText() throws {
    func line(_ count: Int) -> [UInt8] {
      let start = "PROXY UNKNOWN "
      return Array((start + String(repeating: "x", count: count - start.count - 2) + "\r\n").utf8)
    }
    #expect(try header(line(106)).length == 106)
    #expect(try header(line(107)).length == 107)
    #expect(parse(line(108)) == .refused(Refusal(.badProxyHeader)))
  }

  @Test func binaryOfBothFamilies() throws {
    let four = try header(Self.binary(0x21, 0x11, Self.ipv4))
    #expect(four.source == address("192.0.2.1") && four.destination == address("198.51.100.2"))
    #expect(four.sourcePort == 56324 && four.destinationPort == 443)
    let six = try header(Self.binary(0x21, 0x21, Self.ipv6))
    #expect(six.source == address("2001:db8::1") && six.destination == address("::1"))
    #expect(six.sourcePort == 80 && six.destinationPort == 8080)
  }

  @Test func extensionsAreSkipped() throws {
    let extensions: [UInt8] = [3, 0, 4, 1, 2, 3, 4, 4, 0, 0]
    #expect(try header(Self.binary(0x21, 0x11, Self.ipv4 + extensions)).sourcePort == 56324)
    for cut in [1, 2, 4, 5, 6, 8, 9] {
      let bytes = Self.binary(0x21, 0x11, Self.ipv4 + extensions[..<cut])
      #expect(parse(bytes) == .refused(Refusal(.badProxyHeader)), "\(cut)")
    }
  }

  @Test func proxiesThatSpeakForThemselves() throws {
    for bytes in [
      Self.binary(0x20, 0x00, []), Self.binary(0x20, 0x11, Self.ipv4), Self.binary(0x20, 0x11, [1]),
      Self.binary(0x20, 0xFF, [1, 2, 3]), Self.binary(0x21, 0x00, []),
      Self.binary(0x21, 0x00, [1, 2, 3]),
      Self.binary(0x21, 0x31, [UInt8](repeating: 0, count: 216)),
    ] {
      #expect(try header(bytes).source == nil)
    }
  }

  @Test func malformedBinary() {
    for bytes in [
      Self.binary(0x11, 0x11, Self.ipv4), Self.binary(0x22, 0x11, Self.ipv4),
      Self.binary(0x21, 0x12, Self.ipv4), Self.binary(0x21, 0x41, Self.ipv4),
      Self.binary(0x21, 0x11, Array(Self.ipv4[..<11])), Self.binary(0x21, 0x21, Self.ipv4),
      Self.binary(0x21, 0x31, [UInt8](repeating: 0, count: 215)),
      Self.binary(0x21, 0x11, [], count: 4097),
    ] {
      #expect(parse(bytes) == .refused(Refusal(.badProxyHeader)))
    }
  }

  @Test func longestBinary() throws {
    let most: [UInt8] = Self.ipv4 + [4, 0x0F, 0xF1] + [UInt8](repeating: 0, count: 4081)
    #expect(try header(Self.binary(0x21, 0x11, most)).length == 16 + 4096)
  }

  /// No byte changed makes the parser fail or read more than there is.
  @Test func everyByteChanged() {
    for original in [
      Array("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n".utf8),
      Array("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n".utf8),
      Self.binary(0x21, 0x11, Self.ipv4 + [3, 0, 1, 9]), Self.binary(0x21, 0x21, Self.ipv6),
    ] {
      for place in original.indices {
        for value in UInt8.min...UInt8.max {
          var bytes = original
          bytes[place] = value
          if case .complete(let header) = ProxyHeader.parse(bytes.span) {
            #expect(header.length <= bytes.count)
          }
          _ = ProxyHeader.parse(bytes.span.extracting(0..<place))
        }
      }
    }
  }
}
