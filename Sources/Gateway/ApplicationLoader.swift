// ApplicationLoader: imports the applications of a group and finds their callables. Edge.
internal import CPython
public import Configuration
internal import Glibc
internal import Platform

/// Loads the WSGI applications that `settings` name, as the mold does once.
public enum ApplicationLoader {
  /// Changes the directory, sets `sys.path`, imports, and looks the callable up.
  ///
  /// - Throws: ``ApplicationLoadFailure``; its traceback was then written to the error log, once.
  public static func load(
    settings: ServerSettings, _ gil: borrowing GIL
  ) throws(ApplicationLoadFailure) -> WSGIApplication {
    do {
      MoldScript.beginLoading(gil)
      defer { MoldScript.endLoading(gil) }
      var pathIsPrepared = false
      let callables = unsafe try callables(
        settings: settings, pathIsPrepared: &pathIsPrepared, gil)
      return unsafe WSGIApplication(callables: callables, settings: settings, gil)
    } catch {
      if !error.traceback.isEmpty {
        ErrorLog.write(.error, "\(error.message)\n\(error.traceback)")
      }
      throw error
    }
  }

  /// An application that is loaded inside its first request, and again after each failure.
  public static func loadLazily(
    settings: ServerSettings, _ gil: borrowing GIL
  ) -> WSGIApplication {
    unsafe WSGIApplication(callables: nil, settings: settings, gil)
  }

  /// The callables, in the order of ``ServerSettings/applications``: references that are the
  /// caller's now, in memory that is never freed.
  ///
  /// - Parameter pathIsPrepared: whether `sys.path` was set, which must happen once in a process.
  static func callables(
    settings: ServerSettings, pathIsPrepared: inout Bool, _ gil: borrowing GIL
  ) throws(ApplicationLoadFailure) -> UnsafeMutablePointer<PythonObject> {
    let applications = settings.applications
    let callables = UnsafeMutablePointer<PythonObject>.allocate(
      capacity: max(1, applications.count))
    for (number, application) in applications.enumerated() {
      // Where a later one fails the process ends, or tries all of them again: `sys.modules` has
      // what was loaded.
      let callable = try callable(
        application.application, settings: settings, pathIsPrepared: &pathIsPrepared, gil)
      unsafe (callables + number).initialize(to: callable.release())
    }
    return unsafe callables
  }

  /// The callable of one application.
  private static func callable(
    _ application: String, settings: ServerSettings, pathIsPrepared: inout Bool,
    _ gil: borrowing GIL
  ) throws(ApplicationLoadFailure) -> PythonReference {
    let reference: ApplicationReference
    do throws(UsageError) {
      reference = try ApplicationReference(parsing: application)
    } catch {
      throw ApplicationLoadFailure(kind: .badSpecification, message: error.message)
    }
    if !settings.chdir.isEmpty, unsafe chdir(settings.chdir) != 0 {
      throw ApplicationLoadFailure(
        kind: .notFound,
        message: "the directory `\(settings.chdir)` of --chdir cannot be entered: "
          + "\(SystemCallError("chdir").reason)")
    }
    switch reference {
    case .module(let name, let callable):
      // `site.wsgi` is a module as well as a file; what is there decides, the file first.
      if name.hasSuffix(".wsgi"), unsafe access(name, F_OK) == 0 {
        return try load(
          file: name, callable: callable, settings, pathIsPrepared: &pathIsPrepared, gil)
      }
      preparePath(first: currentDirectory(), settings, &pathIsPrepared, gil)
      return try lookUp(callable, in: try importModule(name, gil), gil)
    case .file(let path, let callable):
      return try load(
        file: path, callable: callable, settings, pathIsPrepared: &pathIsPrepared, gil)
    }
  }

  private static func load(
    file: String, callable: String?, _ settings: ServerSettings, pathIsPrepared: inout Bool,
    _ gil: borrowing GIL
  ) throws(ApplicationLoadFailure) -> PythonReference {
    let path = try absolutePath(of: file)
    preparePath(first: directory(of: path), settings, &pathIsPrepared, gil)
    return try lookUp(callable, in: try importFile(path, gil), gil)
  }

  private static func preparePath(
    first: String, _ settings: ServerSettings, _ isPrepared: inout Bool, _ gil: borrowing GIL
  ) {
    guard !isPrepared else {
      // A further script finds the modules beside it, behind those of the first.
      return Interpreter.appendToPath(first, gil)
    }
    isPrepared = true
    Interpreter.preparePath(first: first, pythonPath: settings.pythonPath, gil)
  }

  // MARK: modules

