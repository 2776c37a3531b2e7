internal import Bytes
import Testing

/// Every search is compared with a loop over bytes, with every byte at every place of a word.
@Suite struct ByteSearchTests {
  /// Calls `body` with runs of 0...19 harmless bytes in which each byte stands at each place.
  private func forEachRun(_ body: ([UInt8]) -> Void) {
    for length in 0...19 {
      body([UInt8](repeating: 0x61, count: length))
      for place in 0..<length {
        for byte: UInt8 in 0...255 {
          var bytes = [UInt8](repeating: 0x61, count: length)
          bytes[place] = byte
          // A neighbour that a borrow of the subtraction could mark by mistake.
          if place + 1 < length { bytes[place + 1] = byte &+ 1 }
          body(bytes)
        }
      }
    }
  }

  @Test func controls() {
    forEachRun { bytes in
      let expected = bytes.firstIndex { $0 < 0x20 || $0 == 0x7F } ?? bytes.count
      if bytes.span.firstControl(from: 0) != expected { Issue.record("\(bytes)") }
    }
  }

  @Test func invisibleBytes() {
    forEachRun { bytes in
      let expected = bytes.firstIndex { $0 < 0x21 || $0 > 0x7E } ?? bytes.count
      if bytes.span.firstInvisible(from: 0) != expected { Issue.record("\(bytes)") }
    }
  }

  @Test func endsOfTokens() {
    forEachRun { bytes in
      let expected = bytes.firstIndex { !ASCII.isToken($0) } ?? bytes.count
      if bytes.span.tokenEnd(from: 0) != expected { Issue.record("\(bytes)") }
    }
  }

  @Test(arguments: [0x00, 0x0A, 0x23, 0x3F, 0x7F, 0x80, 0xFF] as [UInt8])
  func singleBytes(wanted: UInt8) {
    forEachRun { bytes in
      let expected = bytes.firstIndex(of: wanted) ?? bytes.count
      let found = bytes.span.firstIndex(of: wanted, from: 0, to: bytes.count)
      if found != expected { Issue.record("\(bytes)") }
    }
  }

  @Test func searchesKeepToTheirRange() {
    let bytes = Array("a,b,c,d,e,f,g,h,i,j".utf8)
    for start in 0...bytes.count {
      for end in start...bytes.count {
        let expected = bytes[start..<end].firstIndex(of: 0x2C) ?? end
        #expect(bytes.span.firstIndex(of: 0x2C, from: start, to: end) == expected)
      }
    }
  }
}
