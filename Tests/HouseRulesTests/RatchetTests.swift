// RatchetTests: what escapes the compiler's checks is counted, and the numbers only fall.
import Foundation
import Testing

/// How often a room steps around the compiler.
struct Escapes: Codable, Equatable {
  /// `unsafe` expressions and declarations.
  var unsafe = 0
  /// `@unchecked Sendable`.
  var unchecked = 0
  /// `nonisolated(unsafe)`.
  var nonisolated = 0
  /// `x!`, `try!`, `as!`.
  var forced = 0

  /// Counts in Swift code without comments and strings.
  init(in code: String) {
    let bytes = Array(code.utf8)
    var start = 0
    for (index, byte) in bytes.enumerated() where !Self.isInWord(byte) {
      count(start..<index, in: bytes)
      if byte == UInt8(ascii: "!"), isForcing(at: index, in: bytes) { forced += 1 }
      start = index + 1
    }
    count(start..<bytes.count, in: bytes)
  }

  private static func isInWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), 0x80...:
      true
    default: false
    }
  }

  private mutating func count(_ word: Range<Int>, in bytes: [UInt8]) {
    guard word.count == 6 || word.count == 9 else { return }
    let before = bytes[..<word.lowerBound]
    func precedes(_ text: String) -> Bool {
      before.suffix(text.utf8.count).elementsEqual(text.utf8)
    }
    switch String(decoding: bytes[word], as: UTF8.self) {
    case "unsafe" where precedes("nonisolated("): nonisolated += 1
    case "unsafe": unsafe += 1
    case "unchecked" where precedes("@"): unchecked += 1
    default: break
    }
  }

  /// Whether a `!` stands behind a value, a type, `try` or `as`; a `!` of `!=` or `!x` does not.
  private func isForcing(at index: Int, in bytes: [UInt8]) -> Bool {
    guard index > 0 else { return false }
    let before = bytes[index - 1]
    let isEquation = index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "=")
    return !isEquation && (Self.isInWord(before) || ")]}>?\"".utf8.contains(before))
  }

  static func + (left: Escapes, right: Escapes) -> Escapes {
    var sum = left
    sum.unsafe += right.unsafe
    sum.unchecked += right.unchecked
    sum.nonisolated += right.nonisolated
    sum.forced += right.forced
    return sum
  }

  /// The rooms and their counts, as they are now.
  static func now() throws -> [String: Escapes] {
    try SourceFile.all(in: "Sources").reduce(into: [:]) { rooms, file in
      rooms[file.room, default: Escapes(in: "")] =
        rooms[file.room, default: Escapes(in: "")] + Escapes(in: file.code)
    }
  }

  var named: [(String, Int)] {
    [
      ("unsafe", unsafe), ("@unchecked Sendable", unchecked),
      ("nonisolated(unsafe)", nonisolated), ("forced unwraps", forced),
    ]
  }
}

@Suite struct RatchetTests {
  /// What was agreed. `make ratchet` writes it; a number that rises shows in the review.
  static let table = SourceFile.repository.appending(path: "Tests/ratchet.json")

  @Test func escapesOnlyFall() throws {
    let now = try Escapes.now()
    if ProcessInfo.processInfo.environment["PLIMSOLL_RATCHET"] == "write" {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      var data = try encoder.encode(now)
      data.append(UInt8(ascii: "\n"))
      try data.write(to: Self.table)
    }
    let agreed = try JSONDecoder().decode(
      [String: Escapes].self, from: Data(contentsOf: Self.table))
    for (room, counts) in now.sorted(by: { $0.key < $1.key }) {
      let bounds = agreed[room, default: Escapes(in: "")].named
      for ((what, count), (_, bound)) in zip(counts.named, bounds) {
        #expect(
          count <= bound,
          "\(room) has \(count) × \(what), \(bound) are agreed: find a way without")
        #expect(
          count >= bound,
          "\(room) has only \(count) × \(what), \(bound) are agreed: keep it with `make ratchet`")
      }
    }
  }

  @Test(arguments: [
    ("let x = unsafe p.pointee + (unsafe q[0])", 2, 0, 0, 0),
    ("nonisolated(unsafe) var a: Int!", 0, 0, 1, 1),
    ("extension A: @unchecked Sendable {}", 0, 1, 0, 0),
    ("let a = b! + c[0]! + try! d() + (e as! F)", 0, 0, 0, 4),
    ("if a != b && !c || x!=y { unsafePointer(UnsafePointer()) }", 0, 0, 0, 0),
    ("// unsafe a!\nlet s = \"unsafe b!\"", 0, 0, 0, 0),
  ])
  func escapesAreCounted(
    text: String, unsafe: Int, unchecked: Int, nonisolated: Int, forced: Int
  ) {
    let found = Escapes(in: SourceFile(path: "", text: text).code)
    #expect(found.named.map(\.1) == [unsafe, unchecked, nonisolated, forced])
  }
}
