// ReportWriter: collects the bytes of a report, with the escapes and number forms it needs. Pure.
internal import Bytes

/// Bytes of a report. For cold paths: it allocates.
struct ReportWriter {
  private(set) var bytes: [UInt8] = []

  /// Makes room for `capacity` bytes, so that a report of the usual size grows never.
  init(capacity: Int = 16_384) { bytes.reserveCapacity(capacity) }

  /// The report as text.
  var text: String { String(decoding: bytes, as: UTF8.self) }

  mutating func append(_ text: String) { bytes += text.utf8 }

  mutating func append(byte: UInt8) { bytes.append(byte) }

  mutating func append(_ number: Int64) { append("\(number)") }

  mutating func append(_ number: Int) { append("\(number)") }

  /// Appends `seconds` since 1970 as `Sunday, 22-Nov-2026 23:51:02 UTC`, httpd's form of times.
  mutating func append(apacheTime seconds: Int64) {
    let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let date = CivilDate(seconds: seconds)
    append("\(days[date.weekday]), \(two(date.day))-\(months[date.month - 1])-\(date.year) ")
    append("\(two(date.hour)):\(two(date.minute)):\(two(date.second)) UTC")
  }

  /// Appends `seconds` since 1970 as `2026-11-22 23:51:02 UTC`.
  mutating func append(time seconds: Int64) {
    let date = CivilDate(seconds: seconds)
    append("\(date.year)-\(two(date.month))-\(two(date.day)) ")
    append("\(two(date.hour)):\(two(date.minute)):\(two(date.second)) UTC")
  }

  private func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
