// ValueTextTests: durations, sizes, octal numbers, addresses, read time-outs as text.
import Testing

@testable import Configuration

@Suite struct ValueTextTests {
  @Test(
    arguments: [
      ("0", 0), ("30", 30_000), ("1.5", 1500), ("0.001", 1), ("500ms", 500), ("1.000s", 1000),
      ("2m", 120_000), ("0.5h", 1_800_000), ("24h", 86_400_000), ("0.0000005h", nil),
      ("9223372036854775.807", Int64.max), ("9223372036854775807ms", Int64.max),
    ] as [(String, Int64?)])
  func duration(text: String, ms: Int64?) {
    #expect((try? DurationText.parse(text)) == ms)
  }

  @Test(arguments: [
    "", "s", "ms", "-1", "+1", "1,5", "1.", ".5", "1.5.5", "1 s", "5x", "soon", "1e3", "0.0001",
    "1.5ms", "9223372036854775.808", "9223372036854775808ms", "99999999999999999999", "１",
  ])
  func noDuration(text: String) {
    #expect(throws: ValueProblem.self) { try DurationText.parse(text) }
  }

  @Test(arguments: [0, 1, 999, 1000, 1001, 60_000, 86_400_000] as [Int64])
  func durationRoundTrip(ms: Int64) throws {
    #expect(try DurationText.parse(DurationText.encode(ms)) == ms)
    #expect(try DurationText.parse(DurationText.encodeBare(ms)) == ms)
  }

  @Test(
    arguments: [
      ("0", 0), ("8190", 8190), ("1K", 1024), ("1k", 1024), ("3M", 3_145_728),
      ("1g", 1_073_741_824),
      ("8589934591G", 9_223_372_035_781_033_984),
    ] as [(String, Int64)])
  func size(text: String, bytes: Int64) throws {
    #expect(try SizeText.parse(text) == bytes)
    #expect(try SizeText.parse(SizeText.encode(bytes)) == bytes)
  }

  @Test(arguments: ["", "K", "-1", "1.5K", "1KB", "1 K", "lots", "8589934592G", "0x10"])
  func noSize(text: String) {
    #expect(throws: ValueProblem.self) { try SizeText.parse(text) }
  }

  @Test(
    arguments: [
      ("0", 0), ("2", 2000), ("02", 2000), ("2.0", 2000), ("1.5", 1500), ("0.25", 250),
      ("0.001", 1), ("0.999", 999), ("10.010", 10_010),
      ("9223372036854775.807", 9_223_372_036_854_775_807),
    ] as [(String, Int)])
  func thousandths(text: String, value: Int) throws {
    #expect(try ThousandthsText.parse(text) == value)
    #expect(try ThousandthsText.parse(ThousandthsText.encode(value)) == value)
  }

  @Test(arguments: [
    ("", "is not a number"), (".5", "is not a number"), ("1.", "is not a number"),
    ("-1", "is not a number"), ("1e3", "is not a number"), ("1,5", "is not a number"),
    ("1.2.3", "is not a number"), ("two", "is not a number"),
    ("1.0000", "is finer than a thousandth"), ("9223372036854775.808", "is out of range"),
    ("9223372036854776", "is out of range"),
  ])
  func noThousandths(text: String, reason: String) {
    let problem = #expect(throws: ValueProblem.self) { try ThousandthsText.parse(text) }
    #expect(problem?.reason == reason)
  }

  @Test(arguments: [(0, "0"), (1, "0.001"), (10, "0.01"), (1500, "1.5"), (2000, "2")])
  func thousandthsAreWrittenShort(value: Int, text: String) {
    #expect(ThousandthsText.encode(value) == text)
  }

  @Test(
    arguments: [
      ("/server-status", "/server-status"), ("/a/b.html", "/a/b.html"), ("/a/", "/a"),
      ("/a//", "/a"), ("/~x=y&z", "/~x=y&z"),
    ] as [(String, String)])
  func statusPath(text: String, path: String) throws {
    #expect(try StatusPathText.parse(text) == path)
  }

  @Test(arguments: [
    ("", "does not begin with a slash"), ("status", "does not begin with a slash"),
    ("/", "is the first page of the site"), ("//", "is the first page of the site"),
    ("/a?auto", "has characters that stand in no path"), ("/a#b", "stand in no path"),
    ("/a b", "stand in no path"), ("/é", "stand in no path"), ("/a%20b", "has a percent sign"),
    ("/a//b", "has an empty, . or .. part"), ("/./a", "has an empty, . or .. part"),
    ("/a/..", "has an empty, . or .. part"), ("/a\\b", "has a backslash"),
  ])
  func noStatusPath(text: String, reason: String) {
    let problem = #expect(throws: ValueProblem.self) { try StatusPathText.parse(text) }
    #expect(problem?.reason.contains(reason) == true)
  }

