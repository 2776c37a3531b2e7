// TraversalTests: nothing outside the directory, nothing hidden, on new and old kernels. Edge.
import Testing

@testable import StaticFiles

struct TraversalTests {
  let tree = TemporaryTree()

  init() {
    // What must never be seen contains SECRET.
    tree.file("secret.txt", "SECRET")
    tree.directory("outside")
    tree.file("outside/secret.txt", "SECRET")
    tree.directory("static")
    tree.directory("static/sub")
    tree.directory("static/.git")
    tree.directory("static/.well-known")
    tree.file("static/open.txt", "open")
    tree.file("static/sub/open.txt", "sub")
    tree.file("static/.env", "SECRET")
    tree.file("static/.git/config", "SECRET")
    tree.file("static/.htaccess", "SECRET")
    tree.file("static/.well-known/security.txt", "contact")
    tree.file("static/.well-known/.secret", "SECRET")
    tree.file("static/back\\slash.txt", "SECRET")
    tree.link("static/link-inside", to: "open.txt")
    tree.link("static/sub/link-up-inside", to: "../open.txt")
    tree.link("static/link-outside", to: "../secret.txt")
    tree.link("static/link-absolute", to: tree.path + "/secret.txt")
    tree.link("static/link-absolute-inside", to: tree.path + "/static/open.txt")
    tree.link("static/directory-outside", to: "../outside")
    tree.link("static/directory-inside", to: "sub")
    tree.link("static/loop", to: "loop")
    tree.link("static/dangling", to: "nothing")
    tree.link("static/proc", to: "/proc/self/root")
  }

  private func site(links: Bool, openat2: Bool) throws -> StaticSite {
    try StaticSite(
      [
        StaticMount(
          prefix: "/static", directory: tree.path + "/static", followsSymlinks: links)
      ],
      allowsOpenat2: openat2)
  }

  private static let attacks: [(String, Int)] = [
    ("/static/../secret.txt", 404), ("/static/../../etc/passwd", 404), ("/static/..", 404),
    ("/static/../", 404), ("/static/.", 404), ("/static/./open.txt", 404),
    ("/static/sub/../open.txt", 404), ("/static/..%2fsecret.txt", 404),
    ("/static/..%2Fsecret.txt", 404), ("/static/%2e%2e/secret.txt", 404),
    ("/static/%2E%2E/secret.txt", 404), ("/static/.%2e/secret.txt", 404),
    ("/static/%2e./secret.txt", 404), ("/static/%2e%2e%2fsecret.txt", 404),
    ("/static/%252e%252e/secret.txt", 404), ("/static/%252e%252e%252fsecret.txt", 404),
    ("/static/....//secret.txt", 404), ("/static/....//....//etc/passwd", 404),
    ("/static/...", 404), ("/static/..;/secret.txt", 404), ("/static/..\\secret.txt", 404),
    ("/static/..%5csecret.txt", 404), ("/static/..%5Csecret.txt", 404),
    ("/static/back\\slash.txt", 404), ("/static/back%5cslash.txt", 404),
    ("/static/%c0%ae%c0%ae/secret.txt", 404), ("/static/%c0%ae%c0%ae%c0%afsecret.txt", 404),
    ("/static/%e0%80%ae%e0%80%ae/secret.txt", 404), ("/static/%uff0e%uff0e/secret.txt", 400),
    ("/static/open.txt%00", 400), ("/static/open.txt%00.html", 400),
    ("/static/%00/open.txt", 400), ("/static/..%00/secret.txt", 400),
    ("/static/open.txt%", 400), ("/static/open.txt%2", 400), ("/static/open.txt%zz", 400),
    ("/static/open.txt%0a", 404), ("/static/open.txt%0d%0aX:y", 404), ("/static/open.txt%7f", 404),
    ("/static//etc/passwd", 404), ("/static///etc/passwd", 404), ("/static/%2fetc/passwd", 404),
    ("/static%2f..%2fsecret.txt", 404), ("/static//../secret.txt", 404),
    ("/static/.env", 404), ("/static/%2eenv", 404), ("/static/.git/config", 404),
    ("/static/.git/", 404), ("/static/.git", 404), ("/static//.git/config", 404),
    ("/static/.htaccess", 404), ("/static/.well-known/.secret", 404),
    ("/static/.well-knownx", 404), ("/static/.well-know", 404),
    ("/static/open.txt/", 404), ("/static/open.txt/x", 404), ("/static/open.txt/../.env", 404),
    ("/static/C:/windows", 404), ("/static/file:///etc/passwd", 404),
    ("/static/open.txt::$DATA", 404), ("/static/~root", 404), ("/static/OPEN.TXT", 404),
    ("/static/link-outside", 404), ("/static/link-absolute", 404),
    ("/static/directory-outside", 404), ("/static/directory-outside/", 404),
    ("/static/directory-outside/secret.txt", 404), ("/static/proc/etc/passwd", 404),
    ("/static/link-absolute-inside", 404), ("/static/loop", 404), ("/static/dangling", 404),
    ("/static/loop/x", 404),
  ]

  @Test(arguments: [(false, true), (true, true), (false, false), (true, false)])
  func `attacks get nothing`(links: Bool, openat2: Bool) throws {
    let site = try site(links: links, openat2: openat2)
    for (target, status) in Self.attacks {
      let answer = try #require(site.ask(target), "\(target)")
      #expect(answer.status == status, "\(target)")
      #expect(answer.body == nil && answer.lines.isEmpty, "\(target)")
    }
  }

