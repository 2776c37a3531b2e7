// ServiceNotifier: tells systemd what the server is doing (sd_notify(3)). Edge.
internal import CLinux
internal import Glibc

/// The socket that NOTIFY_SOCKET names; silent where it is not set.
public struct ServiceNotifier: Sendable {
  private let path: [UInt8]

  /// Takes the address from the environment, and takes it away from there, so that no child
  /// speaks in the server's name.
  public static func fromEnvironment() -> ServiceNotifier {
    let path = Process.environment("NOTIFY_SOCKET") ?? ""
    Process.setEnvironment("NOTIFY_SOCKET", nil)
    return ServiceNotifier(path: path)
  }

  /// Speaks to the datagram socket at `path`; a leading `@` stands for the abstract namespace.
  public init(path: String) {
    var bytes = Array(path.utf8)
    if bytes.first == UInt8(ascii: "@") { bytes[0] = 0 }
    self.path = bytes
  }

  /// Sends lines of NAME=VALUE in one datagram.
  public func notify(_ lines: [String]) {
    guard !path.isEmpty, path.count <= 108 else { return }
    let number = Glibc.socket(
      AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else { return }
    let socket = FileDescriptor(owning: number)
    // A manager that does not read must not stop the server: send(2) waits while its queue is full.
    var limit = timeval(tv_sec: 1, tv_usec: 0)
    _ = unsafe setsockopt(
      socket.number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let text = Array(lines.joined(separator: "\n").utf8)
    var address = UnixAddress(path)
    unsafe address.withSocketAddress { pointer, length in
      _ = unsafe sendto(
        socket.number, text, text.count, Int32(MSG_NOSIGNAL), pointer, length)
    }
  }

  /// READY=1 with this process as the main one.
  public func ready(status: String) {
    notify(["READY=1", "MAINPID=\(getpid())", "STATUS=\(status)"])
  }

  /// RELOADING=1, with the time that Type=notify-reload asks for; followed by ``ready(status:)``.
  public func reloading() {
    notify(["RELOADING=1", "MONOTONIC_USEC=\(Clock.monotonicMicroseconds())"])
  }

  /// STOPPING=1.
  public func stopping() { notify(["STOPPING=1", "STATUS=stopping"]) }

  /// A line for `systemctl status`.
  public func status(_ text: String) { notify(["STATUS=\(text)"]) }
}

/// A sockaddr_un of a path of at most 108 bytes.
struct UnixAddress {
  private var address = sockaddr_un()
  private let length: socklen_t

  /// The address of `path`; a first byte of 0 means the abstract namespace.
  init(_ path: [UInt8]) {
    precondition(path.count <= 108)
    address.sun_family = sa_family_t(AF_UNIX)
    let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? 2
    length = socklen_t(offset + path.count + (path.first == 0 || path.count == 108 ? 0 : 1))
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path) }
  }

  /// Lends the address to a system call.
  mutating func withSocketAddress<Result>(
    _ body: (UnsafeMutablePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    let length = self.length
    return unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, length) }
    }
  }
}
