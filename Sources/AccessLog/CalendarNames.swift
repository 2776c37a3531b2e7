// CalendarNames: names of months and days, and numbers of a fixed width. Pure.
internal import Bytes

/// English names, as in the C locale.
enum CalendarNames {
  static func month(_ month: Int) -> StaticString {
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

  static func weekday(_ weekday: Int) -> StaticString {
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
  /// Appends `number`, which is not negative, in at least `width` places (18 at most), filled from
  /// the left with `fill`. Allocates: never.
  mutating func append(number: Int64, width: Int = 1, fill: UInt8 = UInt8(ascii: "0")) {
    var bound: Int64 = 10
    var digits = 1
    while digits < width {
      if number < bound { append(fill) }
      bound &*= 10
      digits &+= 1
    }
    append(decimal: number)
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
