// ProgramPages: gives the mapped pages of the program file back while nothing needs them. Edge.
internal import CLinux
internal import Glibc

/// The pages of the program and its libraries that this process has mapped.
public enum ProgramPages {
  /// Unmaps every clean page that comes from a file (madvise(2), MADV_DONTNEED).
  ///
  /// Starting touches most of a program once: metadata, messages, the C library. A process that
  /// then sleeps for days need not keep that mapped. Pages stay in the page cache, where the kernel
  /// may reclaim them, and come back by a minor fault where they are needed again. Mappings that
  /// hold pages of their own are left alone, read-only ones too: those were relocated before.
  public static func release() {
    guard let mappings = SmallFile.text("/proc/self/smaps", mostBytes: 1 << 20) else { return }
    var range: (start: UInt, end: UInt)?
    for line in mappings.split(separator: "\n") {
      // 55a6ce2b2000-55a6ce2b4000 r-xp 00002000 fe:00 1234   /usr/bin/program
      // …
      // Anonymous:             0 kB
      let words = line.split(separator: " ")
      if words.count >= 6, words[1].utf8.count == 4, words[5].utf8.first == 0x2F {
        range = words[1].contains("w") ? nil : bounds(words[0])
      } else if words.first == "Anonymous:", words.count > 1 {
        if let range, words[1] == "0" {
          _ = unsafe madvise(
            UnsafeMutableRawPointer(bitPattern: range.start), Int(range.end - range.start),
            MADV_DONTNEED)
        }
        range = nil
      }
    }
  }

  private static func bounds(_ text: Substring) -> (start: UInt, end: UInt)? {
    let ends = text.split(separator: "-")
    guard ends.count == 2, let start = UInt(ends[0], radix: 16), let end = UInt(ends[1], radix: 16)
    else { return nil }
    return (start, end)
  }
}
