// ChunkedDecoder: the chunked transfer coding, decoded without copying. Pure, sans-I/O.
internal import Bytes

/// Decodes `chunked` (RFC 9112, section 7.1): strict sizes, bounded extensions and trailers.
///
/// A machine that takes one byte at a time, apart from the data, so that splits cannot matter:
///
///     size --CR--> sizeLineFeed --LF--> data --> dataReturn --CR--> dataLineFeed --LF--> size
///      |  ^              |                                                    (the next chunk)
///      ;  CR             size was 0
///      v  |              v
///     extension   trailerStart --CR--> endLineFeed --LF--> ended
///                  |       ^
///                  v       LF
///       trailerName -> trailerValue
///
/// 1. `remaining` is the size being read, then the data bytes still to come.
/// 2. `ended` and `failed` are final: every further step says the same.
/// 3. Extensions and trailers are checked and dropped; trailers are never merged into the header
///    fields, where they could replace what was already decided on (RFC 9110, section 6.5.1).
public struct ChunkedDecoder: Equatable, Sendable {
  /// What came next in the bytes.
  public enum Step: Equatable, Sendable {
    /// These bytes of the input (offset and count) are body data.
    case data(offset: Int, count: Int)
    /// All input was consumed.
    case needMoreBytes
    /// The last chunk and the trailers are read; what follows belongs to the next request.
    case end
    /// The framing is broken; the connection cannot be used further.
    case refused(Refusal)
  }

  /// Digits of a chunk size, leading zeros included; more are refused. 60 bits cannot overflow.
  public static var maximumSizeDigits: Int { 15 }
  /// Bytes between the size of a chunk and its line end.
  public static var maximumExtensionBytes: Int { 256 }
  /// Bytes of all chunk extensions of a body: 16 KiB.
  public static var maximumTotalExtensionBytes: Int { 16_384 }
  /// Trailer fields of a body.
  public static var maximumTrailers: Int { 32 }
  /// Bytes of all trailer fields of a body, line ends included.
  public static var maximumTrailerBytes: Int { 8190 }

  enum State: UInt8 {
    case size, sizeLineFeed, data, dataReturn, dataLineFeed
    case blankBeforeExtension, nameStart, name, blankAfterName
    case valueStart, value, quoted, quotedPair, afterQuoted, blankAfterValue
    case trailerStart, trailerName, trailerValue, trailerLineFeed, endLineFeed
    case ended, failed
  }

  private var remaining: Int64 = 0
  private var totalExtensionBytes: UInt16 = 0
  private var extensionBytes: UInt16 = 0
  private var trailerBytes: UInt16 = 0
  private var trailers: UInt8 = 0
  private var digits: UInt8 = 0
  private var state = State.size
  private var failure = Refusal.Reason.badChunkSize

  /// A decoder before the first chunk.
  public init() {}

  /// Whether the body has ended.
  public var hasEnded: Bool { state == .ended }

  /// Takes the next step in `bytes` from `position` on, and moves `position` past it.
  ///
  /// The data of all steps and the final step are the same however the bytes were split. After a
  /// refusal `position` has no meaning. Allocates: never.
  public mutating func next(
    in bytes: UnsafeBufferPointer<UInt8>, position: inout Int
  ) -> Step {
    let bytes = unsafe bytes.span
    precondition(position >= 0 && position <= bytes.count)
    while true {
      switch state {
      case .ended: return .end
      case .failed: return .refused(Refusal(failure))
      case .data where position < bytes.count:
        let count = Int(min(remaining, Int64(bytes.count &- position)))
        let offset = position
        remaining &-= Int64(count)
        position &+= count
        if remaining == 0 { state = .dataReturn }
        return .data(offset: offset, count: count)
      default:
        guard position < bytes.count else { return .needMoreBytes }
        let byte = bytes[position]
        position &+= 1
        take(byte)
      }
    }
  }

  /// Takes one byte that is not data.
  private mutating func take(_ byte: UInt8) {
    switch state {
    case .size: takeSize(byte)
    case .sizeLineFeed:
      let next = remaining == 0 ? State.trailerStart : .data
      expect(byte, ASCII.lineFeed, then: next, else: .badChunkSize)
    case .dataReturn:
      expect(byte, ASCII.carriageReturn, then: .dataLineFeed, else: .badChunkEnd)
    case .dataLineFeed:
      digits = 0
      expect(byte, ASCII.lineFeed, then: .size, else: .badChunkEnd)
    case .trailerStart, .trailerName, .trailerValue, .trailerLineFeed: takeTrailer(byte)
    case .endLineFeed: expect(byte, ASCII.lineFeed, then: .ended, else: .badTrailer)
    case .data, .ended, .failed: preconditionFailure("not a byte of the framing")
    default: takeExtension(byte)
    }
  }

