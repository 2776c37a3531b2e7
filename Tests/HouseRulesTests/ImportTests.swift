// ImportTests: the arrows between the rooms point down, and each C shim has its importers only.
import Foundation
import Testing

/// An `import` in a file.
struct Import: Hashable {
  let room: String
  let module: String
  let path: String

  /// Every import below Sources/.
  static func all() throws -> [Import] {
    try SourceFile.all(in: "Sources").flatMap { file in
      modules(in: file.code).map { Import(room: file.room, module: $0, path: file.path) }
    }
  }

  /// The modules that Swift code without comments imports.
  static func modules(in code: String) -> [String] {
    let kinds: Set<Substring> = [
      "struct", "class", "enum", "protocol", "func", "var", "let", "typealias",
    ]
    return code.split(separator: "\n").flatMap { $0.split(separator: ";") }.compactMap { line in
      let words = line.split { $0 == " " || $0 == "\t" }
      guard let at = words.firstIndex(of: "import"), at + 1 < words.count,
        words[..<at].allSatisfy({ isModifier($0) })
      else { return nil }
      let name =
        kinds.contains(words[at + 1]) && at + 2 < words.count ? words[at + 2] : words[at + 1]
      return name.split(separator: ".").first.map(String.init)
    }
  }

  private static func isModifier(_ word: Substring) -> Bool {
    word.hasPrefix("@")
      || ["public", "package", "internal", "fileprivate", "private"].contains(word)
  }
}

@Suite struct ImportTests {
  @Test func everyRoomIsKnown() throws {
    let known = Set(Room.all.map(\.name))
    let found = Set(try SourceFile.all(in: "Sources").map(\.room))
    #expect(
      found.subtracting(known).isEmpty,
      "say in Rooms.swift what these rooms may import: \(found.subtracting(known).sorted())")
    #expect(
      known.subtracting(found).isEmpty,
      "rooms without a file; take them out of Rooms.swift: \(known.subtracting(found).sorted())")
  }

  @Test func arrowsPointDown() {
    var below: Set<String> = Set(Room.shims.keys)
    for room in Room.all {
      #expect(
        room.imports.isSubset(of: below),
        "\(room.name) may not import \(room.imports.subtracting(below).sorted()): not below it")
      below.insert(room.name)
    }
  }

  @Test func everyImportIsAllowed() throws {
    let rooms = Dictionary(uniqueKeysWithValues: Room.all.map { ($0.name, $0) })
    for found in try Import.all() {
      guard let room = rooms[found.room] else { continue }
      #expect(
        room.imports.contains(found.module) || room.systemModules.contains(found.module),
        "\(found.path) imports \(found.module), which \(room.name) (\(room.kind)) may not")
    }
  }

  @Test func nobodyImportsWhatCostsMemoryOrThreads() throws {
    for found in try Import.all() {
      #expect(!Room.banned.contains(found.module), "\(found.path) imports \(found.module)")
    }
  }

  @Test func shimsHaveTheirImportersOnly() throws {
    for found in try Import.all() {
      guard let importers = Room.shims[found.module] else { continue }
      #expect(
        importers.contains(found.room),
        "\(found.path) imports \(found.module); only \(importers.sorted()) may")
    }
    for (shim, importers) in Room.shims {
      let named = Set(Room.all.filter { $0.imports.contains(shim) }.map(\.name))
      #expect(named == importers, "Rooms.swift contradicts itself about \(shim)")
    }
  }

  @Test(arguments: [
    ("internal import Bytes", ["Bytes"]),
    ("@_exported public import struct HTTP1.Field", ["HTTP1"]),
    ("import Glibc; import CLinux", ["Glibc", "CLinux"]),
    ("let x = \"\"\n  import Platform\nreimport Nothing", ["Platform"]),
    ("// import Foundation\n/* import A /* import B */ import C */", []),
    ("let text = \"\"\"\n  import Foundation\n  \"\"\"", []),
  ])
  func importsAreFound(code: String, modules: [String]) {
    let file = SourceFile(path: "Sources/Room/File.swift", text: code)
    #expect(Import.modules(in: file.code) == modules)
  }
}
