// ErrorLog: one line per event on standard error, with level, time and process. Edge.
internal import CLinux
internal import Glibc

/// Levels of the error log, most severe first; names and order as in Apache's LogLevel.
public enum LogLevel: UInt8, CaseIterable, Sendable {
  case crit, error, warn, notice, info, debug

  /// The level called `name`, as typed by people; `warning` and `critical` are understood too.
  public init?(name: String) {
    switch name.lowercased() {
    case "crit", "critical": self = .crit
    case "error": self = .error
    case "warn", "warning": self = .warn
    case "notice": self = .notice
    case "info": self = .info
    case "debug": self = .debug
    default: return nil
    }
  }

  /// The name as it stands in the log.
  public var name: String { "\(self)" }
}

/// The error log of this process: standard error, which the supervisor points at a file if told to.
///
/// A line is one write(2), so that lines of several processes do not mix.
public enum ErrorLog {
  /// Lines less severe than this are dropped. Set once, before threads start.
  nonisolated(unsafe) public static var threshold = LogLevel.notice

  /// Writes `[time] [level] [pid N] message`. Control bytes of `message` other than newline and tab
  /// are escaped, so that nothing a client sent can forge a line or drive a terminal.
  public static func write(_ level: LogLevel, _ message: @autoclosure () -> String) {
    guard unsafe level.rawValue <= threshold.rawValue else { return }
    var line: [UInt8] = []
    line.append(contentsOf: timestamp().utf8)
    line.append(contentsOf: " [\(level.name)] [pid \(getpid())] ".utf8)
    for byte in message().utf8 {
      if (byte < 0x20 && byte != 0x0A && byte != 0x09) || byte == 0x7F {
        line.append(contentsOf: "\\x".utf8)
        line.append(hexDigit(byte >> 4))
        line.append(hexDigit(byte & 15))
      } else {
        line.append(byte)
      }
    }
    line.append(0x0A)
    var sent = 0
    while sent < line.count {
      let wrote = unsafe line.withUnsafeBytes {
        unsafe Glibc.write(2, $0.baseAddress! + sent, $0.count - sent)
      }
      if wrote < 0 && errno == EINTR { continue }
      guard wrote > 0 else { return }
      sent += wrote
    }
  }

  private static func timestamp() -> String {
    var now = time_t(Clock.realMicroseconds() / 1_000_000)
    var parts = unsafe tm()
    unsafe localtime_r(&now, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let zone = unsafe parts.tm_gmtoff / 60
    let date = unsafe "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    let time = unsafe "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    let offset = "\(two(Int32(abs(zone) / 60)))\(two(Int32(abs(zone) % 60)))"
    return "[\(date) \(time) \(zone < 0 ? "-" : "+")\(offset)]"
  }

  private static func hexDigit(_ value: UInt8) -> UInt8 {
    value < 10 ? 0x30 + value : 0x61 + value - 10
  }
}
