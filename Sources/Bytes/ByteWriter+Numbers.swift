// ByteWriter+Numbers: numbers as text. Pure.

extension ByteWriter {
  /// Appends `number` in decimal digits, with a minus sign where it is negative.
  public mutating func append(decimal number: Int64) {
    var rest = number.magnitude
    var digits = 1
    var power: UInt64 = 10
    // Twenty digits would overflow the power; a magnitude of an Int64 has nineteen at most.
    while digits < 19 && rest >= power {
      digits &+= 1
      power &*= 10
    }
    let sign = number < 0 ? 1 : 0
    guard let place = unsafe reserve(digits &+ sign) else { return }
    if sign == 1 { unsafe place[0] = UInt8(ascii: "-") }
    var index = digits &+ sign &- 1
    while index >= sign {
      unsafe place[index] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
      index &-= 1
    }
  }

  /// Appends `number` in lower-case hexadecimal digits, without leading zeros.
  public mutating func append(hex number: UInt64) {
    let digits = max(1, (64 &- number.leadingZeroBitCount &+ 3) / 4)
    guard let place = unsafe reserve(digits) else { return }
    var rest = number
    var index = digits &- 1
    while index >= 0 {
      let digit = UInt8(truncatingIfNeeded: rest & 15)
      unsafe place[index] =
        digit < 10 ? UInt8(ascii: "0") &+ digit : UInt8(ascii: "a") &+ digit &- 10
      rest &>>= 4
      index &-= 1
    }
  }

  /// Appends the time `seconds` after 1970 as HTTP writes it, always 29 bytes:
  /// `Sun, 06 Nov 1994 08:49:37 GMT` (IMF-fixdate, RFC 9110, section 5.6.7).
  ///
  /// Times outside the years 0 to 9999 become the nearest one inside.
  public mutating func append(httpDate seconds: Int64) {
    guard let place = unsafe reserve(HTTPDate.byteCount) else { return }
    let date = CivilDate(seconds: seconds)
    unsafe copyName(Self.weekdays, date.weekday, to: place)
    unsafe place[3] = UInt8(ascii: ",")
    unsafe place[4] = ASCII.space
    unsafe writeTwo(date.day, to: place + 5)
    unsafe place[7] = ASCII.space
    unsafe copyName(Self.months, date.month &- 1, to: place + 8)
    unsafe place[11] = ASCII.space
    unsafe writeTwo(date.year / 100, to: place + 12)
    unsafe writeTwo(date.year % 100, to: place + 14)
    unsafe place[16] = ASCII.space
    unsafe writeTwo(date.hour, to: place + 17)
    unsafe place[19] = UInt8(ascii: ":")
    unsafe writeTwo(date.minute, to: place + 20)
    unsafe place[22] = UInt8(ascii: ":")
    unsafe writeTwo(date.second, to: place + 23)
    unsafe (place + 25).update(from: (" GMT" as StaticString).utf8Start, count: 4)
  }

  private static var weekdays: StaticString { "SunMonTueWedThuFriSat" }
  private static var months: StaticString { "JanFebMarAprMayJunJulAugSepOctNovDec" }

  /// Copies the three letters of the name at `index`.
  private func copyName(
    _ names: StaticString, _ index: Int, to place: UnsafeMutablePointer<UInt8>
  ) {
    precondition(index >= 0 && index * 3 < names.utf8CodeUnitCount)
    unsafe place.update(from: names.utf8Start + index * 3, count: 3)
  }

  /// Writes `number`, 0...99, in two digits.
  private func writeTwo(_ number: Int, to place: UnsafeMutablePointer<UInt8>) {
    unsafe place[0] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number / 10)
    unsafe place[1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: number % 10)
  }
}
