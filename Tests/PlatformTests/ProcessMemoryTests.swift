// What processes and the machine take: texts of the kernel, and this very machine.
import Glibc
import Testing

@testable import Platform

@Suite struct KernelTextTests {
  @Test func numbersAreFoundByTheWholeWord() {
    let text = "Pss_Dirty: 7 kB\nPss:\t 230 kB\noom_kill_disable 0\noom_kill 3\nlast 5"
    #expect(parsed(text) { $0.number(ofLine: "Pss") } == 230)
    #expect(parsed(text) { $0.bytes(ofKibibyteLine: "Pss") } == 235_520)
    #expect(parsed(text) { $0.number(ofLine: "oom_kill") } == 3)
    #expect(parsed(text) { $0.number(ofLine: "ss") } == nil)
    #expect(parsed(text) { $0.number(ofLine: "oom") } == nil)
    // It may have been cut: 5 could be the beginning of 50.
    #expect(parsed(text) { $0.number(ofLine: "last") } == nil)
    #expect(parsed("") { $0.number(ofLine: "last") } == nil)
  }

  @Test(
    arguments: [
      ("max\n", nil), ("0\n", 0), ("9223372036854771712\n", 9_223_372_036_854_771_712),
      ("9223372036854775807\n", Int64.max), ("9223372036854775808\n", .max),
      ("99999999999999999999999999\n", .max), ("\n", nil), ("-1\n", nil), ("", nil),
    ] as [(String, Int64?)])
  func numbersAreBounded(text: String, value: Int64?) {
    #expect(parsed(text) { $0.number(at: 0)?.value } == value)
  }

  @Test func filesLongerThanTheBufferAreCut() {
    let directory = TemporaryDirectory()
    let long = String(repeating: "filler 1\n", count: 1000) + "late 2\n"
    write(long, to: "\(directory.path)/long")
    #expect(KernelText.read("\(directory.path)/long") { $0.count } == KernelText.mostBytes)
    #expect(KernelText.read("\(directory.path)/long") { $0.number(ofLine: "filler") } == 1)
    #expect(KernelText.read("\(directory.path)/long") { $0.number(ofLine: "late") } == nil)
    #expect(KernelText.number("\(directory.path)/none") == nil)
  }
}

@Suite struct ProcessMemoryTests {
  static let rollup = """
    562267040000-7fff1653f000 ---p 00000000 00:00 0                          [rollup]
    Rss:                1676 kB
    Pss:                 230 kB
    Pss_Dirty:           116 kB
    Shared_Clean:       1500 kB
    Shared_Dirty:         20 kB
    Private_Clean:        40 kB
    Private_Dirty:       116 kB
    KSM:                   8 kB
    Private_Hugetlb:       0 kB
    Swap:                 12 kB
    SwapPss:              12 kB

    """

  @Test func aRollupIsRead() {
    let memory = parsed(Self.rollup, ProcessMemory.parse)
    #expect(memory?.proportionalBytes == 230 << 10)
    #expect(memory?.privateBytes == 156 << 10)
    #expect(memory?.residentBytes == 1676 << 10)
    #expect(memory?.swapBytes == 12 << 10)
    #expect(memory?.mergedBytes == 8 << 10)
    #expect(parsed("Rss: 3 kB\n", ProcessMemory.parse) == nil)
  }

  @Test func statIsReadWhateverTheNameIs() throws {
    let stat =
      "7 (a) R (b 1) S 1 7 7 0 -1 4194560 100 5 3 2 11 22 0 0 20 0 4 0 99 123 456 "
      + "18446744073709551615\n"
    let glance = try #require(parsed(stat, ProcessGlance.parse))
    #expect(glance.faults == 103 && glance.cpuMs == 330 && glance.threads == 4)
    #expect(glance.residentBytes == 456 * ProcessGlance.pageBytes)
    #expect(parsed("7 (a) S 1 7", ProcessGlance.parse) == nil)
    #expect(parsed("", ProcessGlance.parse) == nil)
  }

  @Test func statmAndStatusAreRead() {
    let own: (Span<UInt8>) -> Int64? = { OwnMemory.anonymousBytes($0) }
    #expect(parsed("765 419 390 5 0 123 0\n", own) == 29 * ProcessGlance.pageBytes)
    #expect(parsed("765 419\n", own) == nil)
    let status = "Name:\tsh\nVmPTE:\t      60 kB\nThreads:\t3\n"
    #expect(parsed(status, ProcessKernelMemory.parse)?.bytes == 110_592)
    #expect(parsed("Threads:\t1\n", ProcessKernelMemory.parse) == nil)
  }

