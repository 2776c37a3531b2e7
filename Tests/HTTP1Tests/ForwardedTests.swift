// What proxies say of their clients in header fields: believed, refused, removed.
import Bytes
import HTTP1
import Testing

@Suite struct ForwardedTests {
  private struct Heeded {
    var refusal: Refusal?
    var chain = ForwardedChain()
    var fields: [String] = []
    var host = ""

    var client: String {
      guard let address = chain.client else { return chain.tellsClient ? "unknown" : "" }
      var storage = [UInt8](repeating: 0, count: 64)
      let count = unsafe storage.withUnsafeMutableBufferPointer { place in
        var writer = unsafe ByteWriter(base: place.baseAddress!, capacity: place.count)
        address.append(into: &writer)
        return writer.count
      }
      let text = String(decoding: storage[..<count], as: UTF8.self)
      return chain.clientPort == 0 ? text : "\(text) \(chain.clientPort)"
    }
  }

  private func heed(
    _ head: String, trusted: [String] = ["10.0.0.0/8", "2001:db8::/32"], peerIsTrusted: Bool = true,
    keeps: Bool = false
  ) -> Heeded {
    heed(Array(head.utf8), trusted: trusted, peerIsTrusted: peerIsTrusted, keeps: keeps)
  }

  private func heed(
    _ bytes: [UInt8], trusted: [String], peerIsTrusted: Bool, keeps: Bool
  ) -> Heeded {
    var parser = RequestHeadParser(limits: RequestLimits())
    var scanner = HeadScanner()
    var heeded = Heeded()
    unsafe bytes.withUnsafeBufferPointer { place in
      guard unsafe parser.parse(place, scanner: &scanner) == .complete else {
        heeded.refusal = Refusal(.badRequestLine)
        return
      }
      do throws(Refusal) {
        heeded.chain = try unsafe parser.heedProxies(
          place.baseAddress!, peerIsTrusted: peerIsTrusted, keepsUntrusted: keeps,
          trusted: TrustedProxies(trusted))
      } catch {
        heeded.refusal = error
      }
      func text(_ range: ByteRange) -> String {
        String(decoding: bytes[range.indices], as: UTF8.self)
      }
      heeded.fields = unsafe parser.fields.map { text($0.name) + "=" + text($0.value) }
      heeded.host = text(parser.head.host)
    }
    return heeded
  }

  @Test func nothingIsSaid() {
    let found = heed(request("X-Own: 1"))
    #expect(found.chain == ForwardedChain() && found.fields == ["Host=a", "X-Own=1"])
  }

  @Test(arguments: [
    ("192.0.2.1", "192.0.2.1"), ("192.0.2.1, 10.0.0.1", "192.0.2.1"),
    ("6.6.6.6, 192.0.2.1", "192.0.2.1"), ("6.6.6.6, 192.0.2.1 , 10.0.0.1,10.0.0.2", "192.0.2.1"),
    ("garbage, 192.0.2.1", "192.0.2.1"), (",,192.0.2.1", "192.0.2.1"),
    ("10.0.0.3, 10.0.0.1", "10.0.0.3"), ("10.0.0.3", "10.0.0.3"),
    ("192.0.2.1:5000", "192.0.2.1 5000"), ("[2001:DB9::1]:5000", "2001:db9::1 5000"),
    ("[2001:db9::1]", "2001:db9::1"), ("2001:db9::1, 2001:db8::5", "2001:db9::1"),
    ("::ffff:192.0.2.1", "192.0.2.1"), ("unknown", "unknown"), ("192.0.2.1, Unknown", "unknown"),
    ("unix:", "unknown"), ("192.0.2.1:0", "192.0.2.1"),
  ])
  func olderChain(value: String, client: String) {
    let found = heed(request("X-Forwarded-For: \(value)"))
    #expect(found.refusal == nil && found.client == client && found.chain.isForwarded)
    #expect(found.fields == ["Host=a", "X-Forwarded-For=\(value)"])
  }

  @Test func olderChainOverSeveralFields() {
    let found = heed(
      request("X-Forwarded-For: 6.6.6.6, 192.0.2.1", "X-Forwarded-For: 10.0.0.1", "X-Own: 1"))
    #expect(found.client == "192.0.2.1")
  }

  @Test(arguments: [
    "", "x", "192.0.2.1,", "192.0.2.1, ,10.0.0.1", "192.0.2.256", "192.0.2.1:", "192.0.2.1:x",
    "192.0.2.1:65536", "192.0.2.1:123456", "[192.0.2.1]", "[::1", "[::1]x", "[::1]:", "::1%lo",
    "localhost", "_hidden", "\"192.0.2.1\"", "192.0.2.1 10.0.0.1",
  ])
  func malformedOlderChain(value: String) {
    let found = heed(request("X-Forwarded-For: \(value)"))
    #expect(found.refusal == Refusal(.badForwardedFor), "\(value)")
    #expect(found.refusal?.status == 400)
  }

