// MediaTypesTests: Content-Type by extension. Pure.
import Testing

@testable import StaticFiles

struct MediaTypesTests {
  @Test(arguments: [
    ("index.html", "text/html; charset=utf-8"), ("a/b.HTM", "text/html; charset=utf-8"),
    ("a.css", "text/css; charset=utf-8"), ("a.min.js", "text/javascript; charset=utf-8"),
    ("a.mjs", "text/javascript; charset=utf-8"), ("a.json", "application/json"),
    ("a.js.map", "application/json"), ("a.webmanifest", "application/manifest+json"),
    ("a.txt", "text/plain; charset=utf-8"), ("a.svg", "image/svg+xml"), ("a.png", "image/png"),
    ("a.JPEG", "image/jpeg"), ("a.webp", "image/webp"), ("a.avif", "image/avif"),
    ("favicon.ico", "image/vnd.microsoft.icon"), ("a.woff2", "font/woff2"),
    ("a.wasm", "application/wasm"), ("a.pdf", "application/pdf"), ("a.mp4", "video/mp4"),
    ("a.mp3", "audio/mpeg"), ("a.xml", "application/xml"), ("a.tar.gz", "application/gzip"),
    ("a", "application/octet-stream"), ("a.", "application/octet-stream"),
    ("a.css/b", "application/octet-stream"), ("", "application/octet-stream"),
    ("a.unknown", "application/octet-stream"), ("a.cssx", "application/octet-stream"),
    ("a.cs", "application/octet-stream"), ("a.0123456789abcdef", "application/octet-stream"),
    ("a.0123456789abcdefg", "application/octet-stream"),
    ("a.zzzzzzzzzzzzzzzz", "application/octet-stream"), ("a.\u{0}css", "application/octet-stream"),
  ])
  func `the last extension decides`(path: String, type: String) {
    let types = MediaTypes()
    let bytes = Array(path.utf8)
    #expect("\(types.type(ofPath: bytes.span).name)" == type)
  }
}
