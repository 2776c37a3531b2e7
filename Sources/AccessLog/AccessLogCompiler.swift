// AccessLogCompiler: the text of a LogFormat to items. Pure.
//
// Source of the syntax: httpd 2.4, mod_log_config, "Custom Log Formats".

/// Reads one format from left to right.
struct AccessLogCompiler {
  private(set) var items: [AccessLogItem] = []
  private(set) var bytes: [UInt8] = []
  private(set) var statuses: [UInt16] = []

  private let format: [UInt8]
  private var position = 0

  init(_ format: [UInt8]) {
    self.format = format
  }

  /// Compiles the whole format; the newline that ends a line is its last literal.
  mutating func compile() throws(AccessLogFormat.ParseError) {
    guard format.contains(UInt8(ascii: "%")) else {
      let names = AccessLogFormat.named.map(\.name).joined(separator: ", ")
      throw AccessLogFormat.ParseError(
        message: "the format \"\(text(format))\" is not a known name and holds no % directive; "
          + "give one of \(names), or directives such as %h %t \"%r\" %>s")
    }
    while position < format.count {
      if format[position] == UInt8(ascii: "%") {
        try compileDirective()
      } else {
        compileLiteral()
      }
    }
    appendLiteral(UInt8(ascii: "\n"))
  }

  // MARK: literals

  /// One byte of plain text; `\n`, `\t`, `\r` and `\\` are understood as httpd does.
  private mutating func compileLiteral() {
    let byte = format[position]
    position += 1
    guard byte == UInt8(ascii: "\\"), position < format.count else {
      return appendLiteral(byte)
    }
    switch format[position] {
    case UInt8(ascii: "n"): appendLiteral(0x0A)
    case UInt8(ascii: "t"): appendLiteral(0x09)
    case UInt8(ascii: "r"): appendLiteral(0x0D)
    case UInt8(ascii: "\\"): appendLiteral(byte)
    default: return appendLiteral(byte)  // The next byte keeps its own meaning.
    }
    position += 1
  }

  private mutating func appendLiteral(_ byte: UInt8) {
    if case .literal(var slice)? = items.last, slice.offset + slice.count == bytes.count {
      slice.count += 1
      items[items.count - 1] = .literal(slice)
    } else {
      items.append(.literal(ByteSlice(offset: bytes.count, count: 1)))
    }
    bytes.append(byte)
  }

  // MARK: directives

  private struct Directive {
    var start: Int
    var letter: UInt8 = 0
    var argument: [UInt8]?
    var conditions: [UInt16] = []
    var isNegated = false
  }

  private mutating func compileDirective() throws(AccessLogFormat.ParseError) {
    let directive = try readDirective()
    if directive.letter == UInt8(ascii: "%") { return appendLiteral(directive.letter) }
    let hasCondition = !directive.conditions.isEmpty
    if hasCondition {
      let slice = ByteSlice(offset: statuses.count, count: directive.conditions.count)
      statuses += directive.conditions
      items.append(.condition(statuses: slice, isNegated: directive.isNegated, skip: 0))
    }
    let first = items.count
    try appendItems(of: directive)
    if hasCondition, case .condition(let slice, let isNegated, _) = items[first - 1] {
      items[first - 1] = .condition(
        statuses: slice, isNegated: isNegated, skip: items.count - first)
    }
  }

