// ServerSettings+Encoding: settings as bytes, from `plimsoll` to `plimsolld`. Pure.
//
// Form: name NUL value NUL, again and again. Values are texts as on the command line; a repeatable
// setting stands once for each value, and not at all where it is empty.

extension ServerSettings {
  /// Every setting as bytes. No value holds a NUL: they come from argv, which cannot.
  public var encoded: [UInt8] {
    var bytes: [UInt8] = []
    for definition in SettingsTable.all {
      for text in definition.texts(in: self) {
        bytes += definition.name.utf8
        bytes.append(0)
        bytes += text.utf8
        bytes.append(0)
      }
    }
    return bytes
  }

  /// Reads what ``encoded`` wrote.
  ///
  /// - Throws: a sentence; it means that the two programs are of different releases.
  public init(encoded bytes: [UInt8]) throws(UsageError) {
    self.init()
    for definition in SettingsTable.all { definition.clear(in: &self) }
    var fields = bytes.split(separator: 0, omittingEmptySubsequences: false)[...]
    guard fields.popLast()?.isEmpty == true, fields.count % 2 == 0 else {
      throw UsageError(
        "the settings that plimsoll hands over are cut off; install one release of all programs",
        exitCode: .internalError)
    }
    var missing = Set(SettingsTable.all.filter { !$0.isRepeatable }.map(\.name))
    while let name = fields.popFirst(), let value = fields.popFirst() {
      let name = String(decoding: name, as: UTF8.self)
      let text = String(decoding: value, as: UTF8.self)
      guard let definition = SettingsTable.definition(named: name) else {
        throw UsageError(
          "plimsoll handed over the setting \"\(name)\", which this plimsolld does not know; "
            + "install one release of all programs", exitCode: .internalError)
      }
      missing.remove(name)
      do throws(ValueProblem) {
        try definition.apply(text, to: &self, source: .encoded)
      } catch {
        throw UsageError(error.sentence(about: text, at: "the setting \(name)", for: definition))
      }
    }
    if let name = missing.first {
      throw UsageError(
        "plimsoll handed over no setting \"\(name)\"; install one release of all programs",
        exitCode: .internalError)
    }
  }

  /// Makes every path absolute.
  ///
  /// - Parameter directory: absolute path from which relative ones start.
  public mutating func makePathsAbsolute(from directory: String) {
    for definition in SettingsTable.all where definition.name != "chdir" {
      definition.mapPaths(in: &self) { Self.absolutePath($0, from: directory) }
    }
  }

  /// `path` as seen from `directory`, without `.` parts and doubled slashes. `..` stays: what it
  /// means depends on symbolic links.
  public static func absolutePath(_ path: String, from directory: String) -> String {
    let joined = path.hasPrefix("/") ? path : "\(directory)/\(path)"
    let parts = joined.split(separator: "/").filter { $0 != "." }
    return "/" + parts.joined(separator: "/")
  }
}
