// Listener: sockets that clients connect to. Edge.
internal import CLinux
internal import Glibc

/// A listening socket. A Unix socket's file is removed with ``removeFile()``.
public final class Listener {
  /// The socket: non-blocking, close-on-exec.
  public let socket: FileDescriptor
  /// The socket's number, for calls that borrow it.
  public let number: Int32
  /// How clients write it: `http://127.0.0.1:8000`, `http://[::1]:8000`, `unix:/run/site.sock`.
  public let name: String
  /// What it was opened for, as `--bind` takes it: a program that takes over finds it by that.
  public var purpose = ""
  private let file: (path: String, identity: FileIdentity)?

  private init(
    _ socket: consuming FileDescriptor, name: String, file: (String, FileIdentity)? = nil
  ) {
    number = socket.number
    self.socket = socket
    self.name = name
    self.file = file.map { (path: $0.0, identity: $0.1) }
  }

  /// Removes a Unix socket's file, if it is still the one that was made here.
  public func removeFile() {
    guard let file, let now = SmallFile.identity(file.path), now.device == file.identity.device,
      now.inode == file.identity.inode
    else { return }
    SmallFile.remove(file.path)
  }

  /// The Unix socket's file that ``removeFile()`` removes, and which one it is.
  public var socketFile: (path: String, device: UInt64, inode: UInt64)? {
    file.map { ($0.path, $0.identity.device, $0.identity.inode) }
  }

  // MARK: internet

  /// One address that a host name stands for.
  public struct InternetAddress: Sendable {
    fileprivate var storage: sockaddr_storage
    fileprivate var length: socklen_t

    /// Whether it is an IPv6 address.
    public var isIPv6: Bool { Int32(storage.ss_family) == AF_INET6 }
  }

  /// The addresses of `host` (a literal, a name, or `*` and empty for every IPv4 address).
  ///
  /// A literal asks no resolver. Empty where the name is unknown.
  public static func resolve(host: String, port: UInt16) -> [InternetAddress] {
    var v4 = sockaddr_in()
    v4.sin_family = sa_family_t(AF_INET)
    v4.sin_port = port.bigEndian
    let literal = host.isEmpty || host == "*" ? "0.0.0.0" : host
    if unsafe inet_pton(AF_INET, literal, &v4.sin_addr) == 1 {
      return [InternetAddress(copying: v4)]
    }
    var v6 = sockaddr_in6()
    v6.sin6_family = sa_family_t(AF_INET6)
    v6.sin6_port = port.bigEndian
    if unsafe inet_pton(AF_INET6, literal, &v6.sin6_addr) == 1 {
      return [InternetAddress(copying: v6)]
    }
    return lookUp(name: host, port: port)
  }

