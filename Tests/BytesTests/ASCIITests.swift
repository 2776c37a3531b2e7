internal import Bytes
import Testing

@Suite struct ASCIITests {
  private static let letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
  private static let digits = "0123456789"

  /// Every byte that `isMember` accepts, in order.
  private func members(_ isMember: (UInt8) -> Bool) -> [UInt8] { (0...255).filter(isMember) }

  @Test func tokensAreThoseOfRFC9110() {
    let expected = (Self.letters + Self.digits + "!#$%&'*+-.^_`|~").utf8.sorted()
    #expect(members(ASCII.isToken) == expected)
  }

  @Test func registeredNamesAreThoseOfRFC3986() {
    let expected = (Self.letters + Self.digits + "-._~!$&'()*+,;=").utf8.sorted()
    #expect(members(ASCII.isRegisteredName) == expected)
  }

  @Test func otherClasses() {
    #expect(members(ASCII.isDigit) == Array(Self.digits.utf8))
    #expect(members(ASCII.isLetter) == Self.letters.utf8.sorted())
    #expect(members(ASCII.isBlank) == [9, 32])
    #expect(members { !ASCII.isFieldValue($0) } == [0...8, 10...31, 127...127].flatMap { $0 })
    #expect(members { ASCII.hexValue($0) >= 0 } == "0123456789ABCDEFabcdef".utf8.sorted())
    for (value, digit) in "0123456789abcdef".utf8.enumerated() {
      #expect(ASCII.hexValue(digit) == value)
    }
    for byte: UInt8 in 0...255 {
      let isUpper = byte >= 0x41 && byte <= 0x5A
      #expect(ASCII.lowercased(byte) == (isUpper ? byte + 32 : byte))
    }
  }

  @Test func comparisonKnowsNoCaseOfLetters() {
    func equal(_ left: String, _ right: StaticString) -> Bool {
      let bytes = Array(left.utf8)
      return ASCII.equalsIgnoringCase(bytes.span, right)
    }
    #expect(equal("Content-LENGTH", "content-length"))
    #expect(equal("", ""))
    #expect(!equal("a", "ab"))
    #expect(!equal("ab", "ac"))
    // Bytes that differ in bit 5 as the cases of a letter do.
    #expect(!equal("@", "`"))
    #expect(!equal("[", "{"))
    #expect(!equal("\r", "-"))
  }

  @Test(
    arguments: [
      ("0", 0), ("7", 7), ("007", 7), ("9223372036854775807", Int64.max),
      ("0000000000000000000000009223372036854775807", Int64.max), ("9223372036854775808", nil),
      ("9223372036854775810", nil), ("99999999999999999999", nil), ("", nil), ("+5", nil),
      ("-5", nil), (" 5", nil), ("5 ", nil), ("0x5", nil), ("5,5", nil), ("5.0", nil), ("٥", nil),
    ] as [(String, Int64?)])
  func decimals(text: String, number: Int64?) {
    let bytes = Array(text.utf8)
    #expect(ASCII.decimal(bytes.span) == number)
  }
}
