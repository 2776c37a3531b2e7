// PathPrefixTests: which paths are below the URL of a mount.
import StaticFiles
import Testing

@Suite struct PathPrefixTests {
  private func covered(_ prefix: String, _ path: String) -> Int {
    guard let bytes = PathPrefix.decode(prefix) else { return -2 }
    let path = Array(path.utf8)
    return unsafe bytes.withUnsafeBufferPointer { PathPrefix.covered(by: $0, path.span) }
  }

  @Test(arguments: [
    ("/", "/anything", 0), ("/", "/", 0), ("/blog", "/blog", 5), ("/blog", "/blog/", 5),
    ("/blog", "/blog/x", 5), ("/blog", "/%62log/x", 7), ("/blog", "/blog%2Fx", 5),
    ("/a%20b", "/a%20b/c", 6), ("/blog", "/blogx", -1), ("/blog", "/blo", -1),
    ("/blog", "/Blog", -1), ("/blog", "/%6", -1), ("/blog", "/%zzlog", -1), ("/blog", "", -1),
    ("/", "", 0), ("/blog", "/blog%", -1),
  ])
  func covering(prefix: String, path: String, count: Int) {
    #expect(covered(prefix, path) == count)
  }

  @Test(arguments: ["", "blog", "/blog/", "/a//b", "/a/./b", "/..", "/a%2Fb", "/a%", "/a\\b"])
  func noPrefixes(_ text: String) { #expect(PathPrefix.decode(text) == nil) }
}
