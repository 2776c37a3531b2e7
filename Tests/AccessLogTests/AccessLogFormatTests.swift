// AccessLogFormatTests: every directive, and what is not one.
import AccessLog
import HTTP1
import Testing

@Suite struct AccessLogFormatTests {
  @Test(arguments: [
    ("%a|%h", "192.0.2.7|192.0.2.7"), ("%{c}a", "192.0.2.7"), ("%A", "127.0.0.1"),
    ("%B %b", "1234 1234"), ("%D", "2345678"), ("%f%l", "--"), ("%H", "HTTP/1.1"),
    ("%{Referer}i", "http://here/"), ("%{REFERER}i", "http://here/"), ("%{X-None}i", "-"),
    ("%{content-type}o", "text/html"), ("%{Set-Cookie}o", "a=1, b=2"), ("%{Content}o", "-"),
    ("%k", "0"), ("%L", "00000000000000ab"), ("%m", "GET"), ("%p", "8080"),
    ("%{canonical}p %{local}p %{remote}p", "8080 8080 55001"), ("%P %{pid}P", "4711 4711"),
    ("%q", "?x=1&y=2"), ("%r", "GET /a%20b/c?x=1&y=2 HTTP/1.1"), ("%s %>s %<s", "200 200 200"),
    ("%T %{s}T %{ms}T %{us}T", "2 2 2345 2345678"), ("%u", "-"), ("%U", "/a b/c"),
    ("%v %V", "example.org example.org"), ("%X", "-"), ("%%", "%"), ("%O", "1314"), ("%R", "-"),
    ("%t", "[22/Nov/2026:20:41:00 +0000]"), ("%%a\\tb\\\\c\\x", "%a\tb\\c\\x"),
  ])
  func directive(format: String, line: String) throws {
    #expect(try SampleRequest().render(format) == line)
  }

