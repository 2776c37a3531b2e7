// MountTests: which mount claims which path. Edge.
import Testing

@testable import StaticFiles

struct MountTests {
  let tree = TemporaryTree()
  let site: StaticSite

  init() throws {
    let path = tree.path
    site = try StaticSite(
      ["/static", "/static/deep", "/s", "/media files"].map {
        StaticMount(prefix: $0, directory: path, followsSymlinks: false)
      })
  }

  /// Sorted by length: 0 = /static/deep, 1 = /media files, 2 = /static, 3 = /s.
  @Test(arguments: [
    ("/static", 2), ("/static/", 2), ("/static/x", 2), ("/static//x", 2), ("/staticfoo", -1),
    ("/stati", -1), ("/static/deep", 0), ("/static/deep/x", 0), ("/static/deeper", 2),
    ("/s", 3), ("/s/static", 3), ("/", -1), ("", -1), ("*", -1), ("static", -1),
    ("/x/static", -1), ("//static/x", -1), ("/STATIC/x", -1), ("/static/../admin", 2),
    ("/./static/x", -1), ("/%73tatic/x", 2), ("/%2573tatic/x", -1), ("/%7", -1), ("/%", -1),
    ("/%zztatic", -1), ("/static%2Fx", 2), ("/static%2fx", 2), ("/%2Fstatic", -1),
    ("%2Fstatic", -1), ("/static%", -1), ("/static%2", -1), ("/static%20", -1), ("/static%00", -1),
    ("/static;a=b/x", -1), ("/static\\x", -1), ("/static%5Cx", -1), ("/media%20files/a", 1),
    ("/media files", 1), ("/media+files", -1), ("/admin", -1),
  ])
  func `the longest prefix on a segment border wins`(path: String, mount: Int) {
    #expect(site.mount(for: path) == mount)
  }

  @Test func `a prefix may be written with escapes`() throws {
    let site = try StaticSite([
      StaticMount(prefix: "/a%20b%25", directory: tree.path, followsSymlinks: false)
    ])
    #expect(site.mount(for: "/a%20b%25/x") == 0)
    #expect(site.mount(for: "/a b%25") == 0)
    #expect(site.mount(for: "/a%2520b%2525") == -1)
    #expect(site.ask("/a%20%62%25")?["Location"] == "/a%20b%25/")
  }

  @Test func `the whole site comes last`() throws {
    let site = try StaticSite(
      ["/", "/static"].map {
        StaticMount(prefix: $0, directory: tree.path, followsSymlinks: false)
      })
    #expect(site.mount(for: "/static/x") == 0)
    #expect(site.mount(for: "/staticfoo") == 1)
    #expect(site.mount(for: "/") == 1)
    #expect(site.mount(for: "*") == -1)
  }

  @Test func `a mount gets only what follows its prefix`() throws {
    tree.directory("static")
    tree.file("static/x", "nested")
    tree.file("x", "top")
    #expect(site.ask("/static/x")?.body == "top")
    #expect(site.ask("/static/deep/x")?.body == "top")
    #expect(site.ask("/s/static/x")?.body == "nested")
    #expect(site.ask("/media%20files/x")?.body == "top")
    #expect(site.ask("/static%2Fx")?.status == 404)
  }
}
