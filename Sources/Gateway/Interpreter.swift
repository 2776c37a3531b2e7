// Interpreter: the process's CPython, set up for loading and for forking. Edge.
internal import CPython

/// Things done to the whole interpreter, in the mold and at the start of a worker.
///
/// None of them raises: what fails is not worth ending a process for, and is left undone.
public enum Interpreter {
  /// `sys.argv` and `sys.path` as an application expects them: `first` (the application's
  /// directory) before everything, then `pythonPath`, then what was there.
  static func preparePath(first: String, pythonPath: [String], _ gil: borrowing GIL) {
    if let argv = unsafe PythonReference(owning: PyList_New(0)),
      let name = Python.string("plimsoll", gil)
    {
      unsafe PyList_Append(argv.object, name.object)
      unsafe PySys_SetObject("argv", argv.object)
    }
    guard let path = unsafe PySys_GetObject("path"), unsafe plimsoll_is_list(path) != 0 else {
      return
    }
    var position = 0
    for directory in [first] + pythonPath where !directory.isEmpty {
      if let entry = Python.string(directory, gil) {
        unsafe PyList_Insert(path, position, entry.object)
        position += 1
      }
    }
    PyErr_Clear()
    MoldScript.addHooksModule(gil)
  }

  /// Puts a directory at the end of `sys.path`, unless it is there.
  static func appendToPath(_ directory: String, _ gil: borrowing GIL) {
    guard let path = unsafe PySys_GetObject("path"), unsafe plimsoll_is_list(path) != 0,
      let entry = Python.string(directory, gil)
    else { return }
    if unsafe PySequence_Contains(path, entry.object) == 0 {
      unsafe PyList_Append(path, entry.object)
    }
    PyErr_Clear()
  }

  /// The encoding of file names and of what programs are given, such as `utf-8`; nil where Python
  /// does not tell.
  public static func fileSystemEncoding(_ gil: borrowing GIL) -> String? {
    defer { PyErr_Clear() }
    guard let function = Python.attribute("getfilesystemencoding", ofModule: "sys", gil),
      let name = function.call(gil)
    else { return nil }
    return name.text(gil)
  }

  /// Collects garbage, whether or not collections are turned off.
  public static func collectGarbage(_ gil: borrowing GIL) { PyGC_Collect() }

  /// Moves every object out of the collector's sight (`gc.freeze`), so that collections in the
  /// workers do not write to the pages they share. Called before forking.
  public static func freezeCollector(_ gil: borrowing GIL) {
    if let freeze = Python.attribute("freeze", ofModule: "gc", gil) { _ = freeze.call(gil) }
    PyErr_Clear()
  }

  /// Makes faulthandler write Python stacks to descriptor `fd`: of the failing thread when the
  /// process is killed by a fault, and of all threads on signal `SIGRTMIN+3` (``stackSignal``),
  /// even while a request is stuck.
  public static func enableFaultHandler(fd: Int32, _ gil: borrowing GIL) {
    guard let module = Python.module("faulthandler", gil),
      let file = unsafe PythonReference(owning: PyLong_FromLong(Int(fd))),
      let signal = unsafe PythonReference(owning: PyLong_FromLong(Int(plimsoll_stack_signal()))),
      let all = unsafe Optional(PythonReference(retaining: plimsoll_true()))
    else { return PyErr_Clear() }
    if let enable = module.attribute("enable", gil) { _ = enable.call(file, gil) }
    PyErr_Clear()
    if let register = module.attribute("register", gil) {
      _ = register.call(signal, file, all, gil)
    }
    PyErr_Clear()
  }

  /// The signal that ``enableFaultHandler(fd:_:)`` answers: SIGRTMIN+3.
  public static var stackSignal: Int32 { plimsoll_stack_signal() }

  /// Flushes `sys.stdout` and `sys.stderr`: before a fork, so that nothing is written twice, and
  /// before a process ends without the interpreter's own clean-up.
  public static func flushStandardStreams(_ gil: borrowing GIL) {
    flush("stdout")
    flush("stderr")
  }

  private static func flush(_ name: StaticString) {
    let gil = GIL.held()
    guard let stream = unsafe PySys_GetObject(name.characters), unsafe stream != plimsoll_none()
    else { return }
    if let method = unsafe PythonReference(retaining: stream).attribute("flush", gil) {
      _ = method.call(gil)
    }
    PyErr_Clear()
  }

  /// The interpreter's version, such as `3.12.1`.
  public static var version: String {
    let text = unsafe String(cString: Py_GetVersion())
    return String(text.prefix { $0 != " " })
  }
}
