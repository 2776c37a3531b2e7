// DurationText: durations and sizes as people write them. Pure.

/// Why a value is refused, as the end of a sentence that begins with the value.
struct ValueProblem: Error, Equatable {
  /// What is wrong.
  var reason: String
  /// What to do, where it is more to the point than what the setting expects; empty where the
  /// reason says it already.
  var advice: String?

  init(_ reason: String, advice: String? = nil) {
    self.reason = reason
    self.advice = advice
  }

  /// The sentence about `value`, which was given for `definition` at `place`.
  func sentence(about value: String, at place: String, for definition: SettingDefinition) -> String
  {
    let end = advice ?? "give \(definition.expectation)"
    return "\(place) \"\(value)\" \(reason)\(end.isEmpty ? "" : "; \(end)")"
  }
}

/// Durations: a plain number is seconds; decimals and the suffixes ms, s, m, h are understood.
enum DurationText {
  private static let units: [(suffix: String, ms: Int64)] = [
    ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000),
  ]

  /// Milliseconds of `text`.
  static func parse(_ text: String) throws(ValueProblem) -> Int64 {
    let unit = units.first { text.hasSuffix($0.suffix) }
    let number = text.dropLast(unit?.suffix.count ?? 0)
    let parts = number.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, let whole = parts.first, let seconds = digits(whole) else {
      throw ValueProblem("is not a duration")
    }
    let unitMs = unit?.ms ?? 1000
    let (wholeMs, overflowed) = seconds.multipliedReportingOverflow(by: unitMs)
    guard !overflowed else { throw ValueProblem("is out of range") }
    guard parts.count == 2 else { return wholeMs }
    guard (1...9).contains(parts[1].count), let fraction = digits(parts[1]) else {
      throw ValueProblem("is not a duration")
    }
    let scale = (0..<parts[1].count).reduce(Int64(1)) { scale, _ in scale * 10 }
    guard fraction * unitMs % scale == 0 else {
      throw ValueProblem("is finer than a millisecond")
    }
    let (sum, carried) = wholeMs.addingReportingOverflow(fraction * unitMs / scale)
    guard !carried else { throw ValueProblem("is out of range") }
    return sum
  }

  /// The shortest text that ``parse(_:)`` reads as `ms`; with `s` or `ms` as unit.
  static func encode(_ ms: Int64) -> String {
    ms % 1000 == 0 ? "\(ms / 1000)s" : "\(ms)ms"
  }

  /// Like ``encode(_:)``, without the unit where it is seconds (as in Apache's directives).
  static func encodeBare(_ ms: Int64) -> String {
    ms % 1000 == 0 ? "\(ms / 1000)" : "\(ms)ms"
  }
}

/// Sizes: bytes, or with K, M, G as powers of 1024.
enum SizeText {
  private static let units: [(suffix: Character, bytes: Int64)] = [
    ("G", 1_073_741_824), ("M", 1_048_576), ("K", 1024),
  ]

  /// Bytes of `text`.
  static func parse(_ text: String) throws(ValueProblem) -> Int64 {
    let unit = units.first { text.last?.uppercased() == String($0.suffix) }
    guard let number = digits(text.dropLast(unit == nil ? 0 : 1)) else {
      throw ValueProblem("is not a size")
    }
    let (bytes, overflowed) = number.multipliedReportingOverflow(by: unit?.bytes ?? 1)
    guard !overflowed else { throw ValueProblem("is out of range") }
    return bytes
  }

  /// The shortest exact text.
  static func encode(_ bytes: Int64) -> String {
    for unit in units where bytes != 0 && bytes % unit.bytes == 0 {
      return "\(bytes / unit.bytes)\(unit.suffix)"
    }
    return "\(bytes)"
  }
}

/// The value of a run of ASCII digits; nil for anything else, and for more than Int64 holds.
func digits(_ text: some StringProtocol) -> Int64? {
  guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { return nil }
  return Int64(String(text))
}

/// The value of octal digits, with or without a leading `0o`; nil for anything else.
func octalDigits(_ text: some StringProtocol) -> UInt32? {
  let number = text.hasPrefix("0o") ? text.dropFirst(2) : text.dropFirst(0)
  guard !number.isEmpty, number.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x37 }) else { return nil }
  return UInt32(String(number), radix: 8)
}

/// `0660`: octal with a leading zero.
func octalText(_ value: UInt32) -> String {
  let text = String(value, radix: 8)
  return String(repeating: "0", count: max(1, 4 - text.count)) + text
}
