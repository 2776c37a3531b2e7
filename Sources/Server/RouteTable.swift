// RouteTable: which application a path belongs to. Assembly.
internal import Configuration
internal import StaticFiles

/// The applications of a server by their URLs, longest first, so that the first that covers a path
/// is the right one.
@safe struct RouteTable: ~Copyable {
  /// An application and where it is.
  @safe struct Route {
    /// Its URL without escapes; empty for the whole site. Never freed.
    let prefix: UnsafeBufferPointer<UInt8>
    /// Number of its process group among those of the front; 0 in a worker.
    let group: Int
    /// Its number in ``ServerSettings/applications`` of its group.
    let application: Int
  }

  private let routes: [Route]
  /// Whether there is one application, which has every path.
  let isWhole: Bool

  /// The applications of these groups.
  init(_ groups: [ServerSettings]) {
    var routes: [Route] = []
    for (group, settings) in groups.enumerated() {
      for (number, application) in settings.applications.enumerated() {
        // Checked where it was typed: a prefix that no path can have covers none.
        guard let bytes = PathPrefix.decode(application.url) else { continue }
        let prefix = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = unsafe prefix.initialize(from: bytes)
        unsafe routes.append(
          Route(prefix: UnsafeBufferPointer(prefix), group: group, application: number))
      }
    }
    routes.sort { unsafe $0.prefix.count > $1.prefix.count }
    self.routes = routes
    isWhole = routes.count == 1 && (unsafe routes[0].prefix.count) == 0
  }

  /// What a path belongs to.
  struct Match {
    /// Number of the route.
    let route: Int
    /// Bytes of the path, percent-encoded, that are its URL: SCRIPT_NAME.
    let scriptCount: Int
    /// Bytes of its URL without escapes.
    let prefixCount: Int
  }

  /// The application that has `path`; nil where none has. Allocates: never.
  borrowing func match(_ path: UnsafeBufferPointer<UInt8>) -> Match? {
    if isWhole { return Match(route: 0, scriptCount: 0, prefixCount: 0) }
    for index in routes.indices {
      let prefix = unsafe routes[index].prefix
      let count = unsafe PathPrefix.covered(by: prefix, path.span)
      if count >= 0 { return Match(route: index, scriptCount: count, prefixCount: prefix.count) }
    }
    return nil
  }

  /// Route number `index`.
  borrowing func route(_ index: Int) -> Route { routes[index] }
}
