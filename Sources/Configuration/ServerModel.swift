// ServerModel: a whole server: what it is as such, and its process groups. Pure.

/// Everything that a server is started with: `plimsoll` makes it, `plimsolld` serves it.
///
/// A setting is the server's (addresses, limits, logs, the memory budget) or a process group's
/// (what is served, by which Python, by whom, with how many processes; ``SettingScope``). Every
/// group is a complete ``ServerSettings``, in which the server's part is the same for all.
public struct ServerModel: Equatable, Sendable {
  /// The settings of the server as such. What belongs to a group is the default there.
  public var server: ServerSettings
  /// The process groups: at least one, with names and URLs that differ.
  public var groups: [ServerSettings]
  /// How `plimsoll` was called, for an upgrade; nil where nobody said it.
  public var invocation: Invocation?

  /// A server with these groups.
  public init(
    server: ServerSettings, groups: [ServerSettings], invocation: Invocation? = nil
  ) {
    self.server = server
    self.groups = groups
    self.invocation = invocation
  }

  // MARK: from plimsoll to plimsolld

  /// The model as bytes: for the invocation, the server and then each group the length of what
  /// follows (4 bytes, little-endian) and ``Invocation/encoded`` (nothing where there is none) or
  /// ``ServerSettings/encoded``.
  public var encoded: [UInt8] {
    var bytes: [UInt8] = []
    for part in [invocation?.encoded ?? []] + ([server] + groups).map(\.encoded) {
      for shift in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: part.count >> shift)) }
      bytes += part
    }
    return bytes
  }

  /// Reads what ``encoded`` wrote.
  ///
  /// - Throws: a sentence; it means that the two programs are of different releases.
  public init(encoded bytes: [UInt8]) throws(UsageError) {
    let damaged = UsageError(
      "the settings that plimsoll hands over are cut off; install one release of all programs",
      exitCode: .internalError)
    var rest = bytes[...]
    var invocation: Invocation?
    var isFirst = true
    var parts: [ServerSettings] = []
    while !rest.isEmpty {
      guard rest.count >= 4 else { throw damaged }
      let count = rest.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
      rest = rest.dropFirst(4)
      guard count <= rest.count else { throw damaged }
      if isFirst {
        isFirst = false
        invocation = Invocation(encoded: rest.prefix(count))
      } else {
        parts.append(try ServerSettings(encoded: Array(rest.prefix(count))))
      }
      rest = rest.dropFirst(count)
    }
    guard parts.count >= 2 else { throw damaged }
    self.init(server: parts.removeFirst(), groups: parts, invocation: invocation)
  }
}
