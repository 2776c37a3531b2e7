// PythonNames: a name space that a piece of Python source was run in. Edge.
internal import CPython

/// Python source that is simpler than calls of the C interface, on cold paths.
struct PythonNames: ~Copyable {
  private let names: PythonReference

  /// Runs `source`; nil, with what it raised printed to `sys.stderr`, where that failed.
  init?(running source: StaticString, file: StaticString, _ gil: borrowing GIL) {
    guard let names = unsafe PythonReference(owning: PyDict_New()),
      let code = unsafe PythonReference(
        owning: Py_CompileString(source.characters, file.characters, Py_file_input)),
      let builtins = unsafe PyEval_GetBuiltins(),
      unsafe PyDict_SetItemString(names.object, "__builtins__", builtins) == 0,
      unsafe PythonReference(owning: PyEval_EvalCode(code.object, names.object, names.object))
        != nil
    else {
      PyErr_Print()
      return nil
    }
    self.names = names
  }

  /// What a name stands for.
  func value(_ name: StaticString, _ gil: borrowing GIL) -> PythonReference? {
    guard let object = unsafe PyDict_GetItemString(names.object, name.characters) else {
      return nil
    }
    return unsafe PythonReference(retaining: object)
  }
}
