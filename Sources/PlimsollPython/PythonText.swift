// PythonText: short pieces of Python that are simpler than calls of the C interface. Edge.
internal import CPython
internal import Gateway

/// Runs Python source on cold paths.
enum PythonText {
  /// What a worker does instead of Py_Finalize, whose walk through all objects would copy every
  /// page that is shared with the mold.
  static let runExitHandlers = """
    import sys, threading, atexit
    threading._shutdown()
    atexit._run_exitfuncs()
    """

  /// Files of the loaded modules, for `--reload`.
  static let listModuleFiles = """
    import sys
    result = '\\0'.join({f for f in (getattr(m, '__file__', None) for m in
                                    list(sys.modules.values())) if isinstance(f, str)})
    """

  /// Runs `source` in a name space of its own; what it raises is printed to sys.stderr.
  ///
  /// - Returns: the text of its variable `result`; empty where there is none.
  @discardableResult
  static func run(_ source: String, _ gil: borrowing GIL) -> String {
    guard let names = unsafe PyDict_New() else { return failed() }
    defer { unsafe Py_DecRef(names) }
    guard let code = unsafe Py_CompileString(source, "<plimsoll>", Py_file_input) else {
      return failed()
    }
    defer { unsafe Py_DecRef(code) }
    guard let builtins = unsafe PyEval_GetBuiltins(),
      unsafe PyDict_SetItemString(names, "__builtins__", builtins) == 0,
      let none = unsafe PyEval_EvalCode(code, names, names)
    else { return failed() }
    unsafe Py_DecRef(none)
    guard let result = unsafe PyDict_GetItemString(names, "result") else { return "" }
    var count = 0
    guard let start = unsafe PyUnicode_AsUTF8AndSize(result, &count) else { return failed() }
    return unsafe String(
      decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
  }

  private static func failed() -> String {
    PyErr_Print()
    return ""
  }
}
