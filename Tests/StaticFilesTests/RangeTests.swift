// RangeTests: single byte ranges and what is ignored. Pure and Edge.
import Testing

@testable import StaticFiles

struct RangeTests {
  private static let whole = RangeRequest.whole
  private static func part(_ first: Int64, _ count: Int64) -> RangeRequest {
    .part(first: first, count: count)
  }

  @Test(arguments: [
    // first-last at the edges of 10 bytes
    ("bytes=0-0", part(0, 1)), ("bytes=0-8", part(0, 9)), ("bytes=0-9", part(0, 10)),
    ("bytes=0-10", part(0, 10)), ("bytes=8-8", part(8, 1)), ("bytes=9-9", part(9, 1)),
    ("bytes=10-10", .unsatisfiable), ("bytes=11-12", .unsatisfiable), ("bytes=3-5", part(3, 3)),
    ("bytes=5-4", whole), ("bytes=99-98", whole),
    // first-
    ("bytes=0-", part(0, 10)), ("bytes=8-", part(8, 2)), ("bytes=9-", part(9, 1)),
    ("bytes=10-", .unsatisfiable), ("bytes=11-", .unsatisfiable),
    // -suffix
    ("bytes=-0", .unsatisfiable), ("bytes=-1", part(9, 1)), ("bytes=-9", part(1, 9)),
    ("bytes=-10", part(0, 10)), ("bytes=-11", part(0, 10)),
    // large numbers
    ("bytes=0-9223372036854775807", part(0, 10)), ("bytes=0-9223372036854775808", part(0, 10)),
    ("bytes=0-99999999999999999999999", part(0, 10)),
    ("bytes=99999999999999999999999-", .unsatisfiable),
    ("bytes=9223372036854775807-9223372036854775807", .unsatisfiable),
    ("bytes=-99999999999999999999999", part(0, 10)),
    ("bytes=00000000000000000000001-2", part(1, 2)),
    // spelling
    ("BYTES=1-2", part(1, 2)), ("bytes= 1-2 ", part(1, 2)), ("bytes=1-2\t", part(1, 2)),
    // ignored
    ("bytes=0-1,3-4", whole), ("bytes=0-1,", whole), ("bytes=,0-1", whole), ("bytes=", whole),
    ("bytes", whole), ("", whole), ("bytes=-", whole), ("bytes=a-b", whole), ("bytes=1", whole),
    ("bytes=1-x", whole), ("bytes=x-1", whole), ("bytes=--1", whole), ("bytes=1--2", whole),
    ("bytes=+1-2", whole), ("bytes=1 - 2", whole), ("bytes =1-2", whole), ("items=1-2", whole),
    ("bytes:1-2", whole), ("bytes=0x1-2", whole), ("bytes=1.0-2", whole),
  ])
  func `ranges of ten bytes`(value: String, expected: RangeRequest) {
    let bytes = Array(value.utf8)
    #expect(RangeRequest(bytes.span, sizeBytes: 10) == expected)
  }

  @Test func `an empty file is sent whole`() {
    for value in ["bytes=0-", "bytes=0-0", "bytes=-1", "bytes=-0"] {
      let bytes = Array(value.utf8)
      #expect(RangeRequest(bytes.span, sizeBytes: 0) == .whole)
    }
  }

  @Test func `a part is sent with Content-Range`() throws {
    let tree = TemporaryTree()
    tree.file("f.txt", "0123456789")
    let site = try StaticSite([
      StaticMount(prefix: "/s", directory: tree.path, followsSymlinks: false)
    ])
    let part = try #require(site.ask("/s/f.txt", [("Range", "bytes=2-4")]))
    #expect(part.status == 206)
    #expect(part["Content-Range"] == "bytes 2-4/10")
    #expect(part["Content-Type"] == "text/plain; charset=utf-8")
    #expect(part["ETag"] != nil && part["Last-Modified"] != nil)
    #expect(part.body == "234")
    #expect(part.contentLength == 3)
    let beyond = try #require(site.ask("/s/f.txt", [("Range", "bytes=10-")]))
    #expect(beyond.status == 416)
    #expect(beyond.lines == ["Content-Range: bytes */10"])
    #expect(beyond.body == nil && beyond.contentLength == -1)
    let several = try #require(site.ask("/s/f.txt", [("Range", "bytes=0-1,4-5")]))
    #expect(several.status == 200 && several.body == "0123456789")
    let twice = [("Range", "bytes=0-1"), ("Range", "bytes=0-1")]
    #expect(site.ask("/s/f.txt", twice)?.status == 200)
  }
}
