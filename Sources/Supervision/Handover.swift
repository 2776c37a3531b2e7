// Handover: what one program leaves to the next one in the same process. Pure.

/// What the supervisor of one release tells that of another when it is replaced by execve(2):
/// everything that stays while the program changes.
///
/// Form: `name=value` NUL, again and again. `handover=VERSION` comes first; `socket`, `group` and
/// `child` begin an entry, and what follows belongs to it until the next one begins. Names that the
/// reader does not know are passed over, so that later releases may add some; what a reader must
/// understand gets another version (docs/decisions/0008-upgrade-in-place.md).
public struct Handover: Equatable, Sendable {
  /// Of this form.
  public static let version = 1
  /// Most bytes of the form: some hundred for each child.
  public static let mostBytes = 4 << 20

  /// A listening socket.
  public struct Socket: Equatable, Sendable {
    /// Its descriptor.
    public var number: Int32 = -1
    /// What it was opened for, as `--bind` takes it.
    public var bind = ""
    /// A Unix socket's file that is removed at the end; empty for none.
    public var path = ""
    /// Which file that is.
    public var device: UInt64 = 0
    /// Which file that is.
    public var inode: UInt64 = 0

    /// One about which nothing is known yet.
    public init() {}
  }

  /// A process group.
  public struct Group: Equatable, Sendable {
    /// Its name.
    public var name = ""
    /// The newest generation that was started.
    public var generation = 0
    /// The generation that serves; 0 for none.
    public var serving = 0
    /// Descriptor of its scoreboard.
    public var scoreboard: Int32 = -1

    /// One about which nothing is known yet.
    public init() {}
  }

  /// What a child does.
  public enum Role: String, Sendable {
    /// Has the clients' connections.
    case front
    /// Runs the application.
    case worker
    /// Only forks.
    case mold
  }

  /// A process.
  public struct Child: Equatable, Sendable {
    /// Its process id.
    public var pid: Int32 = 0
    /// What it does.
    public var role = Role.worker
    /// How the log calls it.
    public var name = ""
    /// Which of the groups it belongs to, as fronts count them; 0 for fronts.
    public var group = 0
    /// Descriptor of its control channel; -1 where that is closed.
    public var control: Int32 = -1
    /// Whether it was told to finish.
    public var isFinishing = false

    /// One about which nothing is known yet.
    public init() {}
  }

  /// The listening sockets.
  public var sockets: [Socket] = []
  /// The process groups.
  public var groups: [Group] = []
  /// The processes.
  public var children: [Child] = []
  /// The pid file; empty for none.
  public var pidFile = ""
  /// When the server was started, in seconds since 1970.
  public var startedSeconds: Int64 = 0
  /// The program that leaves this: `plimsoll/1.2`.
  public var software = ""

  /// Nothing.
  public init() {}

  /// Every descriptor that has to stay open.
  public var descriptors: [Int32] {
    (sockets.map(\.number) + groups.map(\.scoreboard) + children.map(\.control)).filter { $0 >= 0 }
  }

  // MARK: as bytes

  /// The form that ``init(encoded:)`` reads.
  public var encoded: [UInt8] {
    var bytes: [UInt8] = []
    func put(_ name: String, _ value: String) {
      bytes += "\(name)=\(value)".utf8
      bytes.append(0)
    }
    put("handover", "\(Self.version)")
    put("software", software)
    put("started", "\(startedSeconds)")
    put("pid-file", pidFile)
    for socket in sockets {
      put("socket", "\(socket.number)")
      put("bind", socket.bind)
      guard !socket.path.isEmpty else { continue }
      put("path", socket.path)
      put("device", "\(socket.device)")
      put("inode", "\(socket.inode)")
    }
    for group in groups {
      put("group", group.name)
      put("generation", "\(group.generation)")
      put("serving", "\(group.serving)")
      put("scoreboard", "\(group.scoreboard)")
    }
    for child in children {
      put("child", "\(child.pid)")
      put("role", child.role.rawValue)
      put("name", child.name)
      put("of-group", "\(child.group)")
      put("control", "\(child.control)")
      if child.isFinishing { put("finishing", "1") }
    }
    return bytes
  }

  /// Reads what ``encoded`` wrote, in this or another release.
  ///
  /// - Throws: a sentence about what is wrong.
  public init(encoded bytes: [UInt8]) throws(HandoverError) {
    var fields = bytes.split(separator: 0, omittingEmptySubsequences: false)
    guard fields.popLast()?.isEmpty == true else { throw HandoverError("it is cut off") }
    for (index, field) in fields.enumerated() {
      guard let sign = field.firstIndex(of: UInt8(ascii: "=")) else {
        throw HandoverError("it is damaged")
      }
      let name = String(decoding: field[..<sign], as: UTF8.self)
      let value = String(decoding: field[(sign + 1)...], as: UTF8.self)
      if index == 0 {
        guard name == "handover", value == "\(Self.version)" else {
          throw HandoverError(
            "it has another form (\(name) \(value)) than this release reads (\(Self.version))")
        }
        continue
      }
      guard take(name, value) else {
        throw HandoverError("\(name) is \"\(value)\", which it cannot be")
      }
    }
    guard !fields.isEmpty else { throw HandoverError("it is empty") }
  }

  /// False where the value cannot be.
  private mutating func take(_ name: String, _ value: String) -> Bool {
    switch name {
    case "software": software = value
    case "started": return Self.set(&startedSeconds, value)
    case "pid-file": pidFile = value
    case "socket":
      sockets.append(Socket())
      return Self.set(&sockets[sockets.count - 1].number, value)
    case "group":
      groups.append(Group())
      groups[groups.count - 1].name = value
    case "child":
      children.append(Child())
      return Self.set(&children[children.count - 1].pid, value) && children.last?.pid ?? 0 > 0
    case "bind", "path", "device", "inode":
      guard !sockets.isEmpty else { return false }
      return Self.take(name, value, into: &sockets[sockets.count - 1])
    case "generation", "serving", "scoreboard":
      guard !groups.isEmpty else { return false }
      return Self.take(name, value, into: &groups[groups.count - 1])
    case "role", "name", "of-group", "control", "finishing":
      guard !children.isEmpty else { return false }
      return Self.take(name, value, into: &children[children.count - 1])
    default: break
    }
    return true
  }

  private static func take(_ name: String, _ value: String, into socket: inout Socket) -> Bool {
    switch name {
    case "bind": socket.bind = value
    case "path": socket.path = value
    case "device": return set(&socket.device, value)
    default: return set(&socket.inode, value)
    }
    return true
  }

  private static func take(_ name: String, _ value: String, into group: inout Group) -> Bool {
    switch name {
    case "generation": set(&group.generation, value) && group.generation >= 0
    case "serving": set(&group.serving, value) && group.serving >= 0
    default: set(&group.scoreboard, value)
    }
  }

  private static func take(_ name: String, _ value: String, into child: inout Child) -> Bool {
    switch name {
    case "role":
      guard let role = Role(rawValue: value) else { return false }
      child.role = role
    case "name": child.name = value
    case "of-group": return set(&child.group, value) && child.group >= 0
    case "control": return set(&child.control, value)
    default: child.isFinishing = value == "1"
    }
    return true
  }

  private static func set<Number: FixedWidthInteger>(_ place: inout Number, _ text: String) -> Bool
  {
    guard let number = Number(text) else { return false }
    place = number
    return true
  }
}

/// Why a handover cannot be read.
public struct HandoverError: Error, Equatable {
  /// The end of a sentence about it.
  public var reason: String

  init(_ reason: String) { self.reason = reason }
}
