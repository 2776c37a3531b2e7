// ConditionalTests: preconditions in the order of RFC 9110, section 13.2.2. Edge.
import HTTP1
import Testing

@testable import StaticFiles

struct ConditionalTests {
  let tree = TemporaryTree()
  let site: StaticSite
  let tag: String

  private static let before = "Tue, 14 Nov 2023 22:13:19 GMT"
  private static let exactly = "Tue, 14 Nov 2023 22:13:20 GMT"
  private static let after = "Tue, 14 Nov 2023 22:13:21 GMT"

  init() throws {
    tree.file("f.txt", "0123456789")
    site = try StaticSite([
      StaticMount(prefix: "/s", directory: tree.path, followsSymlinks: false)
    ])
    tag = try #require(site.ask("/s/f.txt")?["ETag"])
  }

  private func status(_ fields: (String, String)...) -> Int? {
    // TAG stands for the file's entity tag.
    let real = fields.map { ($0.0, $0.1.replacing("TAG", with: tag)) }
    let get = site.ask("/s/f.txt", real)?.status
    #expect(site.ask("/s/f.txt", real, method: .head)?.status == get)
    return get
  }

  @Test(arguments: [
    ("TAG", 304), ("W/TAG", 304), ("*", 304), (" * ", 304), ("\"a\", TAG", 304),
    ("\"a\",W/\"b\" ,  TAG", 304), ("TAG,\"a\"", 304), (",, TAG", 304), ("\"a\"", 200), ("", 200),
    ("\"\"", 200), ("W/\"a\"", 200), ("TAG broken", 304), ("broken TAG", 200), ("\"a,TAG", 200),
    ("w/TAG", 200), ("W/", 200), ("W", 200), ("\"a, b\", TAG", 304), ("*, \"a\"", 200),
  ])
  func `If-None-Match`(value: String, expected: Int) {
    #expect(status(("If-None-Match", value)) == expected)
  }

  @Test(arguments: [
    ("TAG", 200), ("W/TAG", 412), ("*", 200), ("\"a\", TAG", 200), ("W/TAG, TAG", 200),
    ("\"a\"", 412), ("", 412), ("broken", 412),
  ])
  func `If-Match`(value: String, expected: Int) {
    #expect(status(("If-Match", value)) == expected)
  }

  @Test(arguments: [
    (before, 200), (exactly, 304), (after, 304), ("Tuesday, 14-Nov-23 22:13:20 GMT", 304),
    ("Tue Nov 14 22:13:20 2023", 304), ("yesterday", 200), ("", 200),
    ("Fri, 31 Dec 9999 23:59:59 GMT", 304), ("Tue, 14 Nov 2023 22:13:20 CET", 200),
  ])
  func `If-Modified-Since`(value: String, expected: Int) {
    #expect(status(("If-Modified-Since", value)) == expected)
  }

  @Test(arguments: [(before, 412), (exactly, 200), (after, 200), ("yesterday", 200)])
  func `If-Unmodified-Since`(value: String, expected: Int) {
    #expect(status(("If-Unmodified-Since", value)) == expected)
  }

  @Test func `earlier steps win over later ones`() {
    #expect(status(("If-None-Match", "\"a\""), ("If-Modified-Since", Self.after)) == 200)
    #expect(status(("If-None-Match", "TAG"), ("If-Modified-Since", Self.before)) == 304)
    #expect(status(("If-Match", "TAG"), ("If-Unmodified-Since", Self.before)) == 200)
    #expect(status(("If-Match", "\"a\""), ("If-None-Match", "TAG")) == 412)
    #expect(status(("If-Match", "TAG"), ("If-None-Match", "TAG")) == 304)
    #expect(status(("If-Unmodified-Since", Self.before), ("If-Modified-Since", Self.after)) == 412)
    #expect(status(("If-Unmodified-Since", Self.after), ("If-None-Match", "TAG")) == 304)
    #expect(status(("If-None-Match", "TAG"), ("Range", "bytes=0-1")) == 304)
    #expect(status(("If-None-Match", "TAG"), ("Range", "bytes=99-")) == 304)
    #expect(status(("If-Match", "\"a\""), ("Range", "bytes=99-")) == 412)
  }

  @Test func `lists may be spread over fields, dates may not`() {
    #expect(status(("If-None-Match", "\"a\""), ("If-None-Match", "TAG")) == 304)
    #expect(status(("If-Match", "\"a\""), ("If-Match", "TAG")) == 200)
    #expect(status(("If-Modified-Since", Self.after), ("If-Modified-Since", Self.after)) == 200)
    #expect(status(("If-Unmodified-Since", Self.before), ("If-Unmodified-Since", "x")) == 200)
  }

  @Test func `304 has the validators and no content`() throws {
    let answer = try #require(site.ask("/s/f.txt", [("If-None-Match", tag)]))
    #expect(answer.lines == ["Last-Modified: \(Self.exactly)", "ETag: \(tag)"])
    #expect(answer.body == nil)
    #expect(answer.contentLength == 10)
  }

  @Test func `412 has the page of the server`() throws {
    let answer = try #require(site.ask("/s/f.txt", [("If-Match", "\"a\"")]))
    #expect(answer.lines.isEmpty && answer.body == nil && answer.contentLength == -1)
  }

  @Test func `a missing file stays missing`() {
    #expect(site.ask("/s/none", [("If-Match", "*")])?.status == 404)
    #expect(site.ask("/s/none", [("If-None-Match", "*")])?.status == 404)
  }

  @Test(arguments: [
    ("TAG", 206), ("W/TAG", 200), ("\"a\"", 200), (exactly, 206), (before, 200), (after, 200),
    ("", 200), ("*", 200), ("TAG, TAG", 200), ("nonsense", 200),
  ])
  func `If-Range`(value: String, expected: Int) throws {
    let fields = [("Range", "bytes=1-2"), ("If-Range", value.replacing("TAG", with: tag))]
    let answer = try #require(site.ask("/s/f.txt", fields))
    #expect(answer.status == expected)
    #expect(answer.body == (expected == 206 ? "12" : "0123456789"))
    #expect(site.ask("/s/f.txt", [fields[1]])?.status == 200)
  }

  @Test func `If-Range that fails hides an impossible range`() {
    let fields = [("Range", "bytes=99-"), ("If-Range", "\"a\"")]
    #expect(site.ask("/s/f.txt", fields)?.status == 200)
    #expect(site.ask("/s/f.txt", [fields[0], ("If-Range", tag)])?.status == 416)
    let twice = [("Range", "bytes=0-1"), ("If-Range", tag), ("If-Range", tag)]
    #expect(site.ask("/s/f.txt", twice)?.status == 200)
  }

  @Test(arguments: [(59, 200), (60, 206), (61, 206)])
  func `the date of a young file is too weak for If-Range`(ageSeconds: Int64, expected: Int) {
    let fields = [("Range", "bytes=1-2"), ("If-Range", Self.exactly)]
    #expect(site.ask("/s/f.txt", fields, now: 1_700_000_000 + ageSeconds)?.status == expected)
  }
}
