import Testing

// Forms of numbers.
@testable import Reporting

@Suite struct NumberTextTests {
  /// What apr_snprintf(3) of APR 1.7 prints for `%g`.
  @Test(
    arguments: [
      (0, "0"), (1, "1"), (0.2, ".2"), (1.0 / 7, ".142857"), (1_716_420.4, "1716420"),
      (123_456_789, "123457000"), (12_345_678_901, "1.23457e+10"), (1e10, "1.e+10"),
      (123_456e6, "1.23456e+11"), (5_435_100, "5435100"), (0.00238095238, ".00238095"),
      (0.0123, ".0123"), (0.00012345678, ".000123457"), (1.2345678e-05, "1.23457e-5"),
      (1.2e-05, "1.2e-5"), (0.0001, ".0001"), (0.00099999999, ".001"), (999_999.5, "1.e+6"),
      (9_999_995, "1.e+7"), (44_806.12, "44806.1"), (1228.8, "1228.8"), (1e-9, "1.e-9"),
      (1e-10, "1.e-10"), (100_000, "1.e+5"), (4.61315, "4.61315"), (10, "10"), (23.456, "23.456"),
    ] as [(Double, String)])
  func apacheFloats(value: Double, text: String) {
    #expect(NumberText.apache(value) == text)
  }

  @Test(
    arguments: [
      (0.0, 2, "0.00"), (0.05, 2, "0.05"), (1.516, 2, "1.52"), (12.999, 2, "13.00"), (7.0, 0, "7"),
      (-0.001, 2, "0.00"), (-1.5, 1, "-1.5"), (Double.nan, 2, "0"),
    ] as [(Double, Int, String)])
  func fixedDecimals(value: Double, decimals: Int, text: String) {
    #expect(NumberText.fixed(value, decimals: decimals) == text)
  }

  @Test(
    arguments: [
      (0, ""), (1, " 1 second"), (62, " 1 minute 2 seconds"),
      (189_613, " 2 days 4 hours 40 minutes 13 seconds"), (3600, " 1 hour"),
      (86_401, " 1 day 1 second"),
    ] as [(Int64, String)])
  func apacheDurations(seconds: Int64, text: String) {
    #expect(NumberText.apacheDuration(seconds) == text)
  }

  @Test(
    arguments: [
      (-5, "0 ms"), (999, "999 ms"), (1000, "1.0 s"), (9999, "9.9 s"), (10_000, "10 s"),
      (60_000, "1 min"), (123_000, "2 min 3 s"), (3_660_000, "1 h 1 min"), (90_000_000, "1 d 1 h"),
    ] as [(Int64, String)])
  func durations(ms: Int64, text: String) {
    #expect(NumberText.duration(ms: ms) == text)
  }

  @Test(
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1024, "1.0 kB"), (10_240, "10 kB"), (1_048_576, "1.0 MB"),
      (5e12, "4.5 TB"),
    ] as [(Double, String)])
  func sizes(bytes: Double, text: String) {
    #expect(NumberText.bytes(bytes) == text)
  }

  @Test func groups() {
    #expect(NumberText.grouped(0) == "0")
    #expect(NumberText.grouped(1234) == "1,234")
    #expect(NumberText.grouped(.min) == "-9,223,372,036,854,775,808")
  }

  @Test func jsonNumbers() {
    #expect(NumberText.json(nil) == "null")
    #expect(NumberText.json(.infinity) == "null")
    #expect(NumberText.json(0) == "0")
    #expect(NumberText.json(12.5) == "12.5")
    #expect(NumberText.json(100) == "100")
    #expect(NumberText.json(1e16) == "10000000000000000")
    #expect(NumberText.json(-12.5) == "-12.5")
  }
}
