// Account: users and groups. Edge.
internal import CLinux
internal import Glibc

/// The user and group that processes run as.
public struct Account: Equatable, Sendable {
  /// Login name, for initgroups(3); the number as text where it has none.
  public var name: String
  /// User id.
  public var user: UInt32
  /// Group id.
  public var group: UInt32
  /// Home directory; the root directory where it has none.
  public var home = "/"
  /// Login shell.
  public var shell = "/bin/sh"

  /// Whether this process may become somebody else.
  public static var isRoot: Bool { geteuid() == 0 }

  /// The process's own account.
  public static var current: Account {
    let user = geteuid()
    var account = lookUp(user: "\(user)") ?? Account(name: "\(user)", user: user, group: 0)
    account.group = getegid()
    return account
  }

  /// The account called `user` (a name or a number), with its login group; nil where there is none.
  public static func lookUp(user: String) -> Account? {
    let found = unsafe UInt32(user).map { unsafe getpwuid($0) } ?? getpwnam(user)
    guard let entry = unsafe found else {
      guard let number = UInt32(user) else { return nil }
      return Account(name: user, user: number, group: number)
    }
    var account = unsafe Account(
      name: String(cString: entry.pointee.pw_name), user: entry.pointee.pw_uid,
      group: entry.pointee.pw_gid, home: String(cString: entry.pointee.pw_dir),
      shell: String(cString: entry.pointee.pw_shell))
    // Empty fields stand for these; passwd(5).
    if account.home.isEmpty { account.home = "/" }
    if account.shell.isEmpty { account.shell = "/bin/sh" }
    return account
  }

  /// The id of the group called `group` (a name or a number); nil where there is none.
  public static func lookUp(group: String) -> UInt32? {
    if let number = UInt32(group) { return number }
    guard let entry = unsafe getgrnam(group) else { return nil }
    return unsafe entry.pointee.gr_gid
  }

  /// What a login sets in the environment; environ(7).
  public var variables: [(name: String, value: String)] {
    [("HOME", home), ("USER", name), ("LOGNAME", name), ("SHELL", shell)]
  }

  /// Becomes this account for good: supplementary groups, group, user.
  public func become() throws(SystemCallError) {
    switch unsafe clinux_become(name, user, group) {
    case 0: return
    case 1: throw SystemCallError("initgroups")
    case 2: throw SystemCallError("setgid")
    default: throw SystemCallError("setuid")
    }
  }
}
