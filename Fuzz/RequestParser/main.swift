// FuzzRequestParser: seeded, structure-aware fuzzing of the request parser. Assembly.
//
//     FuzzRequestParser --inputs 10000000 --seed 1 [--first 0] [--seconds 60]
//     FuzzRequestParser --benchmark
//
// Each input depends on the seed and its number alone: a violation names both, and
// `--first NUMBER --inputs 1` makes that input again.
import Bytes
import Glibc
import HTTP1

/// Number of the input at work, for the handler of fatal signals.
nonisolated(unsafe) var currentInput: UInt64 = 0
/// Seed of the run, for the handler of fatal signals.
nonisolated(unsafe) var currentSeed: UInt64 = 0

/// Seconds of the monotonic clock.
func now() -> Double {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// The number after `--name` on the command line.
func option(_ name: String) -> UInt64? {
  let arguments = CommandLine.arguments
  guard let index = arguments.firstIndex(of: "--" + name) else { return nil }
  guard index + 1 < arguments.count, let number = UInt64(arguments[index + 1]) else {
    print("--\(name) needs a number.")
    exit(2)
  }
  return number
}

/// The bytes as a literal that can be pasted into a test.
func escaped(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
  var text = ""
  for index in 0..<bytes.count {
    let byte = unsafe bytes[index]
    switch byte {
    case 0x0D: text += "\\r"
    case 0x0A: text += "\\n"
    case 0x22, 0x5C: text += "\\" + String(Unicode.Scalar(byte))
    case 0x20..<0x7F: text += String(Unicode.Scalar(byte))
    default: text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
  }
  return text
}

for fatal in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT] {
  signal(fatal) { number in
    print("CRASH by signal \(number): --seed \(unsafe currentSeed) --first \(unsafe currentInput)")
    _exit(1)
  }
}

if CommandLine.arguments.contains("--benchmark") {
  Benchmark.run()
  exit(0)
}
let seed = option("seed") ?? UInt64(now() * 1e9)
unsafe currentSeed = seed
print("seed \(seed)")
var run = FuzzRun(seed: seed)
let isClean = run.run(
  first: option("first") ?? 0, inputs: option("inputs") ?? 1_000_000,
  seconds: option("seconds").map { Double($0) })  // the bare initialiser takes a bit pattern
exit(isClean ? 0 : 1)
