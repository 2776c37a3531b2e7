// LocaleNames: which locales the C library has. Edge.
internal import Glibc

/// Names of locales, such as `de_DE.UTF-8`.
public enum LocaleNames {
  /// LC_ALL_MASK of locale.h: bits 0 to 12 but 6, which is LC_ALL itself. The macro is not
  /// imported.
  private static let allCategories: Int32 = 0x1FBF

  /// Whether the C library can use the locale called `name`; newlocale(3).
  public static func exists(_ name: String) -> Bool {
    guard let found = unsafe newlocale(allCategories, name, nil) else { return false }
    unsafe freelocale(found)
    return true
  }
}
