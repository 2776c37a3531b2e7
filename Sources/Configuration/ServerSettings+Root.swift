// ServerSettings+Root: root runs no application unless somebody says so. Pure.

extension ServerSettings {
  /// Whether the application must not run as the user with this number: that is root, and nobody
  /// asked for root by name.
  public func refuses(user: UInt32) -> Bool { user == 0 && self.user.isEmpty }

  /// What is said then, without a period.
  public static let rootRefusal =
    "the application would run as root, who may do anything to this machine; give --user NAME (an "
    + "account of its own, such as www-data), or --user root if it has to be root"
}
