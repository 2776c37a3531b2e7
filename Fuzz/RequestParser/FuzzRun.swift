// FuzzRun: makes inputs, checks them and counts what came of them. Assembly.
import Bytes
import HTTP1

/// One run over many inputs.
struct FuzzRun: ~Copyable {
  private let seed: UInt64
  private let input = Input()
  private let other = Input()
  private let data = Input()
  private let mutator = Mutator()
  private let chunked = ChunkedCheck()
  private var wide: HeadCheck
  private var narrow: HeadCheck

  private var complete = 0
  private var incomplete = 0
  private var bodiesEnded = 0
  private var bodiesUnfinished = 0
  private var byReason = [Int](repeating: 0, count: 256)

  init(seed: UInt64) {
    self.seed = seed
    wide = HeadCheck(limits: RequestLimits())
    // Limits so small that inputs of this size meet them.
    var limits = RequestLimits()
    limits.lineBytes = 40
    limits.fieldBytes = 60
    limits.fieldCount = 6
    narrow = HeadCheck(limits: limits)
  }

  /// Checks `inputs` inputs from number `first` on, or for `seconds`.
  ///
  /// - Returns: whether all went well.
  mutating func run(first: UInt64, inputs: UInt64, seconds: Double?) -> Bool {
    let start = now()
    var done: UInt64 = 0
    while done < inputs {
      let index = first &+ done
      unsafe currentInput = index
      if let violation = check(index) {
        print("VIOLATION in input \(index) of seed \(seed): \(violation)")
        unsafe print("\"\(escaped(input.bytes))\"")
        return false
      }
      done += 1
      if let seconds, done & 0xFFF == 0, now() - start >= seconds { break }
    }
    report(done, now() - start)
    return true
  }

  /// Makes and checks one input.
  private mutating func check(_ index: UInt64) -> String? {
    var random = Random(seed: seed, index: index)
    let mutations = random.oneIn(8) ? 0 : 1 + random.below(random.oneIn(4) ? 8 : 2)
    let isBody = random.oneIn(4)
    var generator = Generator(random: random)
    if isBody {
      data.fill { data in input.fill { generator.chunkedBody(&$0, data: &data) } }
    } else {
      input.fill { generator.head(&$0) }
    }
    if mutations > 0 {
      other.fill { generator.head(&$0) }
    }
    random = generator.random
    for _ in 0..<mutations { mutator.mutate(input, splicing: other, &random) }
    return isBody
      ? checkBody(&random, isIntact: mutations == 0) : checkHead(&random, isIntact: mutations == 0)
  }

  private mutating func checkHead(_ random: inout Random, isIntact: Bool) -> String? {
    let isNarrow = !isIntact && random.oneIn(8)
    let (outcome, violation) =
      unsafe isNarrow ? narrow.check(input.bytes, &random) : wide.check(input.bytes, &random)
    if let violation { return violation }
    switch outcome {
    case .complete: complete += 1
    case .needMoreBytes: incomplete += 1
    case .refused(let refusal):
      if refusal.status != refusal.reason.status { return "status \(refusal.status)" }
      byReason[Int(refusal.reason.rawValue)] += 1
    }
    if isIntact && outcome != .complete { return "a valid head is not accepted: \(outcome)" }
    return nil
  }

  private mutating func checkBody(_ random: inout Random, isIntact: Bool) -> String? {
    let (outcome, violation) = unsafe chunked.check(input.bytes, &random)
    if let violation { return violation }
    switch outcome {
    case .end: bodiesEnded += 1
    case .refused(let refusal): byReason[Int(refusal.reason.rawValue)] += 1
    default: bodiesUnfinished += 1
    }
    guard isIntact else { return nil }
    guard outcome == .end else { return "a valid body is not accepted: \(outcome)" }
    let decoded = unsafe chunked.data
    guard decoded.count == data.count else { return "decoded to another length" }
    for index in 0..<decoded.count where unsafe decoded[index] != data.base[index] {
      return "decoded to other data"
    }
    return nil
  }

  private func report(_ inputs: UInt64, _ seconds: Double) {
    let rate = seconds > 0 ? Int(Double(inputs) / seconds) : 0
    print("inputs \(inputs) in \(Int(seconds * 10) / 10) s: \(rate) per second, no violation")
    print("heads: accepted \(complete), incomplete \(incomplete)")
    print("chunked bodies: ended \(bodiesEnded), unfinished \(bodiesUnfinished)")
    for status in [400, 408, 413, 414, 417, 431, 501, 505] {
      let reasons = Refusal.Reason.allCases.filter {
        $0.status == status && byReason[Int($0.rawValue)] > 0
      }
      if reasons.isEmpty { continue }
      print("refused \(status): \(reasons.reduce(0) { $0 + byReason[Int($1.rawValue)] })")
      for reason in reasons { print("  \(reason): \(byReason[Int(reason.rawValue)])") }
    }
  }
}
