// AcceptedCodings: what Accept-Encoding says about the codings of precompressed files. Pure.
internal import Bytes

/// The content codings a file can have on disk.
enum ContentCoding: Equatable {
  case identity, brotli, gzip
}

/// Weights of the codings in thousandths, 0...1000 (RFC 9110, sections 12.4.2 and 12.5.3).
///
/// Without the field only the file itself is sent: any coding would be allowed then, but such
/// clients are mostly simple ones.
struct AcceptedCodings: Equatable {
  /// nil where the field does not name it.
  private var brotli: Int?
  private var gzip: Int?
  private var identity: Int?
  private var others: Int?

  init() {}

  /// Adds one Accept-Encoding field; several count as one list. Allocates: never.
  mutating func add(_ value: Span<UInt8>) {
    var elements = ListElements()
    while elements.next(in: value) { addElement(value.extracting(elements.range)) }
  }

  /// Whether `coding` may be sent and the client does not like the plain file better.
  func prefers(_ coding: ContentCoding) -> Bool {
    let weight = weight(of: coding)
    return weight > 0 && weight >= identity ?? 0
  }

  /// Whether gzip is tried before brotli: only if the client weighs it higher.
  var prefersGzip: Bool { weight(of: .gzip) > weight(of: .brotli) }

  private func weight(of coding: ContentCoding) -> Int {
    switch coding {
    case .brotli: brotli ?? others ?? 0
    case .gzip: gzip ?? others ?? 0
    case .identity: identity ?? others ?? 1
    }
  }

  private mutating func addElement(_ element: Span<UInt8>) {
    var end = 0
    while end < element.count, element[end] != UInt8(ascii: ";") { end += 1 }
    let name = element.extracting(trimmed(0..<end, in: element))
    let weight = end < element.count ? Self.weight(element.extracting((end + 1)...)) : 1000
    if ASCII.equalsIgnoringCase(name, "br") {
      brotli = weight
    } else if ASCII.equalsIgnoringCase(name, "gzip") || ASCII.equalsIgnoringCase(name, "x-gzip") {
      gzip = weight
    } else if ASCII.equalsIgnoringCase(name, "identity") {
      identity = weight
    } else if ASCII.equalsIgnoringCase(name, "*") {
      others = weight
    }
  }

  /// The weight in `parameter`, `q=0.5`; 0 (refused) where it is not well-formed.
  private static func weight(_ parameter: Span<UInt8>) -> Int {
    let text = parameter.extracting(trimmed(0..<parameter.count, in: parameter))
    guard text.count >= 3, text.count <= 7, text[0] | 0x20 == UInt8(ascii: "q"),
      text[1] == UInt8(ascii: "="), ASCII.isDigit(text[2]), text[2] <= UInt8(ascii: "1")
    else { return 0 }
    var weight = Int(text[2] - 0x30) * 1000
    guard text.count > 3 else { return weight }
    guard text[3] == UInt8(ascii: ".") else { return 0 }
    var unit = 100
    for index in 4..<text.count {
      guard ASCII.isDigit(text[index]) else { return 0 }
      weight += Int(text[index] - 0x30) * unit
      unit /= 10
    }
    return weight <= 1000 ? weight : 0
  }
}
