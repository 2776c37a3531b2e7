// CivilDate: seconds since 1970 to year, month and day, and back. Pure.

/// A point of time in UTC, in the Gregorian calendar, years 0...9999.
///
/// Years are counted from March inside, so that the leap day is the last day of its year: then the
/// days before any month are a linear function of the month, and no table is needed.
public struct CivilDate: Equatable, Sendable {
  /// Year, 0...9999.
  public var year: Int
  /// Month, 1...12.
  public var month: Int
  /// Day of the month, 1...31.
  public var day: Int
  /// Hour, 0...23.
  public var hour: Int
  /// Minute, 0...59.
  public var minute: Int
  /// Second, 0...60 (60 is a leap second).
  public var second: Int

  /// A date with these parts; ``isValid`` says whether it exists.
  public init(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
    self.year = year
    self.month = month
    self.day = day
    self.hour = hour
    self.minute = minute
    self.second = second
  }

  /// The date `seconds` after 1970; a time outside the years 0...9999 becomes the nearest inside.
  public init(seconds: Int64) {
    let inside = Int(min(max(seconds, Self.firstSecond), Self.lastSecond))
    let time = ((inside % 86_400) + 86_400) % 86_400
    // Days since 1 March of the year -400; positive for every allowed time.
    let days = (inside - time) / 86_400 + Self.daysToMarch
    let cycle = days / Self.daysOfCycle
    let dayOfCycle = days % Self.daysOfCycle
    let yearOfCycle =
      (dayOfCycle - dayOfCycle / 1460 + dayOfCycle / 36_524 - dayOfCycle / 146_096) / 365
    let dayOfYear = dayOfCycle - (365 * yearOfCycle + yearOfCycle / 4 - yearOfCycle / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    self.init(
      year: (cycle - 1) * 400 + yearOfCycle + (marchMonth < 10 ? 0 : 1),
      month: marchMonth < 10 ? marchMonth + 3 : marchMonth - 9,
      day: dayOfYear - (153 * marchMonth + 2) / 5 + 1,
      hour: time / 3600, minute: time / 60 % 60, second: time % 60)
  }

  /// Seconds from 1970 to this date, which is valid; a leap second counts as the one after it.
  public var seconds: Int64 {
    let marchYear = (month > 2 ? year : year - 1) + 400
    let marchMonth = month > 2 ? month - 3 : month + 9
    let yearOfCycle = marchYear % 400
    let dayOfYear = (153 * marchMonth + 2) / 5 + day - 1
    let dayOfCycle = yearOfCycle * 365 + yearOfCycle / 4 - yearOfCycle / 100 + dayOfYear
    let days = marchYear / 400 * Self.daysOfCycle + dayOfCycle - Self.daysToMarch
    return Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
  }

  /// Day of the week, 0 (Sunday)...6 (Saturday).
  public var weekday: Int {
    let days = Int(Self(year: year, month: month, day: day, hour: 0, minute: 0, second: 0).seconds)
    // 1970 began on a Thursday; the summand makes the dividend positive and is whole weeks.
    return (days / 86_400 + 4 + 7 * Self.daysToMarch) % 7
  }

  /// Whether the parts are in their ranges and the month has that day.
  public var isValid: Bool {
    guard year >= 0, year <= 9999, month >= 1, month <= 12, day >= 1, day <= daysOfMonth else {
      return false
    }
    return hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60
  }

  private var daysOfMonth: Int {
    if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31
  }

  /// The first second of the year 0.
  private static var firstSecond: Int64 { -62_167_219_200 }
  /// The last second of the year 9999.
  private static var lastSecond: Int64 { 253_402_300_799 }
  /// Days of 400 years, after which the calendar repeats.
  private static var daysOfCycle: Int { 146_097 }
  /// Days from 1 March of the year -400 to 1 January 1970.
  private static var daysToMarch: Int { 719_468 + daysOfCycle }
}
