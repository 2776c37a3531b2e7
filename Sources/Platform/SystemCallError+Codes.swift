// The errno values that other rooms tell apart. Edge.
internal import Glibc

extension SystemCallError {
  /// EINVAL.
  public static let invalidArgument = EINVAL
  /// EADDRINUSE.
  public static let addressInUse = EADDRINUSE
  /// EACCES.
  public static let accessDenied = EACCES
  /// EPERM.
  public static let notPermitted = EPERM
  /// ESRCH.
  public static let noSuchProcess = ESRCH
  /// ENOENT.
  public static let noSuchFile = ENOENT
  /// EADDRNOTAVAIL.
  public static let addressNotAvailable = EADDRNOTAVAIL
  /// EAFNOSUPPORT.
  public static let familyNotSupported = EAFNOSUPPORT

  /// Whether the machine, or a limit, has no more of what was asked for: descriptors, memory,
  /// processes or threads.
  public var isShortage: Bool { [EMFILE, ENFILE, ENOMEM, EAGAIN, ENOSPC].contains(code) }
}
