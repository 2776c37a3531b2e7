// MediaTypes: Content-Type by file name extension. Pure.
internal import Bytes

/// What is known about files with some extension.
@safe struct MediaType {
  /// Value of Content-Type.
  let name: StaticString
  /// Whether precompressed siblings are worth looking for: false where the format is compressed.
  let isCompressible: Bool

  static var unknown: MediaType {
    MediaType(name: "application/octet-stream", isCompressible: true)
  }
}

/// The built-in table of media types (IANA registry, and RFC 9239 for JavaScript).
///
/// Built once per site, so that a look-up is a binary search over integers. Allocates: in `init`.
@safe struct MediaTypes: ~Copyable {
  /// Extensions as ``key(for:)``, ascending.
  private let keys: UnsafeMutablePointer<UInt128>
  private let types: UnsafeMutablePointer<MediaType>
  private let count: Int

  init() {
    var table: [(key: UInt128, type: MediaType)] = []
    for group in Self.groups {
      let type = MediaType(name: group.name, isCompressible: group.isCompressible)
      for word in group.extensions.utf8.split(separator: UInt8(ascii: " ")) {
        let bytes = Array(word)
        guard let key = Self.key(for: bytes.span) else {
          preconditionFailure("an extension of the table is longer than 15 bytes")
        }
        table.append((key, type))
      }
    }
    table.sort { $0.key < $1.key }
    count = table.count
    unsafe keys = .allocate(capacity: count)
    unsafe types = .allocate(capacity: count)
    for (index, entry) in table.enumerated() {
      precondition(
        index == 0 || table[index - 1].key != entry.key, "an extension stands in the table twice")
      unsafe (keys + index).initialize(to: entry.key)
      unsafe (types + index).initialize(to: entry.type)
    }
  }

  deinit {
    unsafe keys.deallocate()
    unsafe types.deallocate()
  }

  /// The type of the file at `path`, decided by the last extension of its last name.
  ///
  /// Allocates: never.
  borrowing func type(ofPath path: Span<UInt8>) -> MediaType {
    var start = path.count
    while start > 0, path[start - 1] != UInt8(ascii: ".") {
      if path[start - 1] == UInt8(ascii: "/") { return .unknown }
      start -= 1
    }
    guard start > 0, let key = Self.key(for: path.extracting(start..<path.count)) else {
      return .unknown
    }
    var low = 0
    var high = count
    while low < high {
      let middle = (low &+ high) / 2
      let found = unsafe keys[middle]
      if found == key { return unsafe types[middle] }
      if found < key { low = middle &+ 1 } else { high = middle }
    }
    return .unknown
  }

  /// The lower-case extension packed into an integer; nil when empty or longer than 15 bytes.
  private static func key(for bytes: Span<UInt8>) -> UInt128? {
    guard bytes.count >= 1, bytes.count <= 15 else { return nil }
    // The one marks the start: a leading zero byte would not change the number otherwise.
    var key: UInt128 = 1
    for index in bytes.indices { key = key << 8 | UInt128(ASCII.lowercased(bytes[index])) }
    return key
  }

