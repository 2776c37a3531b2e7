// ListenerSet: opens the addresses of the settings, or says why that cannot be. Assembly.
internal import Configuration
internal import Platform

/// Every socket the server listens on.
enum ListenerSet {
  /// Opens all addresses. Sockets that systemd passed take the place of the settings' addresses,
  /// unless these name inherited ones themselves. A Unix socket belongs to `account`, so that
  /// its group may be let in by the permission bits.
  ///
  /// - Parameter sockets: those that a program before this one left, which are used where they are
  ///   still wanted, and else closed.
  /// - Parameter isRehearsal: those stay as they are: they are only looked for.
  static func open(
    _ settings: ServerSettings, for account: Account?, takingOver sockets: [Handover.Socket] = [],
    isRehearsal: Bool = false
  ) throws(StartFailure) -> [Listener] {
    var binds = settings.binds
    let passed = passedSockets()
    let namesInherited = binds.contains { if case .inherited = $0 { true } else { false } }
    if !passed.isEmpty && !namesInherited {
      binds = passed.map { .inherited($0) }
      ErrorLog.write(.info, "listening on \(passed.count) inherited sockets instead of --bind")
    }
    var listeners: [Listener] = []
    let texts = Set(binds.map(\.description))
    if !isRehearsal {
      // Before anything is opened: an address may be another form of one that goes.
      for socket in sockets where !texts.contains(socket.bind) {
        try takeOver(socket).removeFile()
      }
    }
    for bind in binds {
      let text = bind.description
      let left = sockets.filter { $0.bind == text }
      guard left.isEmpty else {
        if !isRehearsal { for socket in left { listeners.append(try takeOver(socket)) } }
        continue
      }
      let opened = try open(bind, backlog: settings.backlog, for: account)
      for listener in opened { listener.purpose = text }
      listeners += opened
    }
    return listeners
  }

  private static func open(
    _ bind: BindAddress, backlog: Int, for account: Account?
  ) throws(StartFailure) -> [Listener] {
    switch bind {
    case .internet(let host, let port):
      try internet(host: host, port: port, backlog: backlog)
    case .unix(let path, let mode):
      [try unix(path: path, mode: mode, backlog: backlog, owner: account)]
    case .inherited(let number):
      [try inherited(number)]
    }
  }

  /// The socket of a program before this one.
  private static func takeOver(_ socket: Handover.Socket) throws(StartFailure) -> Listener {
    do {
      let listener = try Listener(
        takingOver: socket.number,
        file: socket.path.isEmpty ? nil : (socket.path, socket.device, socket.inode))
      listener.purpose = socket.bind
      return listener
    } catch {
      throw StartFailure(
        .internalError, "The socket of \(socket.bind) was not handed over (\(error)).")
    }
  }

  /// The numbers of sockets passed by sd_listen_fds(3); the variables are taken away, so that no
  /// child believes that they are for it.
  private static func passedSockets() -> [Int32] {
    let forUs = Process.environment("LISTEN_PID").flatMap { Int32($0) } == Process.id
    let count = Process.environment("LISTEN_FDS").flatMap { Int32($0) } ?? 0
    for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
      Process.setEnvironment(name, nil)
    }
    guard forUs, (1...1024).contains(count) else { return [] }
    return Array(3..<(3 + count))
  }

  private static func internet(
    host: String, port: UInt16, backlog: Int
  ) throws(StartFailure) -> [Listener] {
    let place = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    let addresses = Listener.resolve(host: host, port: port)
    if addresses.isEmpty {
      throw StartFailure(
        .bind,
        "Cannot listen on \(place): the host name \(host) is unknown; use an address "
          + "of this machine, such as 127.0.0.1 or 0.0.0.0, with --bind.")
    }
    var listeners: [Listener] = []
    var failure: SystemCallError?
    for address in addresses {
      do {
        listeners.append(try Listener(address, backlog: backlog))
      } catch {
        // A name may stand for IPv4 and IPv6, of which this machine has only one.
        let missing =
          error.code == SystemCallError.addressNotAvailable
          || error.code == SystemCallError.familyNotSupported
        if missing && addresses.count > 1 {
          failure = error
          continue
        }
        throw explain(error, place: place, port: port)
      }
    }
    if let failure, listeners.isEmpty { throw explain(failure, place: place, port: port) }
    return listeners
  }

  private static func explain(
    _ error: SystemCallError, place: String, port: UInt16
  ) -> StartFailure {
    switch error.code {
    case SystemCallError.addressInUse:
      var who = "another program"
      if let owner = ProcessFiles.listener(onPort: port) {
        who = "\(owner.name) (pid \(owner.pid))"
      }
      return StartFailure(
        .bind,
        "Cannot listen on \(place): \(who) already listens there; stop it, or choose "
          + "another address with --bind.")
    case SystemCallError.accessDenied, SystemCallError.notPermitted:
      let first = ProcessFiles.firstUnprivilegedPort
      return StartFailure(
        .permission,
        "Cannot listen on \(place): ports below \(first) need a privilege; start as root "
          + "with --user NAME, or let a systemd socket unit open the port, or run `sysctl "
          + "net.ipv4.ip_unprivileged_port_start=\(port)`, or give plimsolld the right with "
          + "`setcap cap_net_bind_service=+ep`.")
    case SystemCallError.addressNotAvailable:
      return StartFailure(
        .bind,
        "Cannot listen on \(place): this machine has no such address; use one that "
          + "`ip address` shows, or 0.0.0.0 for all, with --bind.")
    default:
      return StartFailure(.bind, "Cannot listen on \(place): \(error).")
    }
  }

  private static func unix(
    path: String, mode: UInt32, backlog: Int, owner: Account?
  ) throws(StartFailure) -> Listener {
    let place = "unix:\(path)"
    do {
      return try Listener(unixPath: path, mode: mode, backlog: backlog, owner: owner)
    } catch {
      switch error {
      case .pathLength:
        throw StartFailure(
          .bind,
          "Cannot listen on \(place): the path of a Unix socket has 1 to 107 bytes; "
            + "choose a shorter one with --bind.")
      case .inUse:
        throw StartFailure(
          .bind,
          "Cannot listen on \(place): another program already listens there; stop it, or "
            + "choose another path with --bind.")
      case .notASocket:
        throw StartFailure(
          .bind,
          "Cannot listen on \(place): a file that is no socket is there; remove it, or "
            + "choose another path with --bind.")
      case .failed(let error):
        throw StartFailure(
          .bind,
          "Cannot listen on \(place): \(error); the directory must exist and be writable "
            + "for this user.")
      }
    }
  }

  private static func inherited(_ number: Int32) throws(StartFailure) -> Listener {
    do {
      return try Listener(inherited: number)
    } catch {
      throw StartFailure(
        .bind,
        "Cannot listen on fd://\(number): it is no listening stream socket (\(error)); "
          + "a systemd socket unit passes them from 3 on.")
    }
  }
}
