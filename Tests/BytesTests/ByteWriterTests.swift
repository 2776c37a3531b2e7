internal import Bytes
import Testing

@Suite struct ByteWriterTests {
  @Test(arguments: [
    (0, "0"), (7, "7"), (10, "10"), (99, "99"), (100, "100"), (-1, "-1"), (1234567, "1234567"),
    (999_999_999_999_999_999, "999999999999999999"), (Int64.max, "9223372036854775807"),
    (Int64.min, "-9223372036854775808"), (1_000_000_000_000_000_000, "1000000000000000000"),
  ])
  func decimalNumbers(number: Int64, text: String) {
    #expect(written { $0.append(decimal: number) } == text)
    #expect(written(capacity: text.utf8.count) { $0.append(decimal: number) } == text)
    #expect(written(capacity: text.utf8.count - 1) { $0.append(decimal: number) } == nil)
  }

  @Test func decimalNumbersAroundPowersOfTen() {
    var power: Int64 = 1
    for _ in 0..<18 {
      power *= 10
      for number in [power - 1, power, power + 1, -power, 1 - power] {
        #expect(written { $0.append(decimal: number) } == String(number))
      }
    }
  }

  @Test(arguments: [
    (0, "0"), (9, "9"), (10, "a"), (15, "f"), (16, "10"), (255, "ff"), (4096, "1000"),
    (UInt64.max, "ffffffffffffffff"), (0x0123_4567_89AB_CDEF, "123456789abcdef"),
  ])
  func hexadecimalNumbers(number: UInt64, text: String) {
    #expect(written { $0.append(hex: number) } == text)
    #expect(written(capacity: text.utf8.count) { $0.append(hex: number) } == text)
    #expect(written(capacity: text.utf8.count - 1) { $0.append(hex: number) } == nil)
  }

  @Test func nothingIsWrittenAfterAnOverflow() {
    #expect(written(capacity: 3) { $0.append("abc") } == "abc")
    #expect(written(capacity: 2) { $0.append("abc") } == nil)
    let text = written(capacity: 4) {
      $0.append("abc")
      $0.append("de")
      $0.append(UInt8(ascii: "f"))
      #expect($0.count == 3 && $0.overflowed)
      $0.truncate(to: 2)
      $0.append(text: "xy")
    }
    #expect(text == "abxy")
  }

  @Test func emptyAppendsFitIntoNoSpace() {
    let text = written(capacity: 0) {
      $0.append("")
      $0.append(text: "")
      unsafe $0.append(copying: UnsafeBufferPointer(start: nil, count: 0))
      #expect($0.remaining == 0)
    }
    #expect(text == "")
    #expect(written(capacity: 0) { $0.append(UInt8(0)) } == nil)
  }
}
