// PrecompressedTests: negotiation of `.br` and `.gz` siblings. Edge.
import Testing

@testable import StaticFiles

struct PrecompressedTests {
  let tree = TemporaryTree()
  let site: StaticSite

  init() throws {
    tree.file("both.js", "plain")
    tree.file("both.js.br", "brotli")
    tree.file("both.js.gz", "gzipped")
    tree.file("gz.css", "plain")
    tree.file("gz.css.gz", "gzipped")
    tree.file("none.js", "plain")
    site = try StaticSite([
      StaticMount(prefix: "/s", directory: tree.path, followsSymlinks: false)
    ])
  }

  @Test(arguments: [
    ("br", "brotli"), ("gzip", "gzipped"), ("x-gzip", "gzipped"), ("gzip, br", "brotli"),
    ("br, gzip", "brotli"), ("gzip, deflate, br, zstd", "brotli"), ("BR", "brotli"),
    ("GZip", "gzipped"), ("deflate", "plain"), ("", "plain"), ("identity", "plain"),
    ("*", "brotli"), ("*;q=0", "plain"), ("br;q=0", "plain"), ("br;q=0, gzip", "gzipped"),
    ("br;q=0, *", "gzipped"), ("gzip;q=0, *", "brotli"), ("gzip;q=0, br;q=0, *", "plain"),
    ("br;q=0.5, gzip;q=0.8", "gzipped"), ("br;q=0.8, gzip;q=0.5", "brotli"),
    ("br;q=0.001", "brotli"), ("br;q=0.000", "plain"), ("br;q=0.0", "plain"), ("br;q=0.", "plain"),
    ("br;q=1.000", "brotli"), ("br;q=1.001", "plain"), ("br;q=2", "plain"), ("br;q=", "plain"),
    ("br;q=x", "plain"), ("br;q=0.1234", "plain"), ("br;q=-1", "plain"), ("br;x=1", "plain"),
    ("br ; q=0.5", "brotli"), ("br; Q=0.5", "brotli"), ("br;q=1;q=0", "plain"),
    ("identity;q=1, br;q=0.5", "plain"), ("identity;q=0.5, br;q=0.5", "brotli"),
    ("identity;q=0, br", "brotli"), ("identity;q=0", "plain"), ("br, identity;q=0.1", "brotli"),
    ("brx", "plain"), ("b", "plain"), (",,br,", "brotli"), ("br gzip", "plain"),
  ])
  func `the best accepted sibling is sent`(value: String, body: String) throws {
    let answer = try #require(site.ask("/s/both.js", [("Accept-Encoding", value)]))
    #expect(answer.status == 200)
    #expect(answer.body == body)
    #expect(answer.contentLength == Int64(body.utf8.count))
    #expect(answer["Content-Type"] == "text/javascript; charset=utf-8")
    #expect(answer["Vary"] == "Accept-Encoding")
    let coding = ["brotli": "br", "gzipped": "gzip"][body]
    #expect(answer["Content-Encoding"] == coding)
  }

  @Test func `several fields are one list`() throws {
    let fields = [("Accept-Encoding", "deflate"), ("Accept-Encoding", "gzip")]
    #expect(site.ask("/s/both.js", fields)?.body == "gzipped")
  }

  @Test func `Vary stands wherever a sibling exists, and only there`() {
    #expect(site.ask("/s/both.js")?["Vary"] == "Accept-Encoding")
    #expect(site.ask("/s/gz.css")?["Vary"] == "Accept-Encoding")
    #expect(site.ask("/s/gz.css", [("Accept-Encoding", "br")])?["Vary"] == "Accept-Encoding")
    #expect(site.ask("/s/gz.css", [("Accept-Encoding", "br, gzip")])?.body == "gzipped")
    #expect(site.ask("/s/none.js", [("Accept-Encoding", "br, gzip")])?["Vary"] == nil)
    #expect(site.ask("/s/none.js", [("Accept-Encoding", "br, gzip")])?.body == "plain")
  }

  @Test func `each variant has its own tag, and conditions and ranges are about the variant`()
    throws
  {
    var tags: Set<String> = []
    for coding in ["br", "gzip", "identity"] {
      let answer = try #require(site.ask("/s/both.js", [("Accept-Encoding", coding)]))
      let tag = try #require(answer["ETag"])
      tags.insert(tag)
      let again = try #require(
        site.ask("/s/both.js", [("Accept-Encoding", coding), ("If-None-Match", tag)]))
      #expect(again.status == 304)
      #expect(again["Vary"] == "Accept-Encoding" && again["ETag"] == tag)
      #expect(again["Content-Encoding"] == nil)
      let other = coding == "br" ? "gzip" : "br"
      #expect(
        site.ask("/s/both.js", [("Accept-Encoding", other), ("If-None-Match", tag)])?.status == 200)
    }
    #expect(tags.count == 3)
    let part = try #require(
      site.ask("/s/both.js", [("Accept-Encoding", "gzip"), ("Range", "bytes=-3")]))
    #expect(part.status == 206 && part.body == "ped")
    #expect(part["Content-Range"] == "bytes 4-6/7" && part["Content-Encoding"] == "gzip")
  }

  @Test(arguments: [(-1, "plain"), (0, "gzipped"), (1, "gzipped")])
  func `a sibling older than the file is not used`(seconds: Int, body: String) throws {
    tree.file("age.js", "plain", modified: 1_700_000_000, nanoseconds: 500)
    tree.file("age.js.gz", "gzipped", modified: 1_700_000_000 + seconds)
    let answer = try #require(site.ask("/s/age.js", [("Accept-Encoding", "gzip")]))
    #expect(answer.body == body)
    #expect((answer["Vary"] == nil) == (body == "plain"))
  }

  @Test func `siblings need their file, and are files of their own`() throws {
    tree.file("alone.js.gz", "gzipped")
    #expect(site.ask("/s/alone.js", [("Accept-Encoding", "gzip")])?.status == 404)
    let direct = try #require(site.ask("/s/both.js.gz", [("Accept-Encoding", "gzip")]))
    #expect(direct["Content-Type"] == "application/gzip" && direct["Content-Encoding"] == nil)
    tree.file("photo.png", "plain")
    tree.file("photo.png.gz", "gzipped")
    let image = try #require(site.ask("/s/photo.png", [("Accept-Encoding", "gzip")]))
    #expect(image.body == "plain" && image["Vary"] == nil)
    tree.directory("dir.js.br")
    tree.file("dir.js", "plain")
    let shadowed = try #require(site.ask("/s/dir.js", [("Accept-Encoding", "br")]))
    #expect(shadowed.body == "plain" && shadowed["Vary"] == nil)
  }

  @Test func `an index can be precompressed`() throws {
    tree.file("index.html", "plain")
    tree.file("index.html.br", "brotli")
    #expect(site.ask("/s/", [("Accept-Encoding", "br")])?.body == "brotli")
  }
}