  private static func importModule(
    _ name: String, _ gil: borrowing GIL
  ) throws(ApplicationLoadFailure) -> PythonReference {
    if let module = Python.module(name, gil) {
      // PyImport_ImportModule gives the named submodule itself, not its package.
      return module
    }
    guard let failure = PythonFailure(takingCurrent: gil) else {
      throw ApplicationLoadFailure(kind: .importFailed, message: "`\(name)` was not imported.")
    }
    // Only when the missing module is the application's own, or a package it lies in, was the
    // name mistyped; otherwise the application lacks something.
    if unsafe failure.isInstance(of: plimsoll_module_not_found_error(), gil),
      let missing = failure.attribute("name", gil)?.text(gil),
      missing == name || name.hasPrefix(missing + ".")
    {
      throw ApplicationLoadFailure(
        kind: .notFound, message: notFoundMessage(module: name, missing: missing))
    }
    throw importFailure("the application `\(name)`", failure, gil)
  }

  private static func notFoundMessage(module: String, missing: String) -> String {
    let here = currentDirectory()
    var container = here
    var last = missing[...]
    if let dot = missing.lastIndex(of: ".") {
      container += "/" + missing[..<dot].split(separator: ".").joined(separator: "/")
      last = missing[missing.index(after: dot)...]
    }
    let found = moduleNames(in: container)
    let scripts = entries(of: here).filter { $0.hasSuffix(".wsgi") }.sorted()
    let nearest =
      Suggestion.nearest(to: String(last), among: found)
      + Suggestion.nearest(to: module, among: scripts)
    var message = "the module `\(missing)` of the application was not found in `\(container)` "
    message += "or elsewhere on sys.path"
    if !nearest.isEmpty {
      message += "; did you mean \(quoted(nearest))?"
    } else if found.isEmpty {
      message += "; there are no Python modules in that directory, so --chdir or --pythonpath "
      message += "may be what is missing"
    } else {
      message += "; that directory has \(quoted(Array(found.prefix(5))))"
    }
    return message
  }

  /// Names of what can be imported from a directory: `.py` files and packages.
  private static func moduleNames(in directory: String) -> [String] {
    var names: [String] = []
    for entry in entries(of: directory) where !entry.hasPrefix(".") {
      if entry.hasSuffix(".py") {
        names.append(String(entry.dropLast(3)))
      } else if unsafe access("\(directory)/\(entry)/__init__.py", F_OK) == 0 {
        names.append(entry)
      }
    }
    return names.filter { $0 != "__init__" }.sorted()
  }

  // MARK: files

  /// Loads a file, whatever its suffix, under a module name made of its own.
  private static func importFile(
    _ path: String, _ gil: borrowing GIL
  ) throws(ApplicationLoadFailure) -> PythonReference {
    if let module = executeFile(path, gil) { return module }
    guard let failure = PythonFailure(takingCurrent: gil) else {
      throw ApplicationLoadFailure(kind: .importFailed, message: "`\(path)` was not loaded.")
    }
    throw importFailure("the application file `\(path)`", failure, gil)
  }

  private static func executeFile(_ path: String, _ gil: borrowing GIL) -> PythonReference? {
    guard
      let name = Python.string(moduleName(ofFile: path), gil),
      let file = Python.string(path, gil),
      let loaderType = Python.attribute("SourceFileLoader", ofModule: "importlib.machinery", gil),
      let loader = loaderType.call(name, file, gil),
      let util = Python.module("importlib.util", gil),
      let specFromLoader = util.attribute("spec_from_loader", gil),
      let spec = specFromLoader.call(name, loader, gil),
      let moduleFromSpec = util.attribute("module_from_spec", gil),
      let module = moduleFromSpec.call(spec, gil),
      let execute = loader.attribute("exec_module", gil),
      let modules = unsafe PySys_GetObject("modules")
    else { return nil }
    // Registered before it runs, as the import system does: pickle and dataclasses look there.
    guard unsafe PyObject_SetItem(modules, name.object, module.object) == 0 else { return nil }
    if execute.call(module, gil) == nil {
      let failure = SavedError(gil)
      unsafe PyObject_DelItem(modules, name.object)
      PyErr_Clear()
      failure.restore(gil)
      return nil
    }
    return module
  }

  /// The file's name without its suffix, made an identifier: `/srv/my-site.wsgi` is `my_site`.
  static func moduleName(ofFile path: String) -> String {
    var name = String(path.split(separator: "/").last ?? "application")
    for suffix in [".py", ".wsgi"] where name.hasSuffix(suffix) && name.count > suffix.count {
      name.removeLast(suffix.count)
      break
    }
    var identifier = ""
    for character in name {
      identifier.append(
        character == "_" || character.isLetter || character.isNumber ? character : "_")
    }
    return identifier.first?.isNumber ?? true ? "_" + identifier : identifier
  }