  private mutating func fail(_ reason: Refusal.Reason) {
    state = .failed
    failure = reason
  }

  private mutating func expect(
    _ byte: UInt8, _ wanted: UInt8, then next: State, else reason: Refusal.Reason
  ) {
    if byte == wanted { state = next } else { fail(reason) }
  }

  /// A digit of the size, or what follows the size.
  private mutating func takeSize(_ byte: UInt8) {
    let digit = ASCII.hexValue(byte)
    if digit >= 0 {
      guard digits < Self.maximumSizeDigits else { return fail(.badChunkSize) }
      digits &+= 1
      remaining = digits == 1 ? Int64(digit) : remaining &<< 4 | Int64(digit)
      return
    }
    guard digits > 0 else { return fail(.badChunkSize) }
    if byte == ASCII.carriageReturn {
      state = .sizeLineFeed
    } else if byte == UInt8(ascii: ";") || ASCII.isBlank(byte) {
      state = .blankBeforeExtension
      extensionBytes = 0
      takeExtension(byte)
    } else {
      fail(.badChunkSize)
    }
  }
}

// MARK: chunk extensions

extension ChunkedDecoder {
  /// `*( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )` (RFC 9112, section 7.1.1).
  private mutating func takeExtension(_ byte: UInt8) {
    let mayEnd = state == .name || state == .value || state == .afterQuoted
    if byte == ASCII.carriageReturn && mayEnd {
      state = .sizeLineFeed
      return
    }
    guard extensionBytes < Self.maximumExtensionBytes,
      totalExtensionBytes < Self.maximumTotalExtensionBytes
    else { return fail(.chunkExtensionTooLong) }
    extensionBytes &+= 1
    totalExtensionBytes &+= 1
    guard let next = stateAfter(byte) else { return fail(.badChunkExtension) }
    state = next
  }

  /// The state after one byte of an extension; nil where it may not stand there.
  private func stateAfter(_ byte: UInt8) -> State? {
    let isBlank = ASCII.isBlank(byte)
    let isToken = ASCII.isToken(byte)
    switch state {
    case .blankBeforeExtension, .blankAfterValue:
      return byte == UInt8(ascii: ";") ? .nameStart : isBlank ? state : nil
    case .nameStart: return isToken ? .name : isBlank ? .nameStart : nil
    case .name, .blankAfterName:
      if byte == UInt8(ascii: "=") { return .valueStart }
      if byte == UInt8(ascii: ";") { return .nameStart }
      if isBlank { return .blankAfterName }
      return isToken && state == .name ? .name : nil
    case .valueStart:
      if byte == UInt8(ascii: "\"") { return .quoted }
      return isToken ? .value : isBlank ? .valueStart : nil
    case .value, .afterQuoted:
      if byte == UInt8(ascii: ";") { return .nameStart }
      if isBlank { return .blankAfterValue }
      return isToken && state == .value ? .value : nil
    case .quoted:
      if byte == UInt8(ascii: "\"") { return .afterQuoted }
      if byte == UInt8(ascii: "\\") { return .quotedPair }
      return ASCII.isFieldValue(byte) ? .quoted : nil
    case .quotedPair: return ASCII.isFieldValue(byte) ? .quoted : nil
    default: return nil
    }
  }
}

// MARK: trailers

extension ChunkedDecoder {
  /// Field lines after the last chunk, and the blank line that ends the body.
  private mutating func takeTrailer(_ byte: UInt8) {
    if state == .trailerStart && byte == ASCII.carriageReturn {
      state = .endLineFeed
      return
    }
    guard trailerBytes < Self.maximumTrailerBytes else { return fail(.trailersTooLong) }
    trailerBytes &+= 1
    switch state {
    case .trailerStart:
      guard ASCII.isToken(byte) else { return fail(.badTrailer) }
      guard trailers < Self.maximumTrailers else { return fail(.trailersTooLong) }
      trailers &+= 1
      state = .trailerName
    case .trailerName:
      if byte == UInt8(ascii: ":") {
        state = .trailerValue
      } else if !ASCII.isToken(byte) {
        fail(.badTrailer)
      }
    case .trailerValue:
      if byte == ASCII.carriageReturn {
        state = .trailerLineFeed
      } else if !ASCII.isFieldValue(byte) {
        fail(.badTrailer)
      }
    default: expect(byte, ASCII.lineFeed, then: .trailerStart, else: .badTrailer)
    }
  }
}
