// Rooms: which target may import what. docs/ARCHITECTURE.md draws the same.

/// One target below Sources/.
struct Room {
  /// How much of the machine a room may touch.
  enum Kind {
    /// No system call, no clock: bytes in, bytes out.
    case pure
    /// Holds what is unsafe, behind types.
    case edge
    /// Puts the others together.
    case assembly
    /// Is started by the operating system or by Python.
    case entry
  }

  /// The target's name.
  let name: String
  /// What it may touch.
  let kind: Kind
  /// The rooms and C shims it may import.
  let imports: Set<String>

  init(_ name: String, _ kind: Kind, _ imports: Set<String> = []) {
    self.name = name
    self.kind = kind
    self.imports = imports
  }

  /// Modules of the system that this kind of room may import.
  var systemModules: Set<String> {
    kind == .pure ? [] : ["Glibc", "Synchronization"]
  }

  /// Every room, from the bottom up: a room imports only rooms that stand above it in this list.
  static let all = [
    Room("Bytes", .pure),
    Room("ProcessPolicy", .pure),
    Room("HTTP1", .pure, ["Bytes"]),
    Room("Frames", .pure, ["HTTP1", "Bytes"]),
    Room("AccessLog", .pure, ["HTTP1", "Bytes"]),
    Room("Reporting", .pure, ["ProcessPolicy", "Bytes"]),
    Room("Configuration", .pure, ["AccessLog", "ProcessPolicy", "HTTP1", "Bytes"]),
    Room("Platform", .edge, ["CLinux", "Bytes"]),
    Room("Scoreboard", .edge, ["Reporting", "ProcessPolicy", "Platform"]),
    Room("Control", .edge, ["Platform", "Bytes"]),
    Room("StaticFiles", .assembly, ["HTTP1", "Platform", "Bytes"]),
    Room(
      "Server", .assembly,
      [
        "StaticFiles", "AccessLog", "Configuration", "ProcessPolicy", "Frames", "HTTP1", "Control",
        "Scoreboard", "Reporting", "Platform", "Bytes",
      ]),
    Room("Gateway", .edge, ["Server", "Configuration", "HTTP1", "Platform", "Bytes", "CPython"]),
    Room(
      "Supervision", .assembly,
      [
        "Server", "Control", "Scoreboard", "Configuration", "ProcessPolicy", "Reporting",
        "Platform",
      ]),
    Room(
      "PlimsollPython", .entry,
      ["Gateway", "Server", "Control", "Scoreboard", "Configuration", "Platform", "CPython"]),
    Room(
      "plimsoll", .entry,
      ["Configuration", "Scoreboard", "Reporting", "ProcessPolicy", "Platform"]),
    Room("plimsolld", .entry, ["Supervision", "Configuration", "Platform"]),
  ]

  /// C shims and who may import them. CPython has two: Python calls the entry of the extension with
  /// its own types.
  static let shims: [String: Set<String>] = [
    "CLinux": ["Platform"],
    "CPython": ["Gateway", "PlimsollPython"],
  ]

  /// What no room imports: megabytes of private memory in each process, and threads before a fork.
  static let banned: Set<String> = [
    "Foundation", "FoundationEssentials", "FoundationNetworking", "FoundationInternationalization",
    "Dispatch", "_Concurrency", "_StringProcessing", "Observation", "Distributed",
  ]
}
