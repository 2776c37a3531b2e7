// SystemCallError: a system call that failed, with its errno. Edge.
internal import CLinux
internal import Glibc

/// A failed system call.
public struct SystemCallError: Error, Equatable, CustomStringConvertible {
  /// The call's name, as in its man page.
  public var call: String
  /// errno(3).
  public var code: Int32

  /// A failure of `call` with `code`.
  public init(_ call: String, code: Int32) {
    self.call = call
    self.code = code
  }

  /// A failure of `call` with the calling thread's errno.
  public init(_ call: String) {
    self.init(call, code: errno)
  }

  /// strerror(3) of ``code``, without the call's name.
  public var reason: String { unsafe String(cString: strerror(code)) }

  /// `bind: Address already in use`.
  public var description: String { "\(call): \(reason)" }
}