  private static func lookUp(name: String, port: UInt16) -> [InternetAddress] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = AF_UNSPEC
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_PASSIVE
    var list: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(name, "\(port)", &hints, &list) == 0 else { return [] }
    defer { unsafe freeaddrinfo(list) }
    var found: [InternetAddress] = []
    var next = unsafe list
    while let entry = unsafe next {
      var address = InternetAddress(storage: sockaddr_storage(), length: 0)
      address.length = unsafe entry.pointee.ai_addrlen
      unsafe withUnsafeMutableBytes(of: &address.storage) {
        unsafe $0.copyMemory(
          from: UnsafeRawBufferPointer(
            start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen)))
      }
      found.append(address)
      unsafe next = entry.pointee.ai_next
    }
    return found
  }

  /// Listens at an address. IPv6 sockets take IPv6 only; accepted sockets inherit TCP_NODELAY.
  ///
  /// - Throws: EADDRINUSE, EACCES (a port below 1024), EADDRNOTAVAIL.
  public convenience init(_ address: InternetAddress, backlog: Int) throws(SystemCallError) {
    let family = Int32(address.storage.ss_family)
    let socket = try Self.makeSocket(family)
    try Self.setOption(socket.number, SOL_SOCKET, SO_REUSEADDR)
    try Self.setOption(socket.number, Int32(IPPROTO_TCP), TCP_NODELAY)
    if address.isIPv6 {
      try Self.setOption(socket.number, Int32(IPPROTO_IPV6), IPV6_V6ONLY)
    }
    var address = address
    let length = address.length
    let bound = unsafe withUnsafeMutablePointer(to: &address.storage) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(socket.number, $0, length)
      }
    }
    guard bound == 0 else { throw SystemCallError("bind") }
    guard listen(socket.number, Int32(clamping: backlog)) == 0 else {
      throw SystemCallError("listen")
    }
    let name = Self.name(of: socket.number)
    self.init(socket, name: name)
  }

  // MARK: Unix

  /// Why a Unix socket could not be made.
  public enum UnixError: Error {
    /// The path is empty or longer than 107 bytes.
    case pathLength
    /// Somebody accepts connections there.
    case inUse
    /// Something that is no socket is there.
    case notASocket
    /// A system call failed.
    case failed(SystemCallError)
  }

  /// Listens at a path, with `mode` as permission bits. A socket file that nobody accepts
  /// connections on is replaced.
  ///
  /// - Parameter owner: whom the file belongs to; nil: this process's account.
  public convenience init(
    unixPath path: String, mode: UInt32, backlog: Int, owner: Account? = nil
  ) throws(UnixError) {
    let bytes = Array(path.utf8)
    guard !bytes.isEmpty, bytes.count < 108 else { throw .pathLength }
    do {
      try Self.clearStaleSocket(path)
      let socket = try Self.makeSocket(AF_UNIX)
      // The permissions are right from the start: bind(2) applies the umask.
      let before = umask(mode_t(~mode & 0o777))
      var address = UnixAddress(bytes)
      let bound = unsafe address.withSocketAddress { unsafe bind(socket.number, $0, $1) }
      let error = SystemCallError("bind")
      _ = umask(before)
      guard bound == 0 else { throw error }
      try Self.adjust(path, mode: mode, owner: owner)
      guard listen(socket.number, Int32(clamping: backlog)) == 0 else {
        throw SystemCallError("listen")
      }
      let identity = SmallFile.identity(path)
      self.init(socket, name: "unix:\(path)", file: identity.map { (path, $0) })
    } catch let error as UnixError {
      throw error
    } catch let error as SystemCallError {
      throw .failed(error)
    } catch {
      throw .failed(SystemCallError("bind"))
    }
  }

  /// Gives a new socket's file its owner, and its permissions where the directory has a default
  /// access list, which takes the place of the umask.
  ///
  /// The directory may be another user's, who put a link or a file of ours in the socket's place:
  /// what is changed is the one file that was looked at, and that is a socket.
  private static func adjust(
    _ path: String, mode: UInt32, owner: Account?
  ) throws(SystemCallError) {
    let number = unsafe clinux_open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC, 0)
    guard number >= 0 else { throw SystemCallError("open") }
    let file = FileDescriptor(owning: number)
    var info = stat()
    guard unsafe fstat(file.number, &info) == 0 else { throw SystemCallError("fstat") }
    guard info.st_mode & S_IFMT == S_IFSOCK else { throw SystemCallError("fstat", code: ENOTSOCK) }
    if let owner,
      unsafe fchownat(file.number, "", owner.user, owner.group, AT_EMPTY_PATH) != 0
    {
      throw SystemCallError("chown")
    }
    // fchmod(2) takes no O_PATH descriptor; this link leads to its file and nowhere else.
    if info.st_mode & 0o777 == mode_t(mode) { return }
    guard unsafe chmod("/proc/self/fd/\(file.number)", mode_t(mode)) == 0 else {
      throw SystemCallError("chmod")
    }
  }

  /// Removes a socket file that nobody accepts on.
  private static func clearStaleSocket(_ path: String) throws {
    var info = stat()
    guard unsafe lstat(path, &info) == 0 else { return }
    guard info.st_mode & S_IFMT == S_IFSOCK else { throw UnixError.notASocket }
    let probe = try makeSocket(AF_UNIX)
    var address = UnixAddress(Array(path.utf8))
    let connected = unsafe address.withSocketAddress { unsafe connect(probe.number, $0, $1) }
    // EAGAIN: the backlog of somebody who listens is full.
    if connected == 0 || errno == EAGAIN { throw UnixError.inUse }
    guard errno == ECONNREFUSED else { throw SystemCallError("connect") }
    SmallFile.remove(path)
  }

  // MARK: inherited

  /// Takes over a listening socket that this process was started with.
  ///
  /// - Throws: EBADF, or EINVAL where it is no listening stream socket.
  public convenience init(inherited number: Int32) throws(SystemCallError) {
    try self.init(takingOver: number, file: nil)
  }

  /// The same for a socket that a program before this one made in this process.
  ///
  /// - Parameter file: a Unix socket's file that is removed at the end, and which one it is.
  public convenience init(
    takingOver number: Int32, file: (path: String, device: UInt64, inode: UInt64)?
  ) throws(SystemCallError) {
    guard clinux_fcntl(number, F_GETFD, 0) >= 0 else { throw SystemCallError("fcntl") }
    guard Self.option(number, SO_ACCEPTCONN) == 1,
      Self.option(number, SO_TYPE) == Int32(SOCK_STREAM.rawValue)
    else { throw SystemCallError("getsockopt", code: EINVAL) }
    let socket = FileDescriptor(owning: number)
    let flags = clinux_fcntl(number, F_GETFL, 0)
    guard flags >= 0, clinux_fcntl(number, F_SETFL, flags | O_NONBLOCK) == 0 else {
      throw SystemCallError("fcntl")
    }
    try FileDescriptor.setKeptByExec(number, false)
    // Fails on a Unix socket, where it means nothing.
    try? Self.setOption(number, Int32(IPPROTO_TCP), TCP_NODELAY)
    let known = file.map {
      ($0.path, FileIdentity(device: $0.device, inode: $0.inode, size: 0, modifiedNs: 0))
    }
    self.init(socket, name: Self.name(of: number), file: known)
  }

  // MARK: helpers

  private static func makeSocket(_ family: Int32) throws(SystemCallError) -> FileDescriptor {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let number = Glibc.socket(family, type, 0)
    guard number >= 0 else { throw SystemCallError("socket") }
    return FileDescriptor(owning: number)
  }

  private static func setOption(
    _ socket: Int32, _ level: Int32, _ option: Int32
  ) throws(SystemCallError) {
    var one: Int32 = 1
    guard unsafe setsockopt(socket, level, option, &one, socklen_t(MemoryLayout<Int32>.size)) == 0
    else { throw SystemCallError("setsockopt") }
  }

  private static func option(_ socket: Int32, _ option: Int32) -> Int32 {
    var value: Int32 = -1
    var length = socklen_t(MemoryLayout<Int32>.size)
    return unsafe getsockopt(socket, SOL_SOCKET, option, &value, &length) == 0 ? value : -1
  }

  /// Connections that were made and wait to be accepted; 0 where it cannot be known (Unix sockets).
  ///
  /// `tcpi_unacked` of tcp(7)'s TCP_INFO, which for a listening socket is the length of its queue.
  public var waitingConnections: Int {
    let offset = 24
    var info = (0 as UInt64, 0 as UInt64, 0 as UInt64, 0 as UInt64)
    var length = socklen_t(MemoryLayout.size(ofValue: info))
    return unsafe withUnsafeMutableBytes(of: &info) { bytes in
      guard
        unsafe getsockopt(number, Int32(IPPROTO_TCP), TCP_INFO, bytes.baseAddress, &length) == 0,
        Int(length) >= offset + 4
      else { return 0 }
      return unsafe Int(bytes.load(fromByteOffset: offset, as: UInt32.self))
    }
  }

  /// The address of a socket as clients write it.
  static func name(of socket: Int32) -> String {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let known = unsafe withUnsafeMutablePointer(to: &storage) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(socket, $0, &length)
      }
    }
    guard known == 0 else { return "fd://\(socket)" }
    let family = Int32(storage.ss_family)
    return unsafe withUnsafeBytes(of: &storage) { bytes in
      switch family {
      case AF_INET:
        let address = unsafe bytes.loadUnaligned(as: sockaddr_in.self)
        var raw = address.sin_addr
        return unsafe "http://\(text(AF_INET, &raw)):\(UInt16(bigEndian: address.sin_port))"
      case AF_INET6:
        let address = unsafe bytes.loadUnaligned(as: sockaddr_in6.self)
        var raw = address.sin6_addr
        return unsafe "http://[\(text(AF_INET6, &raw))]:\(UInt16(bigEndian: address.sin6_port))"
      default:
        let path = unsafe bytes[2..<max(2, min(Int(length), bytes.count))].prefix { $0 != 0 }
        return unsafe "unix:" + String(decoding: path, as: UTF8.self)
      }
    }
  }

  private static func text(_ family: Int32, _ address: UnsafeRawPointer) -> String {
    var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard unsafe inet_ntop(family, address, &buffer, socklen_t(buffer.count)) != nil else {
      return "?"
    }
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

extension Listener.InternetAddress {
  fileprivate init<Address>(copying address: Address) {
    storage = sockaddr_storage()
    length = socklen_t(MemoryLayout<Address>.size)
    unsafe withUnsafeMutableBytes(of: &storage) { target in
      unsafe withUnsafeBytes(of: address) { unsafe target.copyMemory(from: $0) }
    }
  }
}
