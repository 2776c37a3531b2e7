// Who counts as a client of this machine, and whose requests come from somebody else.
import Testing

@testable import Server

@Suite struct PeerAddressTests {
  private func bytes<Result>(
    _ text: String, _ body: (UnsafeBufferPointer<UInt8>) -> Result
  ) -> Result {
    unsafe Array(text.utf8).withUnsafeBufferPointer(body)
  }

  @Test(arguments: ["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::FFFF:127.1.2.3"])
  func isLoopback(address: String) {
    #expect(unsafe bytes(address) { unsafe PeerAddress.isLoopback($0) })
  }

  @Test(
    arguments: [
      "", "1", "128.0.0.1", "12.7.0.1", "10.127.0.1", "::", "::10", "::2", "fe80::1",
      "::ffff:10.0.0.1", "2001:db8::1",
    ])
  func isNoLoopback(address: String) {
    #expect(unsafe !bytes(address) { unsafe PeerAddress.isLoopback($0) })
  }

  @Test(arguments: ["Via", "Forwarded", "forwarded", "X-Forwarded-For", "x-real-ip", "X-REAL-IP"])
  func isForwarding(name: String) {
    #expect(unsafe bytes(name) { unsafe PeerAddress.isForwarding($0) })
  }

  @Test(arguments: ["", "Host", "Vib", "Forwarde", "X-Forwarded", "X-Forwarded-Fox", "X-Real-Ipp"])
  func isNotForwarding(name: String) {
    #expect(unsafe !bytes(name) { unsafe PeerAddress.isForwarding($0) })
  }

  @Test(arguments: [
    ("", ""), ("host", "host"), ("host:80", "host"), ("127.0.0.1:8000", "127.0.0.1"),
    ("[::1]", "[::1]"), ("[::1]:80", "[::1]"),
  ])
  func hostHasNoPort(host: String, expected: String) {
    #expect(Exchange.withoutPort(host) == expected)
  }
}