  @Test(arguments: [true, false])
  func `honest requests still work`(openat2: Bool) throws {
    let site = try site(links: false, openat2: openat2)
    #expect(site.ask("/static/open.txt")?.body == "open")
    #expect(site.ask("/static//open.txt")?.body == "open")
    #expect(site.ask("/static/sub/open.txt")?.body == "sub")
    #expect(site.ask("/static/sub//open.txt")?.body == "sub")
    #expect(site.ask("/static/.well-known/security.txt")?.body == "contact")
    #expect(site.ask("/static/sub")?["Location"] == "/static/sub/")
    #expect(site.ask("/static/.well-known")?["Location"] == "/static/.well-known/")
  }

  @Test func `links are followed only when allowed, and only inside`() throws {
    let links = ["link-inside", "sub/link-up-inside", "directory-inside/open.txt"]
    for openat2 in [true, false] {
      let strict = try site(links: false, openat2: openat2)
      for link in links { #expect(strict.ask("/static/\(link)")?.status == 404) }
    }
    let relaxed = try site(links: true, openat2: true)
    #expect(relaxed.ask("/static/link-inside")?.body == "open")
    #expect(relaxed.ask("/static/sub/link-up-inside")?.body == "open")
    #expect(relaxed.ask("/static/directory-inside/open.txt")?.body == "sub")
    // Without openat2 nothing checks where a link leads, so none is followed.
    let old = try site(links: true, openat2: false)
    for link in links { #expect(old.ask("/static/\(link)")?.status == 404) }
  }

  @Test func `a precompressed sibling cannot be a link to the outside`() throws {
    tree.link("static/open.txt.gz", to: "../secret.txt")
    for (links, openat2) in [(true, true), (false, true), (false, false)] {
      let answer = try #require(
        try site(links: links, openat2: openat2)
          .ask("/static/open.txt", [("Accept-Encoding", "gzip")]))
      #expect(answer.body == "open")
      #expect(answer["Content-Encoding"] == nil && answer["Vary"] == nil)
    }
  }

  @Test func `the mounted directory itself may be a link`() throws {
    tree.link("alias", to: "static")
    let site = try StaticSite([
      StaticMount(prefix: "/a", directory: tree.path + "/alias", followsSymlinks: false)
    ])
    #expect(site.ask("/a/open.txt")?.body == "open")
  }

  @Test(arguments: [true, false])
  func `very long names are absent`(openat2: Bool) throws {
    let site = try site(links: false, openat2: openat2)
    for length in [254, 255, 256, 257, 4094, 4095, 4096, 4097, 8000] {
      let name = String(repeating: "n", count: length)
      #expect(site.ask("/static/" + name)?.status == 404, "\(length)")
      #expect(site.ask("/static/" + name + "/")?.status == 404, "\(length)")
    }
    let deep = String(repeating: "/d", count: 2047)
    #expect(site.ask("/static" + deep)?.status == 404)
    #expect(site.ask("/static" + deep + "/d/d/d/")?.status == 404)
    #expect(site.ask("/static" + String(repeating: "/", count: 8000) + "open.txt")?.body == "open")
    let longest = String(repeating: "n", count: 255)
    tree.file("static/\(longest)", "long")
    #expect(site.ask("/static/" + longest)?.body == "long")
    #expect(site.ask("/static/%6e" + longest.dropFirst())?.body == "long")
  }

  @Test func `paths are decoded to the byte`() {
    func decode(_ path: String, prefix: Int = 2) -> (StaticPath.Outcome, String) {
      var decoded = StaticPath()
      let bytes = Array(path.utf8)
      let outcome = decoded.decode(bytes.span, prefixCount: prefix)
      return (outcome, decoded.text())
    }
    #expect(decode("/s") == (.file, ""))
    #expect(decode("/s/") == (.directory, ""))
    #expect(decode("/s///") == (.directory, ""))
    #expect(decode("/s/a") == (.file, "a"))
    #expect(decode("/s/a/") == (.directory, "a/"))
    #expect(decode("/s/a//b") == (.file, "a/b"))
    #expect(decode("/%73/a") == (.file, "a"))
    #expect(decode("/a", prefix: 0) == (.file, "a"))
    #expect(decode("/s/" + String(repeating: "x", count: 4095)).0 == .file)
    #expect(decode("/s/" + String(repeating: "x", count: 4096)).0 == .absent)
    #expect(decode("/s/" + String(repeating: "x", count: 4094) + "/").0 == .directory)
  }

  /// Random soup of the bytes that matter; whatever comes out, it is not the secret.
  @Test(arguments: [UInt64(1), 2, 3, 4])
  func `random paths never leave the directory`(seed: UInt64) throws {
    let words = [
      "..", ".", "/", "//", "%2e", "%2f", "%2F", "%5c", "\\", "%00", "%", "secret.txt", "open.txt",
      "outside", "sub", "static", "link-outside", "directory-outside", "directory-inside", ".git",
      "config", "link-absolute", ".env", "%25", "proc", "etc", "passwd",
    ]
    let sites = [
      try site(links: true, openat2: true), try site(links: false, openat2: true),
      try site(links: false, openat2: false),
    ]
    var state = seed
    func next(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for _ in 0..<3000 {
      var target = "/static/"
      for _ in 0...next(8) { target += words[next(words.count)] }
      for site in sites {
        let answer = try #require(site.ask(target))
        #expect([200, 301, 400, 404].contains(answer.status), "\(target), seed \(seed)")
        if let body = answer.body {
          #expect(body == "open" || body == "sub", "\(target), seed \(seed)")
        }
      }
    }
  }
}