  private static func absolutePath(of path: String) throws(ApplicationLoadFailure) -> String {
    let directory = currentDirectory()
    var relative = path[...]
    while relative.hasPrefix("./") { relative = relative.dropFirst(2) }
    let full = path.hasPrefix("/") ? path : "\(directory)/\(relative)"
    var status = stat()
    if unsafe stat(full, &status) != 0 {
      let reason = SystemCallError("stat").reason
      let container = Self.directory(of: full)
      let name = String(full.split(separator: "/").last ?? "")
      let nearest = Suggestion.nearest(
        to: name,
        among: entries(of: container).filter { $0.hasSuffix(".py") || $0.hasSuffix(".wsgi") })
      var message = "the application file `\(full)` cannot be read: \(reason)"
      message += nearest.isEmpty ? "" : "; did you mean \(quoted(nearest))?"
      throw ApplicationLoadFailure(kind: .notFound, message: message)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ApplicationLoadFailure(
        kind: .notFound,
        message: "the application `\(full)` is not a file; name the .py or .wsgi file in it")
    }
    guard unsafe access(full, R_OK) == 0 else {
      throw ApplicationLoadFailure(
        kind: .notFound,
        message: "the application file `\(full)` cannot be read: "
          + "\(SystemCallError("access").reason); check its permissions and --user")
    }
    return full
  }

  // MARK: the callable

  private static func lookUp(
    _ callable: String?, in module: borrowing PythonReference, _ gil: borrowing GIL
  ) throws(ApplicationLoadFailure) -> PythonReference {
    let owner = module.attribute("__name__", gil)?.text(gil) ?? "the module"
    PyErr_Clear()
    let names = callable.map { [$0] } ?? ["application", "app"]
    for name in names {
      guard let found = attribute(path: name, of: module, gil) else { continue }
      guard unsafe PyCallable_Check(found.object) != 0 else {
        let type = unsafe Python.typeName(of: found.object, gil)
        throw ApplicationLoadFailure(
          kind: .notCallable,
          message: "`\(name)` in `\(owner)` is not callable: it is of type `\(type)`, and a WSGI "
            + "application is a function or an object with __call__")
      }
      return found
    }
    let near = Suggestion.nearest(to: names[0], among: callableNames(of: module, gil))
    var message = "the module `\(owner)` has no \(quoted(names))"
    if !near.isEmpty {
      message += "; did you mean \(quoted(near))?"
    } else {
      message += "; name its callable, as in `\(owner):name`"
    }
    throw ApplicationLoadFailure(kind: .attributeMissing, message: message)
  }

  private static func attribute(
    path: String, of module: borrowing PythonReference, _ gil: borrowing GIL
  ) -> PythonReference? {
    var object = unsafe PythonReference(retaining: module.object)
    for name in path.split(separator: ".") {
      guard let next = object.attribute(named: String(name), gil) else {
        PyErr_Clear()
        return nil
      }
      object = next
    }
    return object
  }

  private static func callableNames(
    of module: borrowing PythonReference, _ gil: borrowing GIL
  ) -> [String] {
    guard let names = unsafe PythonReference(owning: PyObject_Dir(module.object)) else {
      PyErr_Clear()
      return []
    }
    return unsafe Python.texts(ofList: names.object, gil).filter { name in
      guard !name.hasPrefix("__"),
        let object = unsafe PythonReference(owning: PyObject_GetAttrString(module.object, name))
      else {
        PyErr_Clear()
        return false
      }
      return unsafe PyCallable_Check(object.object) != 0
    }
  }

  /// `a, b or c`, each in backquotes; empty for no names.
  private static func quoted(_ names: [String]) -> String {
    let quoted = names.map { "`\($0)`" }
    guard let last = quoted.last, quoted.count > 1 else { return quoted.last ?? "" }
    return quoted.dropLast().joined(separator: ", ") + " or " + last
  }

  // MARK: failures

  private static func importFailure(
    _ what: String, _ failure: borrowing PythonFailure, _ gil: borrowing GIL
  ) -> ApplicationLoadFailure {
    let why: String
    if unsafe failure.isInstance(of: plimsoll_system_exit(), gil) {
      why =
        "it called sys.exit() while it was imported (\(failure.summary(gil))); code that runs "
        + "a program belongs behind `if __name__ == \"__main__\":`"
    } else if unsafe failure.isInstance(of: plimsoll_syntax_error(), gil) {
      let file = failure.attribute("filename", gil)?.text(gil) ?? "?"
      var line: String?
      if let number = failure.attribute("lineno", gil) {
        line = unsafe Python.description(of: number.object, gil)
      }
      why =
        "`\(file)` line \(line ?? "?") is not valid Python for \(Interpreter.version) "
        + "(\(failure.summary(gil)))"
    } else {
      why = "its import raised \(failure.summary(gil))"
    }
    return ApplicationLoadFailure(
      kind: .importFailed, message: "loading \(what) failed: \(why)",
      traceback: failure.traceback(gil))
  }

  // MARK: the file system

  private static func currentDirectory() -> String {
    guard let path = unsafe getcwd(nil, 0) else { return "." }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
  }

  private static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func entries(of directory: String) -> [String] {
    guard let stream = unsafe opendir(directory) else { return [] }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    // A directory of many thousand entries is not searched to its end for a hint.
    while names.count < 2000, let entry = unsafe readdir(stream) {
      unsafe names.append(
        withUnsafePointer(to: &entry.pointee.d_name) { name in
          unsafe String(cString: UnsafeRawPointer(name).assumingMemoryBound(to: CChar.self))
        })
    }
    return names
  }
}
