// EnvironmentFile: variables of the environment, one a line (`--env-file`). Pure.
//
// What systemd's EnvironmentFile=, a shell and the dotenv libraries read alike is read; what they
// read differently (backslashes, a comment behind a value) is refused, so that no secret is ever
// something else than its owner thinks. Sentences name the file and the line, never what is in it.

/// A file of variables.
///
/// ```
/// # a comment, as is a line that begins with ;
/// NAME=value without quotes, to the end of the line
/// export NAME='anything but a single quote, also over several lines'
/// NAME="the same; a backslash stands before each of \ " $ and `"
/// ```
///
/// Nothing is expanded. Blanks around the name and the value are not part of them. Of a name that
/// is set twice, the last counts.
public struct EnvironmentFile: Equatable, Sendable {
  /// One variable.
  public struct Variable: Equatable, Sendable {
    /// Letters, digits and underscores; does not begin with a digit.
    public var name: String
    /// Any text, also an empty one, without zero bytes.
    public var value: String

    /// A variable.
    public init(name: String, value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Bytes of the longest file.
  public static let mostBytes = 1 << 20
  /// Bytes of name and value together: the kernel's MAX_ARG_STRLEN, without `=` and the zero byte.
  static let mostVariableBytes = 131_072 - 2

  /// What it sets, in the order of the lines.
  public let variables: [Variable]

  /// Reads the bytes of the file at `path`.
  ///
  /// - Throws: a sentence about the first line that is wrong; exit code ``ExitCode/usage``.
  public init(parsing bytes: [UInt8], path: String) throws(UsageError) {
    guard bytes.count <= Self.mostBytes else { throw Self.unreadable(path, "it is over 1 MiB") }
    var lines = Lines(bytes: bytes)
    do throws(LineProblem) {
      variables = try lines.parse()
    } catch {
      throw UsageError("--env-file: line \(error.line) of \(path) \(error.text); \(error.advice)")
    }
  }

  /// What is said of a file that cannot be read, for this reason.
  public static func unreadable(_ path: String, _ reason: String) -> UsageError {
    UsageError(
      "--env-file: \(path) cannot be read: \(reason); correct the path, or give this user the "
        + "right to read it")
  }

  /// What is wrong with a line.
  private struct LineProblem: Error {
    var line: Int
    var text: String
    var advice: String
  }

  /// Where the parser is.
  private struct Lines {
    let bytes: [UInt8]
    var position = 0
    /// Counted from 1.
    var line = 1

    init(bytes: [UInt8]) {
      self.bytes = bytes
      // A byte order mark.
      if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func parse() throws(LineProblem) -> [Variable] {
      var variables: [Variable] = []
      while let byte = next {
        switch byte {
        case UInt8(ascii: "\n"):
          line += 1
          position += 1
        case _ where Self.isBlank(byte): position += 1
        case UInt8(ascii: "#"), UInt8(ascii: ";"):
          while let byte = next, byte != UInt8(ascii: "\n") { position += 1 }
        default: variables.append(try variable())
        }
      }
      return variables
    }

    private mutating func variable() throws(LineProblem) -> Variable {
      let first = line
      var name = word()
      let isExport = name.elementsEqual("export".utf8) && next.map(Self.isBlank) == true
      skipBlanks()
      if isExport && next != UInt8(ascii: "=") {
        name = word()
        skipBlanks()
      }
      guard next == UInt8(ascii: "="), Self.isName(name) else {
        throw LineProblem(
          line: first, text: "is no NAME=VALUE",
          advice: "correct it, or put # before it to leave it out")
      }
      position += 1
      skipBlanks()
      let value =
        switch next {
        case UInt8(ascii: "'"): try singleQuoted()
        case UInt8(ascii: "\""): try doubleQuoted()
        default: try plain()
        }
      guard !value.contains(0), let text = String(validating: value, as: UTF8.self) else {
        throw LineProblem(
          line: first, text: "has a value that is no UTF-8 text", advice: "correct it")
      }
      guard name.count + value.count <= EnvironmentFile.mostVariableBytes else {
        throw LineProblem(
          line: first, text: "has a value over 128 KiB, which no program can be started with",
          advice: "put it into a file of its own, and only its path here")
      }
      return Variable(name: String(decoding: name, as: UTF8.self), value: text)
    }

    /// Bytes up to a blank, `=` or the end of the line.
    private mutating func word() -> ArraySlice<UInt8> {
      let start = position
      while let byte = next, byte != UInt8(ascii: "="), byte != UInt8(ascii: "\n"),
        !Self.isBlank(byte)
      {
        position += 1
      }
      return bytes[start..<position]
    }

    private mutating func skipBlanks() {
      while let byte = next, Self.isBlank(byte) { position += 1 }
    }

    private mutating func plain() throws(LineProblem) -> [UInt8] {
      let start = position
      while let byte = next, byte != UInt8(ascii: "\n") { position += 1 }
      var value = bytes[start..<position]
      while let last = value.last, Self.isBlank(last) { value.removeLast() }
      if value.contains(UInt8(ascii: "\\")) {
        throw LineProblem(
          line: line, text: "has a backslash, which not all programs read alike",
          advice: "put the value into single quotes")
      }
      var isAfterBlank = true
      for byte in value {
        if isAfterBlank && byte == UInt8(ascii: "#") {
          throw LineProblem(
            line: line, text: "has a # behind a blank, which not all programs read alike",
            advice: "put the value into single quotes, or the comment on a line of its own")
        }
        isAfterBlank = Self.isBlank(byte)
      }
      return Array(value)
    }

    private mutating func singleQuoted() throws(LineProblem) -> [UInt8] {
      let first = line
      position += 1
      var value: [UInt8] = []
      while let byte = next {
        position += 1
        if byte == UInt8(ascii: "'") {
          try endOfLine()
          return value
        }
        if byte == UInt8(ascii: "\n") { line += 1 }
        value.append(byte)
      }
      throw Self.unclosed(line: first)
    }

    private mutating func doubleQuoted() throws(LineProblem) -> [UInt8] {
      let first = line
      position += 1
      var value: [UInt8] = []
      while var byte = next {
        position += 1
        if byte == UInt8(ascii: "\"") {
          try endOfLine()
          return value
        }
        if byte == UInt8(ascii: "\\") {
          guard let escaped = next else { break }
          guard "\\\"$`".utf8.contains(escaped) else {
            throw LineProblem(
              line: line, text: "has a backslash in double quotes that not all programs read alike",
              advice: "put the value into single quotes, where it stands for itself; a line break "
                + "is written as one")
          }
          byte = escaped
          position += 1
        }
        if byte == UInt8(ascii: "\n") { line += 1 }
        value.append(byte)
      }
      throw Self.unclosed(line: first)
    }

    /// Behind a closing quote.
    private mutating func endOfLine() throws(LineProblem) {
      skipBlanks()
      guard next == nil || next == UInt8(ascii: "\n") else {
        throw LineProblem(
          line: line, text: "has something behind its closing quote",
          advice: "put all of the value into the quotes, and a comment on a line of its own")
      }
    }

    private static func unclosed(line: Int) -> LineProblem {
      LineProblem(line: line, text: "has a quote that is not closed", advice: "close it")
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
      byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }

    private static func isName(_ name: ArraySlice<UInt8>) -> Bool {
      guard let first = name.first, !(0x30...0x39).contains(first) else { return false }
      return name.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
          || (0x61...0x7A).contains(byte) || byte == UInt8(ascii: "_")
      }
    }
  }
}
