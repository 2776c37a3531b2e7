// NumberText: numbers as text, for people and for programs that know httpd's forms. Pure.

/// Forms of numbers. Allocates: cold paths only.
enum NumberText {
  /// `value` with `decimals` digits behind the point, as C's `%.2f`; 0...6 decimals.
  static func fixed(_ value: Double, decimals: Int) -> String {
    guard value.isFinite else { return "0" }
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    let scaled = (value.magnitude * scale).rounded(.toNearestOrEven)
    guard scaled < 9e15 else { return "\(Int64(clamping: value))" }
    let number = Int64(scaled)
    var digits = "\(number)"
    while digits.utf8.count <= decimals { digits = "0" + digits }
    let sign = value < 0 && number != 0 ? "-" : ""
    if decimals == 0 { return sign + digits }
    return sign + digits.dropLast(decimals) + "." + digits.suffix(decimals)
  }

  /// `value`, not negative, as the Apache Portable Runtime prints `%g`: six digits without trailing
  /// zeros, no zero before the point (`.25`), and an exponent where five zeros or more would follow
  /// (`1.e+6`) or four or more would precede (`1.2e-5`).
  static func apache(_ value: Double) -> String {
    guard value > 0, value.isFinite else { return "0" }
    // value = 0.DDDDDD × 10^point, the digits without trailing zeros.
    var point = 6
    var scaled = value
    while scaled >= 1e6 {
      scaled /= 10
      point += 1
    }
    while scaled < 1e5 {
      scaled *= 10
      point -= 1
    }
    var number = Int64(scaled.rounded())
    if number == 1_000_000 {
      number = 100_000
      point += 1
    }
    while number % 10 == 0 { number /= 10 }
    let digits = "\(number)"
    let count = digits.utf8.count
    if point - count > 4 || point < -3 {
      let exponent = point - 1
      return "\(digits.prefix(1)).\(digits.dropFirst())e\(exponent < 0 ? "-" : "+")"
        + "\(exponent.magnitude)"
    }
    if point <= 0 { return "." + String(repeating: "0", count: -point) + digits }
    if point >= count { return digits + String(repeating: "0", count: point - count) }
    return "\(digits.prefix(point)).\(digits.dropFirst(point))"
  }

  /// A number as JSON, at most three decimals: `12.5`, `0`; `null` for nil.
  static func json(_ value: Double?) -> String {
    guard let value, value.isFinite else { return "null" }
    var text = fixed(value, decimals: 3)
    // A number so large that it has no decimals keeps its zeros.
    while text.contains(".") && text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
  }

  /// ` 2 days 4 hours 13 seconds`, as mod_status prints times: what is 0 is left out.
  static func apacheDuration(_ seconds: Int64) -> String {
    var text = ""
    for (count, unit) in [
      (seconds / 86_400, "day"), (seconds / 3600 % 24, "hour"), (seconds / 60 % 60, "minute"),
      (seconds % 60, "second"),
    ] where count != 0 {
      text += " \(count) \(unit)\(count == 1 ? "" : "s")"
    }
    return text
  }

  // MARK: for people

  /// `1 234 567`, with `separator` between groups of three digits.
  static func grouped(_ number: Int64, separator: String = ",") -> String {
    let digits = Array("\(number.magnitude)")
    var text = number < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += separator }
      text.append(digit)
    }
    return text
  }

  /// `812 B`, `1.5 kB`, `23 MB`: powers of 1024, as mod_status counts.
  static func bytes(_ count: Double) -> String {
    if count < 1024 { return "\(fixed(max(0, count), decimals: 0)) B" }
    var rest = count / 1024
    var unit = "kB"
    for next in ["MB", "GB", "TB", "PB"] where rest >= 1000 {
      rest /= 1024
      unit = next
    }
    return "\(fixed(rest, decimals: rest < 9.95 ? 1 : 0)) \(unit)"
  }

  /// `0 ms`, `12 ms`, `1.5 s`, `2 min 3 s`, `4 h 5 min`, `3 d 7 h`.
  static func duration(ms: Int64) -> String {
    if ms < 1000 { return "\(max(0, ms)) ms" }
    let seconds = ms / 1000
    switch seconds {
    case ..<10: return "\(fixed(Double(ms / 100) / 10, decimals: 1)) s"
    case ..<60: return "\(seconds) s"
    case ..<3600: return pair(seconds / 60, "min", seconds % 60, "s")
    case ..<86_400: return pair(seconds / 3600, "h", seconds / 60 % 60, "min")
    default: return pair(seconds / 86_400, "d", seconds / 3600 % 24, "h")
    }
  }

  private static func pair(_ first: Int64, _ unit: String, _ rest: Int64, _ small: String) -> String
  {
    rest == 0 ? "\(first) \(unit)" : "\(first) \(unit) \(rest) \(small)"
  }

  /// Three significant digits: `0.123`, `4.56`, `78.9`, `1,234`.
  static func rate(_ value: Double) -> String {
    switch value {
    case ..<0.0005: "0"
    case ..<1: fixed(value, decimals: 3)
    case ..<10: fixed(value, decimals: 2)
    case ..<100: fixed(value, decimals: 1)
    default: grouped(Int64(clamping: value.rounded()))
    }
  }
}

extension Int64 {
  /// The nearest whole number inside the range.
  init(clamping value: Double) {
    self = value >= 9.2e18 ? .max : value <= -9.2e18 ? .min : value.isNaN ? 0 : Int64(value)
  }
}
