// Addresses and networks, between text and number.
import Bytes
import HTTP1
import Testing

@Suite struct IPAddressTests {
  private func address(_ text: String) -> IPAddress? { IPAddress(Array(text.utf8).span) }

  private func text(_ address: IPAddress) -> String {
    var storage = [UInt8](repeating: 0, count: IPAddress.mostTextBytes)
    let count = unsafe storage.withUnsafeMutableBufferPointer { place in
      var writer = unsafe ByteWriter(base: place.baseAddress!, capacity: place.count)
      address.append(into: &writer)
      #expect(!writer.overflowed)
      return writer.count
    }
    return String(decoding: storage[..<count], as: UTF8.self)
  }

  @Test(arguments: [
    ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("192.0.2.1", "192.0.2.1"),
    ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8::1", "2001:db8::1"),
    ("2001:db8:0:0:0:0:0:1", "2001:db8::1"), ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
    ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
    ("0001:0:0:0:0:0:0:0010", "1::10"), ("::ffff:192.0.2.1", "192.0.2.1"),
    ("::ffff:c000:201", "192.0.2.1"), ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
    ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
    ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
    ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
  ])
  func isRead(from: String, written: String) throws {
    let found = try #require(address(from))
    #expect(text(found) == written)
    #expect(address(written) == found)
  }

  @Test(arguments: [
    "", ".", ":", ":::", "1", "1.2.3", "1.2.3.", "1.2.3.4.", "1.2.3.4.5", ".1.2.3", "1..2.3",
    "256.0.0.1", "1.2.3.256", "01.2.3.4", "1.2.3.04", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4:80",
    "0x1.2.3.4", "1.2.3.-4", "4294967296.0.0.0", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1::2::3", "1:2:3:4:5:6:7:1.2.3.4", "12345::",
    "::g", "1:", ":1", "::1%eth0", "[::1]", "::1.2.3", "::1.2.3.4:5", "1:2:3:4::5:6:7:8:9",
  ])
  func isNone(text: String) { #expect(address(text) == nil) }

  @Test func loopback() {
    for text in ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1"] {
      #expect(address(text)?.isLoopback == true)
    }
    for text in ["126.255.255.255", "128.0.0.0", "::", "::2", "::127.0.0.1", "7f00::1"] {
      #expect(address(text)?.isLoopback == false)
    }
  }

  @Test(arguments: [
    ("10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
    ("192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.6", "192.0.2.8"),
    ("192.0.2.4/31", "192.0.2.4", "192.0.2.5", "192.0.2.3", "192.0.2.6"),
    ("0.0.0.0/0", "0.0.0.0", "255.255.255.255", "::", "::1:0:0"),
    ("2001:db8::/32", "2001:db8::", "2001:db8:ffff::1", "2001:db7:ffff::", "2001:db9::"),
    ("::1", "::1", "::1", "::", "::2"),
    ("::/0", "::", "ffff::", "0.0.0.0", "192.0.2.1"),
  ])
  func networks(entry: String, first: String, last: String, below: String, above: String) throws {
    let trusted = TrustedProxies([entry])
    #expect(TrustedProxies.problem(of: entry) == nil)
    #expect(trusted.trusts(try #require(address(first))))
    #expect(trusted.trusts(try #require(address(last))))
    #expect(!trusted.trusts(try #require(address(below))))
    #expect(!trusted.trusts(try #require(address(above))))
    #expect(!trusted.trustsUnix && !trusted.trustsAll && !trusted.isEmpty)
  }

  @Test(arguments: [
    "", "localhost", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.1/8",
    "::/129", "2001:db8::1/64", "/8", "**", "Unix", "10.0.0.0/0008",
  ])
  func isNoEntry(entry: String) {
    #expect(TrustedProxies.problem(of: entry) != nil)
    #expect(TrustedProxies([entry]).isEmpty)
  }

  @Test func everybodyAndNobody() {
    let somebody = IPAddress(ipv4: 0xC000_0201)
    #expect(!TrustedProxies().trusts(somebody) && TrustedProxies().isEmpty)
    #expect(!TrustedProxies(["unix"]).trusts(somebody) && TrustedProxies(["unix"]).trustsUnix)
    let all = TrustedProxies(["*"])
    #expect(all.trusts(somebody) && all.trustsUnix && all.trustsAll)
  }
}
