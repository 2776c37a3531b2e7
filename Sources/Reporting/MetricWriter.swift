// MetricWriter: the lines of Prometheus's text form. Pure.

/// Metrics one after another: ``begin(_:_:_:)``, then the samples of that metric. For cold paths:
/// it allocates.
struct MetricWriter {
  enum Kind: String {
    case counter, gauge, histogram
  }

  private var writer = ReportWriter()
  private var name = ""

  /// What was written.
  var bytes: [UInt8] { writer.bytes }

  /// The next metric. `help` is one sentence without a backslash.
  mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
    self.name = name
    writer.append("# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n")
  }

  /// A sample of the metric that was begun.
  mutating func sample(_ labels: [(String, String)] = [], value: String) {
    sample("", labels, value)
  }

  /// The same for a number that is never negative.
  mutating func sample(_ labels: [(String, String)] = [], count: Int64) {
    sample("", labels, "\(max(0, count))")
  }

  /// The samples of a histogram: `buckets` have their longest duration in microseconds, nil in the
  /// last, and what is in them and in none before.
  mutating func histogram(
    _ labels: [(String, String)], buckets: [(longestUs: Int64?, count: Int64)], sum: String
  ) {
    var seen: Int64 = 0
    for bucket in buckets {
      let (all, overflows) = seen.addingReportingOverflow(max(0, bucket.count))
      seen = overflows ? .max : all
      let bound = bucket.longestUs.map { DecimalText.seconds(us: $0) } ?? "+Inf"
      sample("_bucket", labels + [("le", bound)], "\(seen)")
    }
    sample("_sum", labels, sum)
    sample("_count", labels, "\(seen)")
  }

  private mutating func sample(_ suffix: String, _ labels: [(String, String)], _ value: String) {
    writer.append(name + suffix)
    for (index, label) in labels.enumerated() {
      writer.append("\(index == 0 ? "{" : ",")\(label.0)=\"")
      writer.append(label: label.1)
      writer.append("\"")
    }
    writer.append(labels.isEmpty ? " \(value)\n" : "} \(value)\n")
  }
}

/// Whole numbers of small units as decimals of the base unit, exactly; negative ones as 0.
enum DecimalText {
  static func seconds(ms: Int64) -> String { decimal(ms, digits: 3) }

  static func seconds(us: Int64) -> String { decimal(us, digits: 6) }

  static func ratio(percent: Int) -> String { decimal(Int64(percent), digits: 2) }

  private static func decimal(_ number: Int64, digits: Int) -> String {
    var text = "\(max(0, number))"
    while text.utf8.count <= digits { text = "0" + text }
    var fraction = text.suffix(digits)
    while fraction.last == "0" { fraction.removeLast() }
    let whole = text.dropLast(digits)
    return fraction.isEmpty ? String(whole) : "\(whole).\(fraction)"
  }
}

extension ReportWriter {
  /// Appends the value of a label, without its quotes.
  mutating func append(label text: String) {
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): append("\\\\")
      case UInt8(ascii: "\""): append("\\\"")
      case UInt8(ascii: "\n"): append("\\n")
      default: append(byte: byte)
      }
    }
  }
}