  /// Reads `%`, modifiers, status codes, `{argument}` and the letter.
  private mutating func readDirective() throws(AccessLogFormat.ParseError) -> Directive {
    var directive = Directive(start: position)
    position += 1
    while position < format.count {
      let byte = format[position]
      position += 1
      switch byte {
      case UInt8(ascii: "!"): directive.isNegated = true
      case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: ","): break
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        position -= 1
        directive.conditions.append(try readStatus())
      case UInt8(ascii: "{"):
        guard let end = format[position...].firstIndex(of: UInt8(ascii: "}")) else {
          throw problem(directive.start, "has a { without a }; close it")
        }
        directive.argument = Array(format[position..<end])
        position = end + 1
      case UInt8(ascii: "("):
        throw problem(
          directive.start,
          "is written in gunicorn's way; write %h instead of %(h)s, and see Apache's LogFormat")
      default:
        directive.letter = byte
        if directive.isNegated && directive.conditions.isEmpty {
          throw problem(directive.start, "has a ! without status codes; write for example %!200r")
        }
        return directive
      }
    }
    throw problem(directive.start, "has no letter; write %% for a percent sign")
  }

  private mutating func readStatus() throws(AccessLogFormat.ParseError) -> UInt16 {
    let start = position
    var value: UInt16 = 0
    while position < format.count, position - start < 4, isDigit(format[position]) {
      value = value * 10 + UInt16(format[position] - UInt8(ascii: "0"))
      position += 1
    }
    guard position - start == 3, value >= 100 else {
      throw problem(start, "has a status code that is not one from 100 to 999")
    }
    return value
  }

  private mutating func appendItems(
    of directive: Directive
  ) throws(AccessLogFormat.ParseError) {
    let letter = directive.letter
    switch letter {
    case UInt8(ascii: "i"), UInt8(ascii: "o"):
      guard let name = directive.argument, !name.isEmpty else {
        throw problem(
          directive.start, "needs the name of a field; write for example %{Referer}i")
      }
      let slice = ByteSlice(offset: bytes.count, count: name.count)
      bytes += name.map(asciiLowercase)
      items.append(
        letter == UInt8(ascii: "i") ? .requestField(name: slice) : .responseField(name: slice))
    case UInt8(ascii: "t"):
      try appendTime(directive)
    case UInt8(ascii: "a"), UInt8(ascii: "p"), UInt8(ascii: "P"), UInt8(ascii: "T"):
      items.append(try itemWithVariants(directive))
    default:
      guard let item = Self.plainItem(letter) else {
        throw problem(
          directive.start, "is not a known directive; see docs/reference/access-log-format.md")
      }
      guard directive.argument == nil else {
        throw problem(directive.start, "takes nothing in braces; leave them out")
      }
      items.append(item)
    }
  }

  private static func plainItem(_ letter: UInt8) -> AccessLogItem? {
    switch letter {
    case UInt8(ascii: "A"): .text(.localAddress)
    case UInt8(ascii: "B"): .number(.bodyBytes)
    case UInt8(ascii: "b"): .number(.bodyBytesOrDash)
    case UInt8(ascii: "D"): .number(.durationMicroseconds)
    case UInt8(ascii: "f"), UInt8(ascii: "l"): .text(.absent)
    case UInt8(ascii: "h"): .text(.peerAddress)
    case UInt8(ascii: "H"): .text(.protocolVersion)
    case UInt8(ascii: "I"): .number(.bytesReceived)
    case UInt8(ascii: "k"): .number(.keepAliveRequests)
    case UInt8(ascii: "L"): .text(.requestID)
    case UInt8(ascii: "m"): .text(.method)
    case UInt8(ascii: "O"): .number(.bytesSent)
    case UInt8(ascii: "q"): .text(.query)
    case UInt8(ascii: "r"): .text(.requestLine)
    case UInt8(ascii: "R"): .text(.handler)
    case UInt8(ascii: "s"): .number(.status)
    case UInt8(ascii: "S"): .number(.bytesTransferred)
    case UInt8(ascii: "u"): .text(.user)
    case UInt8(ascii: "U"): .text(.path)
    case UInt8(ascii: "v"), UInt8(ascii: "V"): .text(.host)
    case UInt8(ascii: "X"): .text(.connectionState)
    default: nil
    }
  }

  /// Directives whose meaning depends on what stands in braces.
  private func itemWithVariants(
    _ directive: Directive
  ) throws(AccessLogFormat.ParseError) -> AccessLogItem {
    switch (directive.letter, directive.argument.map(text)) {
    case (UInt8(ascii: "a"), nil), (UInt8(ascii: "a"), "c"): return .text(.peerAddress)
    case (UInt8(ascii: "p"), nil), (UInt8(ascii: "p"), "canonical"), (UInt8(ascii: "p"), "local"):
      return .number(.localPort)
    case (UInt8(ascii: "p"), "remote"): return .number(.peerPort)
    case (UInt8(ascii: "P"), nil), (UInt8(ascii: "P"), "pid"): return .number(.processID)
    case (UInt8(ascii: "T"), nil), (UInt8(ascii: "T"), "s"): return .number(.durationSeconds)
    case (UInt8(ascii: "T"), "ms"): return .number(.durationMilliseconds)
    case (UInt8(ascii: "T"), "us"): return .number(.durationMicroseconds)
    case (UInt8(ascii: "a"), _): throw problem(directive.start, "takes only {c} in braces")
    case (UInt8(ascii: "P"), _): throw problem(directive.start, "takes only {pid} in braces")
    case (UInt8(ascii: "T"), _):
      throw problem(directive.start, "takes {s}, {ms} or {us} in braces")
    default: throw problem(directive.start, "takes {canonical}, {local} or {remote} in braces")
    }
  }

  // MARK: times

  private mutating func appendTime(_ directive: Directive) throws(AccessLogFormat.ParseError) {
    guard let argument = directive.argument else {
      return items.append(.time(.commonLog, ofEnd: false))
    }
    var rest = argument[...]
    let ofEnd = rest.starts(with: "end:".utf8)
    if ofEnd {
      rest = rest.dropFirst(4)
    } else if rest.starts(with: "begin:".utf8) {
      rest = rest.dropFirst(6)
    }
    switch text(Array(rest)) {
    case "": items.append(.time(.commonLog, ofEnd: ofEnd))
    case "sec": items.append(.time(.seconds, ofEnd: ofEnd))
    case "msec": items.append(.time(.milliseconds, ofEnd: ofEnd))
    case "usec": items.append(.time(.microseconds, ofEnd: ofEnd))
    case "msec_frac": items.append(.time(.millisecondFraction, ofEnd: ofEnd))
    case "usec_frac": items.append(.time(.microsecondFraction, ofEnd: ofEnd))
    default: try appendStrftime(rest, ofEnd: ofEnd, start: directive.start)
    }
  }

  private mutating func appendStrftime(
    _ pattern: ArraySlice<UInt8>, ofEnd: Bool, start: Int
  ) throws(AccessLogFormat.ParseError) {
    var index = pattern.startIndex
    while index < pattern.endIndex {
      let byte = pattern[index]
      index += 1
      guard byte == UInt8(ascii: "%") else {
        appendLiteral(byte)
        continue
      }
      guard index < pattern.endIndex else {
        throw problem(start, "ends its time format with a lone %; write %% for a percent sign")
      }
      let letter = pattern[index]
      index += 1
      switch letter {
      case UInt8(ascii: "%"): appendLiteral(letter)
      case UInt8(ascii: "n"): appendLiteral(0x0A)
      case UInt8(ascii: "t"): appendLiteral(0x09)
      default:
        guard "aAbBCdDeFhHIjklmMpPRsSTuwyYzZ".utf8.contains(letter) else {
          throw problem(start, "has %\(text([letter])) in its time format, which is not supported")
        }
        items.append(.time(.letter(letter), ofEnd: ofEnd))
      }
    }
  }

  // MARK: helpers

  /// A sentence about the directive that starts at `start`.
  private func problem(_ start: Int, _ what: String) -> AccessLogFormat.ParseError {
    var end = max(position, min(start + 1, format.count))
    while end < format.count, format[end] & 0xC0 == 0x80 { end += 1 }
    return AccessLogFormat.ParseError(
      message: "\"\(text(Array(format[start..<end])))\" at position \(start + 1) of the format "
        + what)
  }
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

/// The byte, with A to Z mapped to a to z.
func asciiLowercase(_ byte: UInt8) -> UInt8 {
  byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
}