  @Test func octal() {
    #expect(octalDigits("0660") == 0o660)
    #expect(octalDigits("0o22") == 0o22)
    #expect(octalDigits("8") == nil)
    #expect(octalDigits("") == nil)
    #expect(octalText(0o22) == "0022")
    #expect(octalText(0o1777) == "01777")
  }

  @Test(
    arguments: [
      ("127.0.0.1:8000", .internet(host: "127.0.0.1", port: 8000)),
      ("localhost:0", .internet(host: "localhost", port: 0)),
      ("tcp://host:1", .internet(host: "host", port: 1)),
      (":80", .internet(host: "0.0.0.0", port: 80)), ("80", .internet(host: "0.0.0.0", port: 80)),
      ("*:80", .internet(host: "0.0.0.0", port: 80)),
      ("[::1]:65535", .internet(host: "::1", port: 65_535)),
      ("[fe80::1%eth0]:80", .internet(host: "fe80::1%eth0", port: 80)),
      ("unix:/run/a.sock", .unix(path: "/run/a.sock", mode: 0o660)),
      ("unix:///run/a.sock", .unix(path: "/run/a.sock", mode: 0o660)),
      ("unix:a?mode=0600", .unix(path: "a", mode: 0o600)),
      ("unix:a,b?mode=777", .unix(path: "a,b", mode: 0o777)),
      ("fd://3", .inherited(3)),
    ] as [(String, BindAddress)])
  func address(text: String, address: BindAddress) throws {
    #expect(try BindAddress(parsing: text) == address)
    #expect(try BindAddress(parsing: address.description) == address)
  }

  @Test(arguments: [
    "", "localhost", "::1:8000", "[::1]", "[::1]80", "[abc]:80", "[]:80", "host:", "host:http",
    "127.0.0.1:65536", "127.0.0.1:-1", "http://localhost:8000", "unix:", "unix:?mode=0660",
    "unix:a?mode=", "unix:a?mode=999", "unix:a?mode=1000", "unix:@abstract", "fd://", "fd://-1",
    "fd://x", "a b:80", "a/b:80", "fd://99999999999", "127.0.0.1:1,127.0.0.1:2", "unix:a?moed=0660",
    "unix:a?", "unix:a?mode=1?mode=777",
  ])
  func noAddress(text: String) {
    #expect(throws: ValueProblem.self) { try BindAddress(parsing: text) }
  }

  @Test func unixPathLength() throws {
    let longest = String(repeating: "p", count: 107)
    #expect(try BindAddress(parsing: "unix:\(longest)") == .unix(path: longest, mode: 0o660))
    #expect(throws: ValueProblem.self) { try BindAddress(parsing: "unix:\(longest)p") }
  }

  @Test(
    arguments: [
      ("header=20-40,MinRate=500 body=20,MinRate=500", [20_000, 40_000, 500, 20_000, 0, 500]),
      ("header=10", [10_000, 10_000, 0, 20_000, 0, 500]),
      ("body=0", [20_000, 40_000, 500, 0, 0, 0]),
      ("Header=5,minrate=1", [5000, 0, 1, 20_000, 0, 500]),
      ("body=10-30,MinRate=1000", [20_000, 40_000, 500, 10_000, 30_000, 1000]),
      ("header=500ms-2s,MinRate=7", [500, 2000, 7, 20_000, 0, 500]),
    ] as [(String, [Int64])])
  func readTimeout(text: String, values: [Int64]) throws {
    var settings = ServerSettings()
    try settings.setReadTimeout(text)
    func parts(_ settings: ServerSettings) -> [Int64] {
      [
        settings.headTimeoutMs, settings.headTimeoutMaxMs, Int64(settings.headMinRate),
        settings.bodyTimeoutMs, settings.bodyTimeoutMaxMs, Int64(settings.bodyMinRate),
      ]
    }
    #expect(parts(settings) == values)
    var again = ServerSettings()
    try again.setReadTimeout(settings.readTimeoutText)
    #expect(parts(again) == values)
  }

  @Test(arguments: [
    "", "header", "header=", "header=x", "header=20-40", "header=40-20,MinRate=500",
    "header=20-20,MinRate=500", "header=0-20,MinRate=500", "header=20,MinRate=0",
    "header=20,MinRate=", "header=20,Rate=5", "header=20,MinRate=5,6", "handshake=5", "foot=1",
    "header=25h", "header=-20",
  ])
  func noReadTimeout(text: String) {
    var settings = ServerSettings()
    #expect(throws: ValueProblem.self) { try settings.setReadTimeout(text) }
  }

  @Test func defaultReadTimeoutIsApaches() {
    #expect(ServerSettings().readTimeoutText == "header=20-40,MinRate=500 body=20,MinRate=500")
  }
}
