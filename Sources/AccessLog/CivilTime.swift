// CivilTime: seconds since 1970 as a date of the Gregorian calendar, and its text. Pure.
internal import Bytes

/// A local date and time. Some twenty integer operations: cheaper than guarding a shared cache.
struct CivilTime: Equatable {
  var year = 1970
  var month = 1
  var day = 1
  var hour = 0
  var minute = 0
  var second = 0
  /// 0 is Sunday.
  var weekday = 4
  /// 0 is the first of January.
  var dayOfYear = 0

  /// The date of `seconds` since 1970, local time included.
  ///
  /// Source: the "days from civil" algorithm of Howard Hinnant: years that begin in March make the
  /// leap day the last of its year. Allocates: never.
  init(localSeconds seconds: Int64) {
    let dayNumber = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
    let secondOfDay = Int(seconds - dayNumber * 86_400)
    hour = secondOfDay / 3600
    minute = secondOfDay / 60 % 60
    second = secondOfDay % 60
    weekday = Int(((dayNumber + 4) % 7 + 7) % 7)
    let shifted = dayNumber + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = Int(shifted - era * 146_097)
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfMarchYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfMarchYear + 2) / 153
    day = dayOfMarchYear - (153 * marchMonth + 2) / 5 + 1
    month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    year = Int(era) * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    dayOfYear = month <= 2 ? dayOfMarchYear - 306 : dayOfMarchYear + 59 + (isLeap ? 1 : 0)
  }

  static func monthName(_ month: Int) -> StaticString {
    switch month {
    case 1: "January"
    case 2: "February"
    case 3: "March"
    case 4: "April"
    case 5: "May"
    case 6: "June"
    case 7: "July"
    case 8: "August"
    case 9: "September"
    case 10: "October"
    case 11: "November"
    default: "December"
    }
  }

  static func weekdayName(_ weekday: Int) -> StaticString {
    switch weekday {
    case 0: "Sunday"
    case 1: "Monday"
    case 2: "Tuesday"
    case 3: "Wednesday"
    case 4: "Thursday"
    case 5: "Friday"
    default: "Saturday"
    }
  }
}

extension ByteWriter {
  /// Appends a number with at least `width` digits, filled with `fill`. Allocates: never.
  mutating func append(number: Int64, width: Int = 1, fill: UInt8 = UInt8(ascii: "0")) {
    var magnitude = number.magnitude
    if number < 0 { append(UInt8(ascii: "-")) }
    var digits = (UInt64(0), UInt64(0), UInt64(0))  // 24 bytes of scratch; 20 digits at most
    unsafe withUnsafeMutableBytes(of: &digits) { scratch in
      var first = 24
      repeat {
        first &-= 1
        unsafe scratch[first] = UInt8(truncatingIfNeeded: magnitude % 10) &+ UInt8(ascii: "0")
        magnitude /= 10
      } while magnitude > 0
      while 24 &- first < min(width, 20) {
        first &-= 1
        unsafe scratch[first] = fill
      }
      unsafe append(
        copying: UnsafeBufferPointer(rebasing: scratch.bindMemory(to: UInt8.self)[first...]))
    }
  }

  /// Appends the first three letters of a name.
  mutating func append(abbreviated name: StaticString) {
    unsafe append(copying: UnsafeBufferPointer(start: name.utf8Start, count: 3))
  }

  /// Appends `+hhmm`.
  mutating func append(utcOffset seconds: Int64) {
    append(seconds < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
    let minutes = Int64(seconds.magnitude) / 60
    append(number: minutes / 60, width: 2)
    append(number: minutes % 60, width: 2)
  }
}
