// StaticFilesTests: whole answers of a site on a real tree. Edge.
import HTTP1
import Testing

@testable import StaticFiles

struct StaticSiteTests {
  let tree = TemporaryTree()

  init() {
    tree.directory("static")
    tree.file("static/app.js", "0123456789")
  }

  private func site(prefix: String = "/static", links: Bool = false) throws -> StaticSite {
    try StaticSite([
      StaticMount(prefix: prefix, directory: tree.path + "/static", followsSymlinks: links)
    ])
  }

  @Test func `a file is sent with its fields`() throws {
    let answer = try #require(try site().ask("/static/app.js"))
    #expect(answer.status == 200)
    #expect(answer.body == "0123456789")
    #expect(answer.contentLength == 10)
    #expect(answer["Content-Type"] == "text/javascript; charset=utf-8")
    #expect(answer["Last-Modified"] == "Tue, 14 Nov 2023 22:13:20 GMT")
    #expect(answer["Accept-Ranges"] == "bytes")
    let tag = try #require(answer["ETag"])
    #expect(tag.hasPrefix("\"") && tag.hasSuffix("\"") && tag.contains("-a-"))
    #expect(answer.lines.count == 4)
  }

  @Test func `the entity tag changes with time, size and file`() throws {
    let site = try site()
    var tags: Set<String> = []
    func add() throws { tags.insert(try #require(site.ask("/static/app.js")?["ETag"])) }
    try add()
    tree.file("static/app.js", "0123456789", nanoseconds: 1)
    try add()
    tree.file("static/app.js", "012345678")
    try add()
    tree.file("static/new.js", "012345678")
    tree.rename("static/new.js", to: "static/app.js")
    try add()
    #expect(tags.count == 4)
    try add()
    #expect(tags.count == 4)
  }

  @Test func `HEAD sends the fields of GET without the file`() throws {
    let site = try site()
    let get = try #require(site.ask("/static/app.js"))
    let head = try #require(site.ask("/static/app.js", [("Range", "bytes=0-1")], method: .head))
    #expect(head.status == 200)
    #expect(head.lines == get.lines)
    #expect(head.body == nil)
    #expect(head.contentLength == 10)
  }

  @Test func `an empty file has no bytes to send`() throws {
    tree.file("static/empty.css", "")
    let answer = try #require(try site().ask("/static/empty.css"))
    #expect(answer.status == 200)
    #expect(answer.body == nil)
    #expect(answer.contentLength == 0)
  }

  @Test func `other methods are refused with Allow`() throws {
    let site = try site()
    for method: HTTP1.Method in [.post, .put, .delete, .patch, .trace, .connect, .other] {
      let answer = try #require(site.ask("/static/app.js", method: method))
      #expect(answer.status == 405)
      #expect(answer.lines == ["Allow: GET, HEAD, OPTIONS"])
      #expect(answer.contentLength == -1)
    }
  }

  @Test func `OPTIONS says what is allowed`() throws {
    let answer = try #require(try site().ask("/static/app.js", method: .options))
    #expect(answer.status == 200)
    #expect(answer.lines == ["Allow: GET, HEAD, OPTIONS"])
    #expect(answer.contentLength == 0)
  }

  @Test func `Last-Modified is never in the future`() throws {
    tree.file("static/app.js", "x", modified: Int(testNow) + 5000)
    let answer = try #require(try site().ask("/static/app.js"))
    #expect(answer["Last-Modified"] == "Sun, 15 Jun 2025 15:06:40 GMT")
  }

  @Test func `a directory without its slash redirects to it`() throws {
    tree.directory("static/a b")
    tree.directory("static/a b/c")
    let site = try site()
    for (target, location) in [
      ("/static", "/static/"), ("/static?x=1&y=/z", "/static/?x=1&y=/z"),
      ("/static/a%20b", "/static/a%20b/"), ("/static//a%20b//c", "/static/a%20b/c/"),
      ("/%73tatic/a%20b?", "/static/a%20b/"),
    ] {
      let answer = try #require(site.ask(target))
      #expect(answer.status == 301)
      #expect(answer.lines == ["Location: \(location)"])
      #expect(answer.contentLength == 0 && answer.body == nil)
    }
  }

  @Test func `a redirect cannot name another host or end the line`() throws {
    tree.directory("static/evil.example")
    tree.directory("static/http:")
    let site = try site(prefix: "/")
    for (target, location) in [
      ("//evil.example", "/evil.example/"), ("////evil.example", "/evil.example/"),
      ("/http:", "/http:/"),
      ("/evil.example?a\r\nSet-Cookie:x", "/evil.example/?a%0D%0ASet-Cookie:x"),
    ] {
      let answer = try #require(site.ask(target))
      #expect(answer.status == 301)
      #expect(answer.lines == ["Location: \(location)"])
    }
    for target in [
      "/%2Fevil.example", "/\\evil.example", "/%5Cevil.example", "/evil.example%0D%0A",
    ] {
      #expect(site.ask(target)?.status == 404)
    }
  }

  @Test func `a directory with its slash sends the index`() throws {
    tree.directory("static/d")
    let site = try site()
    #expect(site.ask("/static/d/")?.status == 404)
    tree.file("static/d/index.html", "hello")
    let answer = try #require(site.ask("/static/d/"))
    #expect(answer.status == 200)
    #expect(answer.body == "hello")
    #expect(answer["Content-Type"] == "text/html; charset=utf-8")
    #expect(site.ask("/static/app.js/")?.status == 404)
    tree.remove("static/d/index.html")
    tree.directory("static/d/index.html")
    #expect(site.ask("/static/d/")?.status == 404)
  }

  @Test func `the whole site can be a mount`() throws {
    tree.file("static/index.html", "home")
    let site = try site(prefix: "/")
    #expect(site.ask("/")?.body == "home")
    #expect(site.ask("//")?.body == "home")
    #expect(site.ask("/app.js")?.status == 200)
    #expect(site.ask("*") == nil)
    #expect(site.ask("") == nil)
  }

  @Test func `names with unusual bytes are found`() throws {
    tree.file("static/ü 100%.txt", "u")
    let site = try site()
    #expect(site.ask("/static/%C3%BC%20100%25.txt")?.body == "u")
    #expect(site.ask("/static/ü%20100%25.txt")?.body == "u")
    #expect(site.ask("/static/%61pp%2ejs")?.body == "0123456789")
  }

  @Test func `what is not a regular file is absent`() throws {
    tree.fifo("static/fifo")
    #expect(try site().ask("/static/fifo")?.status == 404)
    #expect(try site().ask("/static/none")?.status == 404)
  }

  @Test func `forbidden files are 403`() throws {
    tree.file("static/secret", "s")
    tree.forbid("static/secret")
    let site = try site()
    let answer = try #require(TemporaryTree.asOrdinaryUser { site.ask("/static/secret") })
    #expect(answer.status == 403)
    #expect(answer.lines.isEmpty && answer.contentLength == -1)
  }

  @Test func `a header that does not fit is an error of ours`() throws {
    for capacity in [0, 1, 10, 100] {
      let answer = try #require(try site().ask("/static/app.js", capacity: capacity))
      #expect(answer.status == 500)
      #expect(answer.lines.isEmpty && answer.body == nil && answer.contentLength == -1)
    }
  }

  @Test func `mounts that cannot be served are named`() throws {
    func problem(_ mounts: [StaticMount]) -> StaticSiteError? {
      do { _ = try StaticSite(mounts) } catch { return error as? StaticSiteError }
      return nil
    }
    let missing = StaticMount(
      prefix: "/m", directory: tree.path + "/missing", followsSymlinks: false)
    let text = try #require(problem([missing])).description
    #expect(text.contains("/missing") && text.contains("No such file or directory"))
    let file = StaticMount(
      prefix: "/m", directory: tree.path + "/static/app.js", followsSymlinks: false)
    #expect(try #require(problem([file])).description.contains("Not a directory"))
    let good = StaticMount(prefix: "/m", directory: tree.path, followsSymlinks: false)
    #expect(problem([good, good])?.problem == .prefixTwice)
    let same = StaticMount(prefix: "/%6d", directory: tree.path, followsSymlinks: false)
    #expect(problem([good, same])?.problem == .prefixTwice)
    for prefix in [
      "", "m", "/m/", "//", "/a//b", "/a/../b", "/.", "/%2e%2e", "/%2Fx", "/a%00", "/%", "/a\\b",
      "/a%0ab",
    ] {
      let bad = StaticMount(prefix: prefix, directory: tree.path, followsSymlinks: false)
      #expect(problem([bad])?.problem == .prefixForm)
    }
    #expect(problem([good]) == nil)
    #expect(try StaticSite([]).isEmpty)
    #expect(try StaticSite([]).mount(for: "/") == -1)
  }
}