  /// Text is UTF-8 here. XML, JSON and SVG say their encoding themselves, so get no charset.
  private static let groups: [(name: StaticString, isCompressible: Bool, extensions: String)] = [
    ("text/html; charset=utf-8", true, "html htm shtml"),
    ("text/css; charset=utf-8", true, "css"),
    ("text/javascript; charset=utf-8", true, "js mjs cjs"),
    ("text/plain; charset=utf-8", true, "txt text log conf ini diff patch asc"),
    ("text/markdown; charset=utf-8", true, "md markdown"),
    ("text/csv; charset=utf-8", true, "csv"),
    ("text/tab-separated-values; charset=utf-8", true, "tsv"),
    ("text/calendar; charset=utf-8", true, "ics ifb"),
    ("text/vcard; charset=utf-8", true, "vcf"),
    ("text/vtt; charset=utf-8", true, "vtt"),
    ("text/x-component; charset=utf-8", true, "htc"),
    ("application/json", true, "json map topojson"),
    ("application/ld+json", true, "jsonld"),
    ("application/geo+json", true, "geojson"),
    ("application/manifest+json", true, "webmanifest webapp manifest"),
    ("application/xml", true, "xml xsl xsd dtd"),
    ("application/xslt+xml", true, "xslt"),
    ("application/xhtml+xml", true, "xhtml xht"),
    ("application/rss+xml", true, "rss"),
    ("application/atom+xml", true, "atom"),
    ("application/mathml+xml", true, "mathml"),
    ("application/gpx+xml", true, "gpx"),
    ("application/vnd.google-earth.kml+xml", true, "kml"),
    ("application/yaml", true, "yaml yml"),
    ("application/toml", true, "toml"),
    ("application/wasm", true, "wasm"),
    ("application/rtf", true, "rtf"),
    ("application/sql", true, "sql"),
    ("application/postscript", true, "ps eps ai"),
    ("application/x-tar", true, "tar"),
    ("application/vnd.ms-fontobject", true, "eot"),
    ("font/ttf", true, "ttf"),
    ("font/otf", true, "otf"),
    ("font/collection", true, "ttc"),
    ("image/svg+xml", true, "svg"),
    ("image/bmp", true, "bmp"),
    ("image/vnd.microsoft.icon", true, "ico"),
    ("model/gltf+json", true, "gltf"),
    ("model/obj", true, "obj"),
    ("model/stl", true, "stl"),
    ("application/msword", true, "doc dot"),
    ("application/vnd.ms-excel", true, "xls"),
    ("application/vnd.ms-powerpoint", true, "ppt"),
    // From here on the formats are compressed by themselves.
    ("font/woff", false, "woff"),
    ("font/woff2", false, "woff2"),
    ("image/png", false, "png"),
    ("image/apng", false, "apng"),
    ("image/jpeg", false, "jpg jpeg jpe jfif"),
    ("image/gif", false, "gif"),
    ("image/webp", false, "webp"),
    ("image/avif", false, "avif"),
    ("image/heic", false, "heic"),
    ("image/jxl", false, "jxl"),
    ("image/tiff", false, "tif tiff"),
    ("audio/mpeg", false, "mp3"),
    ("audio/mp4", false, "m4a"),
    ("audio/aac", false, "aac"),
    ("audio/ogg", false, "ogg oga opus"),
    ("audio/flac", false, "flac"),
    ("audio/wav", false, "wav"),
    ("audio/midi", false, "mid midi"),
    ("audio/webm", false, "weba"),
    ("video/mp4", false, "mp4 m4v"),
    ("video/webm", false, "webm"),
    ("video/ogg", false, "ogv"),
    ("video/mpeg", false, "mpg mpeg"),
    ("video/quicktime", false, "mov qt"),
    ("video/x-msvideo", false, "avi"),
    ("video/x-matroska", false, "mkv"),
    ("video/mp2t", false, "ts m2ts"),
    ("application/vnd.apple.mpegurl", true, "m3u8"),
    ("application/dash+xml", true, "mpd"),
    ("application/pdf", false, "pdf"),
    ("application/epub+zip", false, "epub"),
    ("application/zip", false, "zip"),
    ("application/gzip", false, "gz tgz"),
    ("application/x-bzip2", false, "bz2"),
    ("application/x-xz", false, "xz"),
    ("application/zstd", false, "zst"),
    ("application/x-brotli", false, "br"),
    ("application/x-7z-compressed", false, "7z"),
    ("application/vnd.rar", false, "rar"),
    ("application/java-archive", false, "jar war"),
    ("application/vnd.debian.binary-package", false, "deb"),
    ("application/x-rpm", false, "rpm"),
    ("application/vnd.android.package-archive", false, "apk"),
    (
      "application/vnd.openxmlformats-officedocument.wordprocessingml.document", false, "docx"
    ),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", false, "xlsx"),
    (
      "application/vnd.openxmlformats-officedocument.presentationml.presentation", false, "pptx"
    ),
    ("application/vnd.oasis.opendocument.text", false, "odt"),
    ("application/vnd.oasis.opendocument.spreadsheet", false, "ods"),
    ("application/vnd.oasis.opendocument.presentation", false, "odp"),
    ("model/gltf-binary", false, "glb"),
  ]
}