  @Test func namedFormats() throws {
    let start = "192.0.2.7 - - [22/Nov/2026:20:41:00 +0000] \"GET /a%20b/c?x=1&y=2 HTTP/1.1\" 200"
    let agents = "\"http://here/\" \"curl/8\""
    #expect(try SampleRequest().render("common") == "\(start) 1234")
    #expect(try SampleRequest().render("combined") == "\(start) 1234 \(agents)")
    #expect(try SampleRequest().render("combinedio") == "\(start) 1234 \(agents) 100 1314")
    #expect(
      try SampleRequest().render("vhost_combined") == "example.org:8080 \(start) 1314 \(agents)")
  }

  @Test func lineEndsWithNewline() throws {
    #expect(SampleRequest().render(try AccessLogFormat("%s")) == Array("200\n".utf8))
  }

  @Test(arguments: [
    ("%{%Y-%m-%dT%H:%M:%S%z}t", "2026-11-22T20:41:00+0000"), ("%{sec}t", "1795380060"),
    ("%{msec}t", "1795380060012"), ("%{usec}t", "1795380060012345"), ("%{msec_frac}t", "012"),
    ("%{usec_frac}t", "012345"), ("%{end:sec}t", "1795380062"), ("%{begin:%T}t", "20:41:00"),
    ("%{end:%T}t", "20:41:02"), ("%{begin:}t", "[22/Nov/2026:20:41:00 +0000]"),
    ("%{%a %A %b %B %h}t", "Sun Sunday Nov November Nov"),
    ("%{%C%y %D %F}t", "2026 11/22/26 2026-11-22"),
    ("%{%e|%I|%j|%k|%l|%p|%P}t", "22|08|326|20| 8|PM|pm"),
    ("%{%R %s %u %w %Z %%}t", "20:41 1795380060 7 0 +0000 %"),
  ])
  func time(format: String, line: String) throws {
    #expect(try SampleRequest().render(format) == line)
  }

  @Test(arguments: [
    (0, 0, "[01/Jan/1970:00:00:00 +0000] 001 Thu"),
    (951_782_399, 0, "[28/Feb/2000:23:59:59 +0000] 059 Mon"),
    (951_782_400, 0, "[29/Feb/2000:00:00:00 +0000] 060 Tue"),
    (1_798_761_599, 0, "[31/Dec/2026:23:59:59 +0000] 365 Thu"),
    (1_798_761_599, 3600, "[01/Jan/2027:00:59:59 +0100] 001 Fri"),
    (1_798_761_600, -12_600, "[31/Dec/2026:20:30:00 -0330] 365 Thu"),
    (1_735_603_200, 0, "[31/Dec/2024:00:00:00 +0000] 366 Tue"),
  ])
  func calendar(seconds: Int64, offset: Int, line: String) throws {
    var request = SampleRequest()
    request.startMicroseconds = seconds * 1_000_000
    request.utcOffsetSeconds = offset
    #expect(try request.render("%t %{%j %a}t") == line)
  }

  @Test(arguments: [
    ("%!200,304{Referer}i|", 200, "-|"), ("%!200,304{Referer}i|", 304, "-|"),
    ("%!200,304{Referer}i|", 404, "http://here/|"), ("%400,501{User-agent}i|", 200, "-|"),
    ("%400,501{User-agent}i|", 501, "curl/8|"), ("%200{%Y-%m}t|%s", 404, "-|404"),
    ("%200{%Y-%m}t|%s", 200, "2026-11|200"), ("%!200%|", 200, "%|"),
  ])
  func condition(format: String, status: Int, line: String) throws {
    var request = SampleRequest()
    request.status = status
    #expect(try request.render(format) == line)
  }

  @Test(arguments: [
    ("a\"b\\c", "a\\\"b\\\\c"), ("\u{8}\t\u{B}", "\\b\\t\\v"),
    ("\u{1}\u{1F}\u{7F}", "\\x01\\x1f\\x7f"),
    ("é", "\\xc3\\xa9"), ("a\u{0}b", "a\\x00b"), ("~ !", "~ !"), ("", ""),
  ])
  func escaping(value: String, logged: String) throws {
    var request = SampleRequest()
    request.fields = [("Referer", value)]
    #expect(try request.render("<%{Referer}i>") == "<\(logged)>")
  }

  @Test func lineEndsInAPathCannotForgeALine() throws {
    var request = SampleRequest()
    request.line = "GET /a%0A%0dforged%22%ZZ%4 HTTP/1.0"
    #expect(try request.render("%U %H") == "/a\\n\\rforged\\\"%ZZ%4 HTTP/1.0")
  }

  @Test(arguments: [
    ("Basic YWxhZGRpbjpvcGVuc2VzYW1l", "aladdin"), ("basic   YTo=", "a"), ("BASIC YTo", "a"),
    ("Basic Og==", "\"\""), ("Basic YWxhZGRpbg==", "-"), ("Bearer YTo=", "-"), ("Basic", "-"),
    ("Basic ", "-"), ("Basic !!!!", "-"), ("Basic YQo6eA==", "a\\n"),
  ])
  func user(authorization: String, user: String) throws {
    var request = SampleRequest()
    request.fields.append(("Authorization", authorization))
    #expect(try request.render("%u") == user)
  }

  @Test func repeatedFieldsAreJoined() throws {
    var request = SampleRequest()
    request.fields += [("X-A", "1"), ("x-a", "2")]
    #expect(try request.render("%{X-A}i") == "1, 2")
  }

  @Test(arguments: [
    ("example.org", "example.org"), ("example.org:80", "example.org"), ("[::1]", "[::1]"),
    ("[::1]:80", "[::1]"), ("", "127.0.0.1"), ("host:", "host"),
  ])
  func host(field: String, name: String) throws {
    var request = SampleRequest()
    request.fields = [("Host", field)]
    #expect(try request.render("%V") == name)
  }

  @Test func requestThatCouldNotBeParsed() throws {
    var request = SampleRequest()
    request.parsed = false
    request.fields = []
    request.status = 400
    request.line = "NONSENSE \u{1}"
    #expect(
      try request.render("%m %U%q %H %s \"%r\" %V") == "- - - 400 \"NONSENSE \\x01\" 127.0.0.1")
    request.change = { unsafe $0.headBytes = UnsafeBufferPointer(start: nil, count: 0) }
    #expect(try request.render("\"%r\"") == "\"-\"")
  }

  @Test func numbersThatAreNothing() throws {
    var request = SampleRequest()
    request.bodyBytes = 0
    request.status = 0
    request.peerAddress = ""
    #expect(try request.render("%b %B %s %h") == "- 0 - -")
  }

  @Test func connectionAndHandler() throws {
    var request = SampleRequest()
    request.change = {
      $0.keptAlive = true
      $0.handler = .staticFile
      $0.keepAliveRequests = 7
      $0.receivedBytes = 5000
    }
    #expect(try request.render("%X %R %k %I %S") == "+ static 7 5000 6314")
    request.change = {
      $0.aborted = true
      $0.keptAlive = true
      $0.handler = .application
    }
    #expect(try request.render("%X %R") == "X wsgi")
  }

  @Test(arguments: [
    ("%h %Q", "\"%Q\" at position 4"), ("%h %", "\"%\" at position 4"),
    ("%{Referer", "without a }"),
    ("%i", "needs the name"), ("%{}o", "needs the name"), ("%{x}h", "takes nothing in braces"),
    ("%{x}p", "{canonical}, {local} or {remote}"), ("%{x}T", "{s}, {ms} or {us}"),
    ("%{x}P", "{pid}"), ("%{x}a", "{c}"), ("%(h)s", "gunicorn"), ("%99s", "status code"),
    ("%2000s", "status code"), ("%!s", "without status codes"), ("%{%Q}t", "%Q in its time"),
    ("%{%}t", "lone %"), ("combind", "not a known name"), ("", "not a known name"),
    ("%é", "\"%é\" at position 1"),
  ])
  func refused(format: String, needle: String) {
    let error = #expect(throws: AccessLogFormat.ParseError.self) {
      try AccessLogFormat(format)
    }
    #expect(error?.message.contains(needle) == true, "\(error?.message ?? "")")
  }

  /// However little room there is, nothing is written past it, and the overflow is told.
  @Test func everyCapacity() throws {
    let format = try AccessLogFormat("combined")
    let whole = SampleRequest().render(format)
    for capacity in 1...whole.count + 1 {
      let line = SampleRequest().render(format, capacity: capacity)
      #expect(whole.starts(with: line) && line.count <= capacity)
      #expect((line.count == whole.count) == (capacity >= whole.count))
    }
  }
}
