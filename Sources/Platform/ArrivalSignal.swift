// ArrivalSignal: tells another process how far something is that arrives bit by bit. Edge.
internal import CLinux
internal import Glibc

/// An eventfd(2) that two processes share: one marks progress and how it ended, the other one waits
/// for that.
///
/// The marks are added up in one number until they are taken. Marking never waits, and any number
/// of marks of progress become one.
public struct ArrivalSignal: ~Copyable {
  /// What may have happened.
  public struct Marks: OptionSet, Sendable {
    /// One bit for each.
    public let rawValue: UInt8

    /// Marks as a set.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// There is more.
    public static let more = Marks(rawValue: 1)
    /// All is there.
    public static let whole = Marks(rawValue: 2)
    /// No more will come, and something is missing.
    public static let failed = Marks(rawValue: 4)
  }

  private let descriptor: FileDescriptor
  /// The marks of an end stand above all that progress can add up to.
  private static let wholeValue: UInt64 = 1 << 48
  private static let failedValue: UInt64 = 1 << 56

  /// A new one.
  public init() throws(SystemCallError) {
    let number = eventfd(0, 0x80800)
    guard number >= 0 else { throw SystemCallError("eventfd") }
    descriptor = FileDescriptor(owning: number)
  }

  /// Takes one over that another process made.
  public init(owning number: Int32) { descriptor = FileDescriptor(owning: number) }

  /// The number, to be sent to the other process.
  public var number: Int32 { descriptor.number }

  /// Adds a mark. Allocates: never.
  public func mark(_ mark: Marks) {
    var value =
      mark == .whole ? Self.wholeValue : mark == .failed ? Self.failedValue : 1
    _ = unsafe Glibc.write(descriptor.number, &value, 8)
  }

  /// Takes the marks since the last look. Does not wait.
  public func take() -> Marks {
    var value: UInt64 = 0
    guard unsafe Glibc.read(descriptor.number, &value, 8) == 8, value > 0 else { return [] }
    var marks: Marks = value & (Self.wholeValue - 1) > 0 ? [.more] : []
    if value & (Self.failedValue - Self.wholeValue) > 0 { marks.insert(.whole) }
    if value >= Self.failedValue { marks.insert(.failed) }
    return marks
  }

  /// Waits for a mark, at most for `timeoutMs`.
  public func wait(timeoutMs: Int64) {
    _ = SocketIO.wait(descriptor.number, toWrite: false, timeoutMs: timeoutMs)
  }
}