  @Test(arguments: [
    ("https", ForwardedChain.Scheme.https, 443), ("HTTP", .http, 80), ("wss", .https, 443),
    ("ws", .http, 80), ("http, https", .https, 443), ("nonsense,http", .http, 80),
  ])
  func olderScheme(value: String, scheme: ForwardedChain.Scheme, port: Int) {
    let found = heed(request("X-Forwarded-Proto: \(value)"))
    #expect(found.chain.scheme == scheme && Int(found.chain.port) == port && found.client == "")
  }

  @Test(arguments: ["", "ftp", "https:", "on", "https http", "https,"])
  func malformedOlderScheme(value: String) {
    #expect(heed(request("X-Forwarded-Proto: \(value)")).refusal == Refusal(.badForwardedProto))
  }

  @Test func olderHostAndPort() {
    let found = heed(
      request(
        "X-Forwarded-Host: www.example.com:8443", "X-Forwarded-Proto: https",
        "X-Forwarded-Port: 444"))
    #expect(found.host == "www.example.com:8443" && found.chain.port == 444)
    #expect(found.fields.first == "Host=www.example.com:8443")
    #expect(heed(request("X-Forwarded-Host: [::1]:81")).chain.port == 81)
    #expect(heed(request("X-Forwarded-Host: h", "X-Forwarded-Proto: https")).chain.port == 443)
    #expect(heed(request("X-Forwarded-Host: h")).chain.port == 0)
    #expect(heed(request("X-Forwarded-Port: 1")).chain.port == 1)
    #expect(heed(request("X-Forwarded-Port: 65535")).chain.port == 65535)
  }

  /// Proxies that add to the fields: what the outermost trusted one said counts.
  @Test func listsAreReadAsFarAsTheAddresses() {
    let found = heed(
      request(
        "X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.0.0.1", "X-Forwarded-Host: forged, public, inner",
        "X-Forwarded-Proto: forged, https, http", "X-Forwarded-Port: x, 444, 80"))
    #expect(found.client == "192.0.2.1" && found.host == "public")
    #expect(found.chain.scheme == .https && found.chain.port == 444)
    let single = heed(
      request("X-Forwarded-For: 192.0.2.1, 10.0.0.1", "X-Forwarded-Host: public"))
    #expect(single.host == "public")
  }

  @Test(arguments: ["", "a b", "a:x", "a:65536", "http://a", "a,", "[::1"])
  func malformedOlderHost(value: String) {
    #expect(heed(request("X-Forwarded-Host: \(value)")).refusal == Refusal(.badForwardedHost))
  }

  @Test(arguments: ["", "0", "65536", "-1", "x", "80 " + "81", "99999999999999999999"])
  func malformedOlderPort(value: String) {
    #expect(heed(request("X-Forwarded-Port: \(value)")).refusal == Refusal(.badForwardedPort))
  }

  @Test(arguments: [
    ("for=192.0.2.1", "192.0.2.1"), ("For=\"192.0.2.1:47\"", "192.0.2.1 47"),
    ("for=\"[2001:db9::17]:4711\"", "2001:db9::17 4711"),
    ("for=\"[2001:db9::17]\"", "2001:db9::17"),
    ("for=6.6.6.6, for=192.0.2.1, for=10.0.0.1", "192.0.2.1"),
    ("for=10.0.0.9,for=10.0.0.1", "10.0.0.9"), ("for=unknown, for=10.0.0.1", "unknown"),
    ("for=192.0.2.1, for=_gazonk", "unknown"), ("for=\"_gazonk:_x\"", "unknown"),
    ("for=\"192.0.2.1:_x\"", "192.0.2.1"), (", ,for=192.0.2.1 ,", "192.0.2.1"),
    ("by=10.0.0.1 ; for=192.0.2.1;", "192.0.2.1"),
    ("for=garbage!, for=192.0.2.1", "192.0.2.1"), ("proto=http", ""),
    ("for=192.0.2.1, proto=http", ""),
    ("x=\"a\\\"b,for=6.6.6.6\";for=192.0.2.1", "192.0.2.1"), ("", ""),
  ])
  func standardChain(value: String, client: String) {
    let found = heed(request("Forwarded: \(value)"))
    #expect(found.refusal == nil && found.client == client, "\(value)")
    #expect(found.fields == ["Host=a", "Forwarded=\(value)"])
  }

  @Test func standardHostAndScheme() {
    let found = heed(
      request(
        "Forwarded: for=6.6.6.6;host=forged;proto=http",
        "Forwarded: for=192.0.2.1;host=\"www.example.com:8443\";proto=https, for=10.0.0.1;host=b"
      ))
    #expect(found.client == "192.0.2.1" && found.host == "www.example.com:8443")
    #expect(found.chain.scheme == .https && found.chain.port == 8443)
  }

