internal import Bytes
import Testing

@Suite struct HTTPDateTests {
  /// 2024-06-01, from which two-digit years are read.
  private static let now: Int64 = 1_717_200_000

  private func parse(_ text: String, now: Int64 = now) -> Int64? {
    let bytes = Array(text.utf8)
    return HTTPDate.parse(bytes.span, nowSeconds: now)
  }

  @Test(
    arguments: [
      (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
      (-1, "Wed, 31 Dec 1969 23:59:59 GMT"), (951_827_696, "Tue, 29 Feb 2000 12:34:56 GMT"),
      (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
      (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
      (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
      (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
      (-62_167_219_200, "Sat, 01 Jan 0000 00:00:00 GMT"),
    ] as [(Int64, String)])
  func datesAreWrittenAndReadBack(seconds: Int64, text: String) {
    #expect(written { $0.append(httpDate: seconds) } == text)
    #expect(written(capacity: 29) { $0.append(httpDate: seconds) } == text)
    #expect(written(capacity: 28) { $0.append(httpDate: seconds) } == nil)
    #expect(parse(text) == seconds)
  }

  @Test func timesOutsideTheCalendarBecomeTheNearestInside() {
    #expect(written { $0.append(httpDate: .max) } == "Fri, 31 Dec 9999 23:59:59 GMT")
    #expect(written { $0.append(httpDate: .min) } == "Sat, 01 Jan 0000 00:00:00 GMT")
  }

  @Test func everyDayOfFourCenturiesFollowsTheOneBefore() {
    var last = CivilDate(seconds: -86_400 * 800)
    var seconds: Int64 = -86_400 * 800
    for _ in 0..<150_000 {
      seconds += 86_400
      let date = CivilDate(seconds: seconds)
      guard date.isValid, date.seconds == seconds, date.weekday == (last.weekday + 1) % 7,
        date.day == last.day + 1 || date.day == 1 && last.day >= 28
      else {
        Issue.record("\(date) after \(last)")
        return
      }
      last = date
    }
  }

  @Test(
    arguments: [
      ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
      ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
      ("Sun Nov  6 08:49:37 1994", 784_111_777), ("Wed Nov 16 08:49:37 1994", 784_975_777),
      ("Wednesday, 09-Nov-94 08:49:37 GMT", 784_370_977),
      ("Saturday, 01-Jan-00 00:00:00 GMT", 946_684_800),
      // A leap second, and a day of the week that is not right.
      ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
      ("Mon, 06 Nov 1994 08:49:37 GMT", 784_111_777),
    ] as [(String, Int64)])
  func formsThatAreRead(text: String, seconds: Int64) {
    #expect(parse(text) == seconds)
  }

  @Test func yearsOfTwoDigitsAreWithinFiftyYears() {
    // From 2024: 74 is 2074, 75 is 1975.
    #expect(parse("Friday, 01-Jun-74 00:00:00 GMT") == 3_295_036_800)
    #expect(parse("Sunday, 01-Jun-75 00:00:00 GMT") == 170_812_800)
    // From 1990: 30 is 2030, 41 is 1941.
    let then = CivilDate(year: 1990, month: 1, day: 1, hour: 0, minute: 0, second: 0).seconds
    #expect(parse("Tuesday, 01-Jan-30 00:00:00 GMT", now: then) == 1_893_456_000)
    #expect(parse("Wednesday, 01-Jan-41 00:00:00 GMT", now: then) == -915_148_800)
  }

  @Test(arguments: [
    "", "Sun", "Sun, 06 Nov 1994 08:49:37 GM", "Sun, 06 Nov 1994 08:49:37 GMT ", "0",
    "sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
    "Sun, 06 Nov 1994 08:49:37 gmt",
    "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT",
    "Sun, 00 Nov 1994 08:49:37 GMT",
    "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 29 Feb 1994 08:49:37 GMT",
    "Sun, 29 Feb 1900 08:49:37 GMT",
    "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 23:60:00 GMT",
    "Sun, 06 Nov 1994 23:59:61 GMT",
    "Sun, 06 Nov +994 08:49:37 GMT", "Xxx, 06 Nov 1994 08:49:37 GMT",
    "Sun, 06 Xxx 1994 08:49:37 GMT",
    "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun, 06-Nov-94 08:49:37 GMT",
    "Sunda, 06-Nov-94 08:49:37 GMT",
    "Sun Nov 06 08:49:37 94", "Sun Nov  66 8:49:37 1994", "Sun Nov   6 08:49:37 199",
    "Sun, 06 Nov 1994 08-49-37 GMT", "ThuNov  6 08:49:37  1994",
  ])
  func formsThatAreRefused(text: String) {
    #expect(parse(text) == nil)
  }
}
