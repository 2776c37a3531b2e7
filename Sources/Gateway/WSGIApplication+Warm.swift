// WSGIApplication+Warm: requests answered in the mold, for nobody. Edge.
internal import CPython
public import Configuration

extension WSGIApplication {
  /// Answers the requests of `--warm` and of `plimsoll.warm` in this process, so that what they
  /// load and make is there before the workers are forked.
  ///
  /// - Returns: what is to be said about requests that failed.
  public func warm(settings: ServerSettings, _ gil: borrowing GIL) -> [MoldScript.Message] {
    guard let plan = plan(settings, gil) else {
      PyErr_Print()
      return []
    }
    return MoldScript.warm(plan, gil)
  }

  /// Gives code that ran in ``warm(settings:_:)``, and that CPython writes to whenever it runs, new
  /// places side by side; otherwise each piece would cost a worker a page. Called after
  /// ``AllocatorSeal/seal(_:)``, lest it goes into the holes.
  public func gatherCode(settings: ServerSettings, _ gil: borrowing GIL) -> [MoldScript.Message] {
    guard let plan = plan(settings, gil) else {
      PyErr_Print()
      return []
    }
    return MoldScript.gatherCode(plan, gil)
  }

  private func plan(_ settings: ServerSettings, _ gil: borrowing GIL) -> PythonReference? {
    guard let plan = unsafe PythonReference(owning: PyList_New(0)),
      let applications = applications(settings, gil),
      unsafe PyList_Append(plan.object, applications.object) == 0,
      unsafe PyList_Append(plan.object, environ.template) == 0,
      let host = Self.list(Self.host(of: settings.binds.first), gil),
      unsafe PyList_Append(plan.object, host.object) == 0,
      let requests = unsafe PythonReference(owning: PyList_New(0)),
      unsafe PyList_Append(plan.object, requests.object) == 0
    else { return nil }
    for text in settings.warmRequests {
      guard let request = WarmRequest(text),
        let list = Self.list(request.words, gil),
        unsafe PyList_Append(requests.object, list.object) == 0
      else { continue }
    }
    return plan
  }

  /// Pairs of a URL and the callable that is there.
  private func applications(
    _ settings: ServerSettings, _ gil: borrowing GIL
  ) -> PythonReference? {
    guard let callables = unsafe callables,
      let list = unsafe PythonReference(owning: PyList_New(0))
    else { return nil }
    for (number, application) in settings.applications.enumerated() {
      guard let pair = Self.list([application.url], gil),
        unsafe PyList_Append(pair.object, callables[number]) == 0,
        unsafe PyList_Append(list.object, pair.object) == 0
      else { return nil }
    }
    return list
  }

  private static func list(_ texts: [String], _ gil: borrowing GIL) -> PythonReference? {
    guard let list = unsafe PythonReference(owning: PyList_New(0)) else { return nil }
    for text in texts {
      guard let item = Python.string(text, gil), unsafe PyList_Append(list.object, item.object) == 0
      else { return nil }
    }
    return list
  }

  /// SERVER_NAME, SERVER_PORT and the Host field of clients of the first address.
  private static func host(of bind: BindAddress?) -> [String] {
    guard case .internet(let host, let port) = bind else {
      return ["localhost", "80", "localhost"]
    }
    let name = host == "0.0.0.0" || host == "::" || host.isEmpty ? "localhost" : host
    let literal = name.contains(":") ? "[\(name)]" : name
    return [literal, "\(port)", port == 80 ? literal : "\(literal):\(port)"]
  }
}
