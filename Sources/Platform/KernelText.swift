// KernelText: small files of /proc and the control groups, and the numbers in them. Edge.
internal import CLinux
internal import Glibc

/// A small file that the kernel writes anew for each reader. Allocates: never, but for the path.
enum KernelText {
  /// What is read of a file at most; the longest that is read here, memory.stat, has some 2 KiB.
  static let mostBytes = 8192

  /// What `parse` makes of the file's bytes; nil where the file cannot be read. The buffer is on
  /// the stack: the supervisor reads these files for as long as it lives.
  static func read<Result>(_ path: String, _ parse: (Span<UInt8>) -> Result?) -> Result? {
    let number = unsafe clinux_open(path, O_RDONLY | O_CLOEXEC, 0)
    guard number >= 0 else { return nil }
    let descriptor = FileDescriptor(owning: number)
    var buffer = InlineArray<8192, UInt8>(repeating: 0)
    var count = 0
    while count < mostBytes {
      var span = buffer.mutableSpan
      let got = unsafe span.withUnsafeMutableBytes {
        let free = unsafe UnsafeMutableRawBufferPointer(rebasing: $0[count...])
        return unsafe Glibc.read(descriptor.number, free.baseAddress, free.count)
      }
      if got < 0 && errno == EINTR { continue }
      // ESRCH where the process ended after it was opened, EOPNOTSUPP where pressure is off.
      guard got >= 0 else { return nil }
      if got == 0 { break }
      count += got
    }
    return parse(buffer.span.extracting(first: count))
  }

  /// The number that a file consists of; nil where it says something else, such as `max`.
  static func number(_ path: String) -> Int64? { read(path) { $0.number(at: 0)?.value } }
}

extension Span<UInt8> {
  /// The number in the line that begins with the word `key` and a colon or a blank: `Pss:  12 kB`
  /// or `oom_kill 2`. nil where there is none, or where the text was cut inside it.
  func number(ofLine key: String) -> Int64? {
    var start = 0
    while start < count {
      if let end = endOfWord(key, at: start), let found = number(at: end) { return found.value }
      while start < count, self[start] != UInt8(ascii: "\n") { start += 1 }
      start += 1
    }
    return nil
  }

  /// The same for a line in kibibytes, in bytes.
  func bytes(ofKibibyteLine key: String) -> Int64? {
    number(ofLine: key).map { $0.multipliedOrLargest(by: 1024) }
  }

  /// The number behind blanks from `start` on, and the position behind it. A number needs something
  /// behind it, else it may have been cut; one that is too large counts as the largest.
  func number(at start: Int) -> (value: Int64, end: Int)? {
    var at = start
    while at < count, self[at] == UInt8(ascii: " ") || self[at] == UInt8(ascii: "\t") { at += 1 }
    let first = at
    var value: Int64 = 0
    while at < count, self[at] >= UInt8(ascii: "0"), self[at] <= UInt8(ascii: "9") {
      let digit = Int64(self[at] - UInt8(ascii: "0"))
      let (sum, isTooLarge) = value.multipliedOrLargest(by: 10).addingReportingOverflow(digit)
      value = isTooLarge ? .max : sum
      at += 1
    }
    return at > first && at < count ? (value, at) : nil
  }

  /// Where the number behind `key` may begin, if the line at `start` begins with this word.
  private func endOfWord(_ key: String, at start: Int) -> Int? {
    var at = start
    for byte in key.utf8 {
      guard at < count, self[at] == byte else { return nil }
      at += 1
    }
    guard at < count else { return nil }
    switch self[at] {
    case UInt8(ascii: ":"), UInt8(ascii: " "), UInt8(ascii: "\t"): return at + 1
    default: return nil
    }
  }
}

extension Int64 {
  /// A product of numbers that are not negative; the largest number where it does not fit.
  func multipliedOrLargest(by factor: Int64) -> Int64 {
    let (product, isTooLarge) = multipliedReportingOverflow(by: factor)
    return isTooLarge ? .max : product
  }
}
