// MemoryPressure: how long processes waited for memory. Edge.

/// Pressure stall information of memory (Linux 4.20, Documentation/accounting/psi.rst).
public struct MemoryPressure: Equatable, Sendable {
  /// Shares of the time in which at least one task, or all of them at once, waited.
  public struct Stall: Equatable, Sendable {
    /// Share of the last 10 s, in hundredths of a percent: 0...10000.
    public var last10sHundredths: Int64
    /// Share of the last 60 s.
    public var last60sHundredths: Int64
    /// Share of the last 300 s.
    public var last300sHundredths: Int64
    /// All such time since the start, microseconds: the difference of two looks is exact.
    public var totalMicroseconds: Int64

    /// ``last10sHundredths`` in whole percent, rounded down: 0...100.
    public var last10sPercent: Int { Int(last10sHundredths / 100) }
  }

  /// At least one task waited.
  public var some: Stall
  /// All tasks that were not idle waited: nothing useful was done. All 0 where the kernel does not
  /// tell.
  public var full: Stall

  /// The machine's; nil where the kernel has none, or has it switched off (`psi=0`).
  public static func readMachine() -> MemoryPressure? { read("/proc/pressure/memory") }

  /// What a file of this form says, such as a control group's memory.pressure.
  public static func read(_ path: String) -> MemoryPressure? {
    KernelText.read(path) { parse($0) }
  }

  static func parse(_ text: Span<UInt8>) -> MemoryPressure? {
    var some: Stall?
    var full: Stall?
    var start = 0
    while start < text.count {
      var end = start
      while end < text.count, text[end] != UInt8(ascii: "\n") { end += 1 }
      guard end < text.count else { break }
      let stall = stall(text, start, end)
      if text[start] == UInt8(ascii: "s") { some = stall }
      if text[start] == UInt8(ascii: "f") { full = stall }
      start = end + 1
    }
    let none = Stall(
      last10sHundredths: 0, last60sHundredths: 0, last300sHundredths: 0, totalMicroseconds: 0)
    return some.map { MemoryPressure(some: $0, full: full ?? none) }
  }

  /// `some avg10=0.12 avg60=0.00 avg300=0.00 total=345`, from `start` to the line's end.
  private static func stall(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Stall? {
    var values: InlineArray<4, Int64> = [0, 0, 0, 0]
    var found = 0
    var at = start
    while at < end, found < 4 {
      guard text[at] == UInt8(ascii: "="), let whole = text.number(at: at + 1) else {
        at += 1
        continue
      }
      at = whole.end
      values[found] = whole.value
      if found < 3 {
        guard text[at] == UInt8(ascii: "."), let part = text.number(at: at + 1),
          part.end == at + 3, whole.value <= 100
        else { return nil }
        values[found] = whole.value * 100 + part.value
        at = part.end
      }
      found += 1
    }
    guard found == 4 else { return nil }
    return Stall(
      last10sHundredths: values[0], last60sHundredths: values[1], last300sHundredths: values[2],
      totalMicroseconds: values[3])
  }
}
