// PythonType: makes the extension's own Python types. Edge.
internal import CPython

/// Makes heap types (PyType_FromSpec). Called once per type, in the mold: the tables it allocates
/// live as long as the process.
enum PythonType {
  /// A type called `name` (dotted) whose instances take `size` bytes.
  static func make(
    name: StaticString, size: Int, flags: UInt32, slots: [PyType_Slot], _ gil: borrowing GIL
  ) -> PythonObject {
    let table = permanent(slots + [plimsoll_slot_end()])
    var spec = PyType_Spec(
      name: name.characters, basicsize: Int32(size), itemsize: 0, flags: flags, slots: table)
    guard let type = PyType_FromSpec(&spec) else {
      PyErr_Print()
      preconditionFailure("PyType_FromSpec")
    }
    return type
  }

  /// A method table, ended as CPython wants it.
  static func methods(_ methods: [PyMethodDef]) -> UnsafeMutablePointer<PyMethodDef> {
    permanent(methods + [PyMethodDef()])
  }

  /// A table of computed attributes.
  static func getters(_ getters: [PyGetSetDef]) -> UnsafeMutablePointer<PyGetSetDef> {
    permanent(getters + [PyGetSetDef()])
  }

  /// A new instance of `type`, all zero behind its head; the type is one of ours.
  static func allocate(_ type: PythonObject) -> PythonObject {
    guard let object = PyType_GenericAlloc(OpaquePointer(type), 0) else {
      preconditionFailure("PyType_GenericAlloc")
    }
    return object
  }

  /// Ends an instance: instances of heap types hold a reference to their type.
  static func free(_ object: PythonObject) {
    let type = plimsoll_type(object)
    PyObject_Free(object)
    Py_DecRef(type)
  }

  private static func permanent<Element>(_ elements: [Element]) -> UnsafeMutablePointer<Element> {
    let table = UnsafeMutablePointer<Element>.allocate(capacity: elements.count)
    table.initialize(from: elements, count: elements.count)
    return table
  }
}

/// Raises Python exceptions. Each returns nil, which is what a slot that failed returns.
enum Raise {
  /// TypeError.
  static func type(_ message: String) -> PythonObject? { raise(plimsoll_type_error(), message) }
  /// ValueError.
  static func value(_ message: String) -> PythonObject? { raise(plimsoll_value_error(), message) }
  /// AssertionError: PEP 3333's own word for a broken protocol.
  static func assertion(_ message: String) -> PythonObject? {
    raise(plimsoll_assertion_error(), message)
  }
  /// RuntimeError.
  static func runtime(_ message: String) -> PythonObject? {
    raise(plimsoll_runtime_error(), message)
  }

  /// An exception of `type`.
  static func raise(_ type: PythonObject?, _ message: String) -> PythonObject? {
    PyErr_SetString(type, message)
    return nil
  }
}
