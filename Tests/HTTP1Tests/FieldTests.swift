internal import HTTP1
import Testing

@Suite struct FieldTests {
  @Test func namesAndValuesAsSent() {
    let outcome = parse(
      request(
        "X-a:b", "Accept:  */* \t ", "Empty:", "Blank: \t ", "Tab: a\tb  c", "x: :y:", "a-b: ü"))
    #expect(outcome.parse == .complete)
    #expect(
      outcome.fieldTexts == [
        "Host=a", "X-a=b", "Accept=*/*", "Empty=", "Blank=", "Tab=a\tb  c", "x=:y:", "a-b=ü",
      ])
    #expect(outcome.head.fieldCount == 8)
  }

  @Test(
    arguments: [
      ("A : b", .spaceBeforeColon), ("A\t: b", .spaceBeforeColon), (" A: b", .foldedField),
      ("\tA: b", .foldedField), (": b", .badFieldName), ("A", .badFieldName),
      ("A b: c", .spaceBeforeColon),
      ("A(: b", .badFieldName), ("A\0: b", .badFieldName), ("A/: b", .badFieldName),
      ("Ü: b", .badFieldName),
      ("A: b\0c", .badFieldValue), ("A: b\u{b}c", .badFieldValue), ("A: \u{1}", .badFieldValue),
      ("A: b\u{7f}", .badFieldValue), ("A:\u{c}b", .badFieldValue),
      ("A: \u{1b}[0m", .badFieldValue),
      ("A: b\rc", .bareCarriageReturn), ("A: b\r", .bareCarriageReturn),
      ("A:\r b", .bareCarriageReturn),
      ("\r", .bareCarriageReturn), ("\rA: b", .bareCarriageReturn), ("A\r: b", .badFieldName),
      ("A: b\nC: d", .bareLineFeed), ("\nA: b", .bareLineFeed), ("A: b\r\n c", .foldedField),
      ("A: b\r\n\tc", .foldedField),
    ] as [(String, Refusal.Reason)])
  func brokenFields(line: String, reason: Refusal.Reason) {
    for outcome in [
      parse(request(line)), parse(request(line, "Z: z")), parse(request("Z: z", line)),
    ] {
      #expect(outcome.refusal == Refusal(400, reason))
    }
  }

  @Test func aFoldedFirstFieldIsRefused() {
    #expect(parse("GET / HTTP/1.1\r\n Host: a\r\n\r\n").refusal?.reason == .foldedField)
  }

  @Test func everyByteInAName() {
    for byte: UInt8 in 0...255 where byte != 0x3A {
      for padding in ["", "long-enough-for-a-word"] {
        let line = Array("x\(padding)".utf8) + [byte] + Array("y: z\r\n\r\n".utf8)
        let bytes = Array("GET / HTTP/1.0\r\n".utf8) + line
        let isToken = unsafe [byte].withUnsafeBufferPointer { unsafe FieldSyntax.isToken($0) }
        let outcome = parse(bytes, ends: [bytes.count])
        #expect((outcome.parse == .complete) == isToken, "\(byte)")
      }
    }
  }

  @Test func everyByteInAValue() {
    for byte: UInt8 in 0...255 {
      for padding in ["", "long enough for a word"] {
        let line = Array("x: y\(padding)".utf8) + [byte] + Array("z\(padding)\r\n\r\n".utf8)
        let bytes = Array("GET / HTTP/1.0\r\n".utf8) + line
        let isAllowed = byte >= 0x20 && byte != 0x7F || byte == 9
        let outcome = parse(bytes, ends: [bytes.count])
        #expect((outcome.parse == .complete) == isAllowed, "\(byte)")
      }
    }
  }

  private static let known: [(FieldName, String)] = [
    (.host, "Host"), (.connection, "Connection"), (.contentLength, "Content-Length"),
    (.contentType, "Content-Type"), (.transferEncoding, "Transfer-Encoding"), (.expect, "Expect"),
    (.upgrade, "Upgrade"), (.trailer, "Trailer"), (.te, "TE"), (.keepAlive, "Keep-Alive"),
    (.proxy, "Proxy"), (.acceptEncoding, "Accept-Encoding"), (.range, "Range"),
    (.ifRange, "If-Range"), (.ifMatch, "If-Match"), (.ifNoneMatch, "If-None-Match"),
    (.ifModifiedSince, "If-Modified-Since"), (.ifUnmodifiedSince, "If-Unmodified-Since"),
    (.referer, "Referer"), (.userAgent, "User-Agent"), (.authorization, "Authorization"),
    (.cookie, "Cookie"), (.forwarded, "Forwarded"), (.xRealIP, "X-Real-IP"),
    (.xForwardedFor, "X-Forwarded-For"), (.xForwardedProto, "X-Forwarded-Proto"),
    (.xForwardedHost, "X-Forwarded-Host"), (.xForwardedPort, "X-Forwarded-Port"),
    (.xForwardedOther, "X-Forwarded-Server"),
  ]

  private func name(_ text: String) -> FieldName {
    var text = text
    return text.withUTF8 { unsafe FieldName.of($0) }
  }

  @Test func knownNamesInEveryCase() {
    #expect(Self.known.count == FieldName.allCases.count - 1)
    for (id, text) in Self.known {
      #expect(name(text) == id)
      #expect(name(text.lowercased()) == id)
      #expect(name(text.uppercased()) == id)
    }
  }

  @Test func namesThatDifferInOneByteAreOthers() {
    for (id, text) in Self.known where id.rawValue < FieldName.xForwardedFor.rawValue {
      #expect(name(text + "x") == .other)
      #expect(name(String(text.dropLast())) == .other)
      for place in 0..<text.utf8.count {
        for byte in "!0_^~z".utf8 {
          var bytes = Array(text.utf8)
          if bytes[place] | 0x20 == byte { continue }
          bytes[place] = byte
          #expect(name(String(decoding: bytes, as: UTF8.self)) == .other)
        }
      }
    }
  }

  @Test(arguments: [
    "X-Forwarded-", "x-forwarded-f", "X-FORWARDED-FORX", "X-Forwarded-Fox", "X-Forwarded-Prot",
    "X-Forwarded-Hosts", "X-Forwarded-Ssl", "X-Forwarded-Client-Cert",
  ])
  func allOfTheForwardedKind(text: String) {
    #expect(name(text) == .xForwardedOther && name(text).isForwarding)
  }

  @Test(arguments: ["X-Forwarded", "X-Forwarder-For", "X_Forwarded_For", "Y-Forwarded-For", "Via"])
  func noneOfTheForwardedKind(text: String) {
    #expect(name(text) == .other && !name(text).isForwarding)
  }

  @Test func fieldsCarryTheirNames() {
    let outcome = parse(request("cookie: a=b", "X-Cookie: c", "RANGE: bytes=0-"))
    #expect(outcome.fields.map(\.id) == [.host, .cookie, .other, .range])
  }
}