  /// A child takes 32 MiB when it is told to: nothing else runs in it, unlike in this process.
  @Test func whatAProcessTakesGrowsWithIt() throws {
    let count = 32 << 20
    let go = try FileDescriptor.pipe()
    let done = try FileDescriptor.pipe()
    let child = try Process.fork()
    if child == 0 {
      var byte: UInt8 = 0
      _ = unsafe read(go.read, &byte, 1)
      let memory = unsafe mmap(
        nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      let (faults, own) = (OwnMemory.faults(), OwnMemory.threadFaults())
      let bytes = OwnMemory.anonymousBytes() ?? 0
      unsafe memset(memory!, 1, count)
      byte = OwnMemory.faults() > faults && OwnMemory.threadFaults() > own ? 1 : 0
      if (OwnMemory.anonymousBytes() ?? 0) - bytes < count { byte = 2 }
      _ = unsafe write(done.write, &byte, 1)
      while true { pause() }
    }
    defer {
      kill(child, SIGKILL)
      Process.wait(for: child)
      for number in [go.read, go.write, done.read, done.write] { close(number) }
    }
    let before = try #require(ProcessMemory.read(child))
    let glanceBefore = try #require(ProcessGlance.read(child))
    var byte: UInt8 = 1
    #expect(unsafe write(go.write, &byte, 1) == 1)
    byte = 0
    #expect(unsafe read(done.read, &byte, 1) == 1)
    #expect(byte == 1, "\(byte == 0 ? "the child saw no faults" : "it did not see that it grew")")
    let after = try #require(ProcessMemory.read(child))
    let glanceAfter = try #require(ProcessGlance.read(child))
    #expect(after.privateBytes - before.privateBytes >= count)
    #expect(after.proportionalBytes <= after.residentBytes)
    #expect(glanceAfter.growthBytes(since: glanceBefore) >= count)
    #expect(glanceAfter.threads == 1)
    #expect(try #require(ProcessKernelMemory.read(child)).pageTableBytes > 0)
  }

  @Test(arguments: [0, -1, Int32.max]) func whatIsGoneTakesNothing(pid: Int32) {
    #expect(ProcessMemory.read(pid) == nil && ProcessGlance.read(pid) == nil)
    #expect(ProcessKernelMemory.read(pid) == nil)
  }
}

@Suite struct MachineMemoryTests {
  @Test func theMachineIsRead() throws {
    let machine = try #require(MachineMemory.read())
    #expect(machine.totalBytes > 1 << 20)
    #expect(machine.availableBytes > 0 && machine.availableBytes <= machine.totalBytes)
    let text = "MemTotal: 8 kB\nMemFree: 1 kB\nMemAvailable: 4 kB\n"
    #expect(
      parsed(text, MachineMemory.parse)
        == MachineMemory(totalBytes: 8192, availableBytes: 4096, freeSwapBytes: 0))
    #expect(parsed("MemTotal: 8 kB\n", MachineMemory.parse) == nil)
  }

  @Test func pressureIsRead() throws {
    let some = "some avg10=12.05 avg60=0.99 avg300=100.00 total=345678\n"
    let full = "full avg10=1.00 avg60=0.00 avg300=0.00 total=9\n"
    let both = try #require(parsed(some + full, MemoryPressure.parse))
    #expect(
      both.some
        == MemoryPressure.Stall(
          last10sHundredths: 1205, last60sHundredths: 99, last300sHundredths: 10_000,
          totalMicroseconds: 345_678))
    #expect(both.some.last10sPercent == 12 && both.full.last10sPercent == 1)
    #expect(both.full.last10sHundredths == 100 && both.full.totalMicroseconds == 9)
    let alone = try #require(parsed(some, MemoryPressure.parse))
    #expect(alone.full.totalMicroseconds == 0)
    for broken in [
      "", full, "some\n", "some avg10=1 avg60=1 avg300=1 total=1\n",
      "some avg10=1.5 avg60=1.00 avg300=1.00 total=1\n", String(some.dropLast()),
      "some avg10=101.00 avg60=1.00 avg300=1.00 total=1\n", "some avg10=1.00 avg60=1.00\n",
    ] {
      #expect(parsed(broken, MemoryPressure.parse) == nil, "\(broken)")
    }
    #expect(MemoryPressure.read("/proc/pressure/none") == nil)
  }

  @Test(
    .enabled(
      if: KernelText.read("/proc/pressure/memory") { _ in true } != nil,
      "this kernel tells no pressure"))
  func pressureOfTheMachineIsRead() throws {
    let pressure = try #require(MemoryPressure.readMachine())
    #expect(pressure.full.totalMicroseconds <= pressure.some.totalMicroseconds)
  }
}

/// What a parser of the kernel's texts makes of this one.
func parsed<Result>(_ text: String, _ parse: (Span<UInt8>) -> Result?) -> Result? {
  parse(Array(text.utf8).span)
}

/// Writes a file of a test.
func write(_ text: String, to path: String) {
  let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
  precondition(descriptor >= 0, "\(path): \(errno)")
  let bytes = Array(text.utf8)
  let wrote = unsafe Glibc.write(descriptor, bytes, bytes.count)
  close(descriptor)
  precondition(wrote == bytes.count, "\(path): \(errno)")
}
