// HTTPDate: reads the three forms of a date in HTTP (RFC 9110, section 5.6.7). Pure.

/// Dates in header fields. ``ByteWriter/append(httpDate:)`` writes them.
public enum HTTPDate {
  /// Bytes of a date in the form that is sent today.
  public static var byteCount: Int { 29 }

  /// Seconds since 1970 of the date in `bytes`; nil where it is none.
  ///
  /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` and
  /// `Sun Nov  6 08:49:37 1994`, strictly, case included. The name of the day has to be one, but
  /// need not be right.
  /// - Parameter nowSeconds: seconds since 1970; a year of two digits is taken as at most 50 years
  ///   after it.
  public static func parse(_ bytes: Span<UInt8>, nowSeconds: Int64) -> Int64? {
    var reader = HTTPDateReader()
    let date: CivilDate?
    if bytes.count == byteCount && bytes[3] == UInt8(ascii: ",") {
      date = reader.fixdate(bytes)
    } else if bytes.count == 24 && bytes[3] == ASCII.space {
      date = reader.asctime(bytes)
    } else {
      date = reader.rfc850(bytes, thisYear: CivilDate(seconds: nowSeconds).year)
    }
    guard let date, !reader.failed, date.isValid else { return nil }
    return date.seconds
  }

  /// Seconds since 1970 of the date in `bytes`; see the overload for spans.
  public static func parse(_ bytes: UnsafeBufferPointer<UInt8>, nowSeconds: Int64) -> Int64? {
    unsafe parse(bytes.span, nowSeconds: nowSeconds)
  }
}

/// Reads the parts of a date from left to right; a part that is not there sets ``failed``.
private struct HTTPDateReader {
  var position = 0
  var failed = false

  /// `Sun, 06 Nov 1994 08:49:37 GMT`; 29 bytes.
  mutating func fixdate(_ bytes: Span<UInt8>) -> CivilDate {
    weekday(bytes)
    expect(", ", bytes)
    let day = number(2, bytes)
    expect(" ", bytes)
    let month = month(bytes)
    expect(" ", bytes)
    let year = number(4, bytes)
    expect(" ", bytes)
    var date = time(bytes)
    expect(" GMT", bytes)
    (date.year, date.month, date.day) = (year, month, day)
    return date
  }

  /// `Sun Nov  6 08:49:37 1994`; 24 bytes.
  mutating func asctime(_ bytes: Span<UInt8>) -> CivilDate {
    weekday(bytes)
    expect(" ", bytes)
    let month = month(bytes)
    expect(" ", bytes)
    let isOneDigit = bytes[position] == ASCII.space
    if isOneDigit { position += 1 }
    let day = number(isOneDigit ? 1 : 2, bytes)
    expect(" ", bytes)
    var date = time(bytes)
    expect(" ", bytes)
    date.year = number(4, bytes)
    (date.month, date.day) = (month, day)
    return date
  }

  /// `Sunday, 06-Nov-94 08:49:37 GMT`; nil where the length is wrong.
  mutating func rfc850(_ bytes: Span<UInt8>, thisYear: Int) -> CivilDate? {
    weekday(bytes, isLong: true)
    guard bytes.count == position + 24 else { return nil }
    expect(", ", bytes)
    let day = number(2, bytes)
    expect("-", bytes)
    let month = month(bytes)
    expect("-", bytes)
    var year = thisYear / 100 * 100 + number(2, bytes)
    expect(" ", bytes)
    var date = time(bytes)
    expect(" GMT", bytes)
    if year > thisYear + 50 { year -= 100 } else if year <= thisYear - 50 { year += 100 }
    (date.year, date.month, date.day) = (year, month, day)
    return date
  }

  /// `08:49:37`.
  private mutating func time(_ bytes: Span<UInt8>) -> CivilDate {
    let hour = number(2, bytes)
    expect(":", bytes)
    let minute = number(2, bytes)
    expect(":", bytes)
    let second = number(2, bytes)
    return CivilDate(year: 0, month: 1, day: 1, hour: hour, minute: minute, second: second)
  }

  /// Passes `literal`, which has to stand here.
  private mutating func expect(_ literal: StaticString, _ bytes: Span<UInt8>) {
    if starts(literal, bytes) { position += literal.utf8CodeUnitCount } else { failed = true }
  }

  private func starts(_ literal: StaticString, _ bytes: Span<UInt8>) -> Bool {
    guard !failed, literal.utf8CodeUnitCount <= bytes.count - position else { return false }
    for index in 0..<literal.utf8CodeUnitCount
    where unsafe bytes[position + index] != literal.utf8Start[index] {
      return false
    }
    return true
  }

  /// A number of exactly `digits` digits.
  private mutating func number(_ digits: Int, _ bytes: Span<UInt8>) -> Int {
    guard !failed, digits <= bytes.count - position,
      let number = ASCII.decimal(bytes.extracting(position..<position + digits))
    else {
      failed = true
      return 0
    }
    position += digits
    return Int(number)
  }

  /// Passes the name of a day, written out where it `isLong`.
  private mutating func weekday(_ bytes: Span<UInt8>, isLong: Bool = false) {
    let day = name(of: "SunMonTueWedThuFriSat", bytes)
    guard isLong else { return }
    switch day {
    case 2: expect("sday", bytes)
    case 3: expect("nesday", bytes)
    case 4: expect("rsday", bytes)
    case 6: expect("urday", bytes)
    default: expect("day", bytes)
    }
  }

  /// Passes the name of a month and gives its number, 1...12.
  private mutating func month(_ bytes: Span<UInt8>) -> Int {
    name(of: "JanFebMarAprMayJunJulAugSepOctNovDec", bytes) + 1
  }

  /// Passes one of the names of three letters that follow each other in `names`, and gives its
  /// index; -1 where none stands here.
  private mutating func name(of names: StaticString, _ bytes: Span<UInt8>) -> Int {
    if !failed && bytes.count - position >= 3 {
      for index in 0..<names.utf8CodeUnitCount / 3 {
        let name = unsafe names.utf8Start + index * 3
        if unsafe bytes[position] == name[0] && bytes[position + 1] == name[1]
          && bytes[position + 2] == name[2]
        {
          position += 3
          return index
        }
      }
    }
    failed = true
    return -1
  }
}
