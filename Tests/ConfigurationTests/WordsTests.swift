// WordsTests: suggestions and the names of applications.
import Configuration
import Testing

@Suite struct WordsTests {
  @Test(arguments: [
    ("", "", 0), ("a", "", 1), ("", "ab", 2), ("same", "Same", 0), ("serv", "serve", 1),
    ("chdri", "chdir", 1), ("kitten", "sitting", 3), ("ab", "ba", 1), ("ca", "abc", 3),
  ])
  func distance(first: String, second: String, expected: Int) {
    #expect(Suggestion.distance(first, second) == expected)
    #expect(Suggestion.distance(second, first) == expected)
  }

  @Test func nearest() {
    let words = ["workers", "worker-connections", "threads", "timeout"]
    #expect(Suggestion.nearest(to: "worker", among: words) == ["workers", "worker-connections"])
    #expect(Suggestion.nearest(to: "worker", among: words, limit: 1) == ["workers"])
    #expect(Suggestion.nearest(to: "xyz", among: words) == [])
    #expect(Suggestion.nearest(to: "", among: words) == [])
    #expect(Suggestion.nearest(to: "ab", among: ["ax", "abcdef"]) == ["ax"])
  }

  @Test func phrase() {
    #expect(Suggestion.phrase(for: "x", among: ["abcd"]) == "")
    #expect(Suggestion.phrase(for: "abc", among: ["abd"], prefix: "--") == "; did you mean --abd?")
    #expect(
      Suggestion.phrase(for: "abc", among: ["abd", "abe", "abf"], limit: 3)
        == "; did you mean abd, abe or abf?")
  }

  @Test(
    arguments: [
      ("mysite", .module(name: "mysite", callable: nil)),
      ("my.site:app.wsgi", .module(name: "my.site", callable: "app.wsgi")),
      ("mysite.wsgi", .module(name: "mysite.wsgi", callable: nil)),
      ("mysite.wsgi:application", .module(name: "mysite.wsgi", callable: "application")),
      ("my-site.wsgi", .file(path: "my-site.wsgi", callable: nil)),
      ("./mysite.wsgi", .file(path: "./mysite.wsgi", callable: nil)),
      ("app.py", .file(path: "app.py", callable: nil)),
      ("/srv/app.py:create", .file(path: "/srv/app.py", callable: "create")),
      ("dir/script", .file(path: "dir/script", callable: nil)),
      ("dir/a:b c.py", .file(path: "dir/a:b c.py", callable: nil)),
      ("größe:ä", .module(name: "größe", callable: "ä")),
    ] as [(String, ApplicationReference)])
  func application(text: String, reference: ApplicationReference) throws {
    #expect(try ApplicationReference(parsing: text) == reference)
  }

  @Test(arguments: [
    "", ":app", "my-site", "my site:app", "app:create()", "app:1x", "a..b", "1a", "app:",
  ])
  func noApplication(text: String) {
    #expect(throws: UsageError.self) { try ApplicationReference(parsing: text) }
  }
}
