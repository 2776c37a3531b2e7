// FrameHeader: the eight bytes before everything that front and worker say to each other. Pure.
public import Bytes

/// What a frame carries. docs/frames.md describes the exchange.
public enum FrameKind: UInt8, CaseIterable, Sendable {
  // Front to worker.
  /// A request: ``RequestFrame``, its head, and its body where that is short.
  case request = 1
  /// Asks whether the worker still reads; answered by ``pong``.
  case ping = 2
  // Worker to front.
  /// The response's head: ``ResponseFrame`` and its field lines.
  case head = 16
  /// Bytes of the response's body.
  case body = 17
  /// The response is given up after its head: what came of it is not whole.
  case abort = 19
  /// The answer to ``ping``.
  case pong = 18
}

/// What every frame begins with: kind, flags, two bytes of zero, and the length of what follows.
public struct FrameHeader: Equatable, Sendable {
  /// Bytes that it takes.
  public static let byteCount = 8

  /// What the frame carries.
  public var kind: FrameKind
  /// Whether the response ends with this frame. A response without such a frame was cut short.
  public var isLast: Bool
  /// Bytes that follow.
  public var length: Int

  /// A header; `length` is at most `UInt32.max`.
  public init(_ kind: FrameKind, isLast: Bool = false, length: Int = 0) {
    self.kind = kind
    self.isLast = isLast
    self.length = length
  }

  /// The header at the start of `bytes`; nil where it is none: unknown kind or flags.
  ///
  /// - Parameter bytes: at least ``byteCount`` bytes.
  public init?(decoding bytes: UnsafeBufferPointer<UInt8>) {
    var reader = unsafe ByteReader(bytes)
    let kind = FrameKind(rawValue: reader.number(UInt8.self))
    let flags = reader.number(UInt8.self)
    let zero = reader.number(UInt16.self)
    let length = reader.number(UInt32.self)
    guard !reader.failed, let kind, flags <= 1, zero == 0 else { return nil }
    self.init(kind, isLast: flags == 1, length: Int(length))
  }

  /// Appends the header. Allocates: never.
  @inline(__always)
  public func encode(into writer: inout ByteWriter) {
    precondition(length >= 0 && length <= Int(UInt32.max))
    writer.append(littleEndian: UInt32(kind.rawValue) | (isLast ? 0x100 : 0))
    writer.append(littleEndian: UInt32(truncatingIfNeeded: length))
  }
}