  @Test(arguments: [
    "for", "for=", "for =1.2.3.4", "for= 1.2.3.4", "for=1.2.3.4:80", "for=[::1]", "for=\"1.2.3.4",
    "for=\"1.2.3.4\\\"", "for=1.2.3.4;for=1.2.3.4", "for=1.2.3.4 proto=http", "=x", "for==x",
    "for=\"[1.2.3.4]\"", "for=\"\"", "for=\"1.2.3\\.4\"", "for=_", "for=\"_a b\"", "proto=ftp",
    "proto=https;proto=https", "host=\"a b\"", "host=\"\"", "host=a;host=a", "by=a;by=b",
    "for=x, proto", "for=garbage!",
  ])
  func malformedStandard(value: String) {
    #expect(heed(request("Forwarded: \(value)")).refusal == Refusal(.badForwarded), "\(value)")
  }

  /// The older fields win, and Forwarded is gone: a proxy that sets them may let a client's pass.
  @Test(arguments: [
    "X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: h",
    "X-Forwarded-Port: 8443",
  ])
  func olderFieldsWin(field: String) {
    let found = heed(request("Forwarded: for=6.6.6.6;proto=http;host=forged", field))
    #expect(found.refusal == nil && found.client != "6.6.6.6" && found.host != "forged")
    #expect(!found.fields.contains { $0.hasPrefix("Forwarded") })
    #expect(heed(request("Forwarded: broken =", field)).refusal == nil)
    // Others of the kind say nothing about the client.
    #expect(
      heed(request("Forwarded: for=192.0.2.1", "X-Forwarded-Server: s")).client == "192.0.2.1")
  }

  @Test func hostWhereTheRequestHasNone() {
    let older = heed("GET / HTTP/1.0\r\nA: b\r\nX-Forwarded-Host: h:81\r\n\r\n")
    #expect(older.host == "h:81" && older.fields == ["A=b", "Host=h:81"])
    let standard = heed("GET / HTTP/1.0\r\nForwarded: for=192.0.2.1;hOSt=h\r\n\r\n")
    #expect(standard.host == "h" && standard.fields == ["hOSt=h"])
    let absolute = heed("GET http://b/ HTTP/1.1\r\nHost: b\r\nX-Forwarded-Host: h\r\n\r\n")
    #expect(absolute.host == "h" && absolute.fields.first == "Host=h")
  }

  private static let all = [
    "X-Forwarded-For: 127.0.0.1", "Forwarded: broken =", "x-real-ip: ::1", "X-Forwarded-Proto: x",
    "X-FORWARDED-HOST: a b", "X-Forwarded-Port: x", "X-Forwarded-Prefix: /x", "X-Forwarded-: y",
  ]

  @Test func removedFromOthers() {
    let head =
      "GET / HTTP/1.1\r\nA: 1\r\nHost: a\r\n"
      + Self.all.map { $0 + "\r\nX-Own: 2\r\n" }.joined() + "\r\n"
    let found = heed(head, peerIsTrusted: false)
    #expect(found.refusal == nil && found.host == "a" && found.client == "")
    #expect(found.chain.isForwarded && !found.chain.tellsClient && found.chain.scheme == nil)
    #expect(found.fields == ["A=1", "Host=a"] + Self.all.map { _ in "X-Own=2" })
    let kept = heed(head, peerIsTrusted: false, keeps: true)
    #expect(kept.fields.count == 2 + 2 * Self.all.count && kept.host == "a" && kept.client == "")
  }

  @Test func everybodyIsBelieved() {
    let found = heed(request("X-Forwarded-For: 192.0.2.1, 198.51.100.1"), trusted: ["*"])
    #expect(found.client == "192.0.2.1")
  }

  /// No byte changed, and nothing cut off, makes it fail; the fields stay inside the head.
  @Test func everyByteChanged() {
    let heads = [
      request(
        "X-Forwarded-For: 6.6.6.6, [2001:db9::1]:80, 10.0.0.1", "X-Forwarded-Host: a, b:81",
        "X-Forwarded-Proto: http, https", "X-Forwarded-Port: 80, 81"),
      request(
        "Forwarded: for=\"[2001:db9::1]:80\";host=\"h:81\";proto=https;x=\"a\\\"\", for=10.0.0.1"),
      "GET / HTTP/1.0\r\nForwarded: by=_a;host=h\r\n\r\n",
    ]
    for head in heads {
      let original = Array(head.utf8)
      for place in original.indices {
        for value in stride(from: 0, through: 255, by: 3) {
          var bytes = original
          bytes[place] = UInt8(value)
          _ = heed(bytes, trusted: ["10.0.0.0/8"], peerIsTrusted: true, keeps: false)
        }
        var shorter = original
        shorter.remove(at: place)
        _ = heed(shorter, trusted: ["*"], peerIsTrusted: true, keeps: false)
      }
    }
  }
}
