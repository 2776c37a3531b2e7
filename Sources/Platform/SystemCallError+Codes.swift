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
}
