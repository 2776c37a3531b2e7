// Module: the Python module `_plimsoll`, whose one function turns the process into a mold. Edge.
internal import CPython
internal import Gateway
internal import Platform

/// Called by the interpreter when the extension is loaded. Runs once per process.
@_cdecl("PyInit__plimsoll")
public func makeModule() -> UnsafeMutableRawPointer? {
  // The interpreter keeps the definition and the method table for ever, so they are never freed.
  let methods = UnsafeMutablePointer<PyMethodDef>.allocate(capacity: 2)
  unsafe methods.initialize(repeating: PyMethodDef(), count: 2)
  unsafe methods[0].ml_name = constantText("run")
  unsafe methods[0].ml_meth = { module, arguments in unsafe run(arguments) }
  unsafe methods[0].ml_flags = METH_VARARGS
  unsafe methods[0].ml_doc = constantText("run(...): becomes the mold; does not return")
  let definition = UnsafeMutablePointer<PyModuleDef>.allocate(capacity: 1)
  unsafe definition.initialize(to: PyModuleDef())
  // PyModuleDef_HEAD_INIT: a reference count of one, which is the first field of every object.
  unsafe UnsafeMutableRawPointer(definition).storeBytes(of: 1, as: Int.self)
  unsafe definition.pointee.m_name = constantText("_plimsoll")
  unsafe definition.pointee.m_doc = constantText("The Plimsoll web server.")
  unsafe definition.pointee.m_size = -1
  unsafe definition.pointee.m_methods = methods
  // 3 is PYTHON_ABI_VERSION, the version of the stable ABI.
  return unsafe UnsafeMutableRawPointer(PyModule_Create2(definition, 3))
}

private func constantText(_ text: StaticString) -> UnsafePointer<CChar> {
  unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

/// `run(*texts)`: see ``MoldArguments``.
private func run(_ arguments: UnsafeMutablePointer<PyObject>?) -> UnsafeMutablePointer<PyObject>? {
  var texts: [String] = []
  let count = unsafe PyTuple_Size(arguments)
  for index in 0..<count {
    guard let item = unsafe PyTuple_GetItem(arguments, index), let text = unsafe utf8(of: item)
    else { return nil }
    texts.append(text)
  }
  guard let parsed = MoldArguments(texts) else {
    ErrorLog.write(.crit, "the extension and plimsolld do not fit together; install both anew")
    Process.exitAtOnce(1)
  }
  MoldProcess.run(parsed, GIL.held())
}

private func utf8(of object: UnsafeMutablePointer<PyObject>) -> String? {
  var count = 0
  guard let start = unsafe PyUnicode_AsUTF8AndSize(object, &count) else { return nil }
  return unsafe String(
    decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
}
