// ReadTimeoutText: mod_reqtimeout's RequestReadTimeout. Pure.
//
// Syntax: header=TIME[-MAXTIME][,MinRate=BYTES] body=... ; source: httpd 2.4, mod_reqtimeout.

/// Time limits of one part of a request.
struct ReadTimeout: Equatable {
  /// Time allowed; 0 is without limit.
  var timeoutMs: Int64
  /// What the time may grow to by received bytes; 0 is without limit. Equal to the time at rate 0.
  var maxMs: Int64
  /// Bytes that add one second; 0: the time is fixed.
  var minRate: Int

  /// `TIME[-MAXTIME][,MinRate=BYTES]`.
  init(parsing text: Substring) throws(ValueProblem) {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let times = (parts.first ?? "").split(
      separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    timeoutMs = try Self.parseTime(times.first ?? "")
    maxMs = times.count == 2 ? try Self.parseTime(times[1]) : 0
    minRate = 0
    guard parts.count <= 2 else { throw ValueProblem("has more than one comma in \"\(text)\"") }
    if parts.count == 2 {
      let rate = parts[1].split(separator: "=", omittingEmptySubsequences: false)
      guard rate.count == 2, rate[0].lowercased() == "minrate", let bytes = digits(rate[1]),
        (1...1_000_000_000).contains(bytes)
      else {
        throw ValueProblem(
          "has \"\(parts[1])\" where MinRate=N is expected, N bytes per second from 1 on")
      }
      minRate = Int(bytes)
    }
    if times.count == 2 {
      guard minRate > 0 else {
        throw ValueProblem(
          "has a range of time without MinRate", advice: "add for example ,MinRate=500")
      }
      guard timeoutMs > 0, maxMs > timeoutMs else {
        throw ValueProblem(
          "has a range of time that does not grow", advice: "write for example 20-40")
      }
    } else if minRate == 0 {
      maxMs = timeoutMs
    }
  }

  init(timeoutMs: Int64, maxMs: Int64, minRate: Int) {
    self.timeoutMs = timeoutMs
    self.maxMs = maxMs
    self.minRate = minRate
  }

  private static func parseTime(_ text: Substring) throws(ValueProblem) -> Int64 {
    let ms = try DurationText.parse(String(text))
    guard ms <= 86_400_000 else { throw ValueProblem("has a time over 24h") }
    return ms
  }

  var text: String {
    let time = DurationText.encodeBare(timeoutMs)
    guard minRate > 0 else { return time }
    let range = maxMs > 0 ? "-" + DurationText.encodeBare(maxMs) : ""
    return "\(time)\(range),MinRate=\(minRate)"
  }
}

extension ServerSettings {
  /// `header=20-40,MinRate=500 body=20,MinRate=500`.
  var readTimeoutText: String {
    let head = ReadTimeout(timeoutMs: headTimeoutMs, maxMs: headTimeoutMaxMs, minRate: headMinRate)
    let body = ReadTimeout(timeoutMs: bodyTimeoutMs, maxMs: bodyTimeoutMaxMs, minRate: bodyMinRate)
    return "header=\(head.text) body=\(body.text)"
  }

  /// Takes over the parts that `text` names; the others stay as they are.
  mutating func setReadTimeout(_ text: String) throws(ValueProblem) {
    let parts = text.split(separator: " ")
    guard !parts.isEmpty else { throw ValueProblem("is empty") }
    for part in parts {
      let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      switch (pair[0].lowercased(), pair.count) {
      case ("header", 2):
        let limit = try ReadTimeout(parsing: pair[1])
        (headTimeoutMs, headTimeoutMaxMs, headMinRate) =
          (limit.timeoutMs, limit.maxMs, limit.minRate)
      case ("body", 2):
        let limit = try ReadTimeout(parsing: pair[1])
        (bodyTimeoutMs, bodyTimeoutMaxMs, bodyMinRate) =
          (limit.timeoutMs, limit.maxMs, limit.minRate)
      case ("handshake", _):
        throw ValueProblem(
          "has handshake=, but Plimsoll does not speak TLS yet", advice: "leave it out")
      default:
        throw ValueProblem("has \"\(part)\" where header=... or body=... is expected")
      }
    }
  }
}
