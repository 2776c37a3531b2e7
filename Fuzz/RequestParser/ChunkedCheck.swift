// ChunkedCheck: one input through the chunked decoder in many splits. Pure.
import HTTP1

/// Decodes inputs whole and split, and says what is wrong with the outcome.
struct ChunkedCheck {
  private let whole = Input()
  private let split = Input()

  /// The data decoded by the last ``check(_:_:)``.
  var data: UnsafeBufferPointer<UInt8> { unsafe whole.bytes }

  /// Checks one input.
  ///
  /// - Returns: the last step, and what is wrong or nil.
  func check(
    _ bytes: UnsafeBufferPointer<UInt8>, _ random: inout Random
  ) -> (outcome: ChunkedDecoder.Step, violation: String?) {
    let (outcome, end) = unsafe decode(bytes, into: whole, step: bytes.count, &random)
    for step in [0, 0, 1] where step == 0 || bytes.count <= 64 || random.oneIn(8) {
      let (other, otherEnd) = unsafe decode(bytes, into: split, step: step, &random)
      if other != outcome { return (outcome, "split differs") }
      if end != otherEnd { return (outcome, "end differs") }
      guard whole.count == split.count else { return (outcome, "length of the data differs") }
      for index in 0..<whole.count where unsafe whole.base[index] != split.base[index] {
        return (outcome, "data differs")
      }
    }
    return (outcome, nil)
  }

  /// Decodes in steps (of random length for 0); gives the last step and where the body ended.
  private func decode(
    _ bytes: UnsafeBufferPointer<UInt8>, into output: Input, step: Int, _ random: inout Random
  ) -> (ChunkedDecoder.Step, Int) {
    var decoder = ChunkedDecoder()
    output.count = 0
    var start = 0
    var end = 0
    while true {
      if start == end && end < bytes.count {
        end = min(bytes.count, end + (step > 0 ? step : 1 + random.below(bytes.count)))
      }
      var position = 0
      let piece = unsafe UnsafeBufferPointer(rebasing: bytes[start..<end])
      while true {
        let next = unsafe decoder.next(in: piece, position: &position)
        if case .data(let offset, let count) = next {
          precondition(offset >= 0 && count > 0 && offset + count == position)
          unsafe output.replace(
            output.count..<output.count, with: .init(rebasing: piece[offset..<offset + count]))
          continue
        }
        if case .needMoreBytes = next, end < bytes.count { break }
        if case .refused = next { return (next, 0) }
        return (next, start + position)
      }
      start = end
    }
  }
}
