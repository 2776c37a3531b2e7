// ChunkedDecoder: the chunked transfer coding, decoded without copying. Pure, sans-I/O.

/// Decodes `chunked` (RFC 9112, section 7.1): strict sizes, bounded extensions and trailers.
public struct ChunkedDecoder {
  /// What came next in the bytes.
  public enum Step {
    /// These bytes of the input (offset and count) are body data.
    case data(offset: Int, count: Int)
    /// All input was consumed.
    case needMoreBytes
    /// The last chunk and the trailers are read; what follows belongs to the next request.
    case end
    /// The framing is broken; the connection cannot be used further.
    case refused(Refusal)
  }

  /// A decoder before the first chunk.
  public init() {}

  /// Takes the next step in `bytes` from `position` on, and moves `position` past it.
  public mutating func next(
    in bytes: UnsafeBufferPointer<UInt8>, position: inout Int
  ) -> Step { .needMoreBytes }
}
