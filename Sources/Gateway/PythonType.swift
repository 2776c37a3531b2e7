// PythonType: makes the extension's own Python types. Edge.
internal import CPython

/// Makes heap types (PyType_FromSpec). Called once per type, in the mold: the tables it allocates
/// live as long as the process.
enum PythonType {
  /// A type called `name` (dotted) whose instances take `size` bytes.
  static func make(
    name: StaticString, size: Int, flags: UInt32, slots: [PyType_Slot], _ gil: borrowing GIL
  ) -> PythonObject {
    let table = unsafe permanent(slots + [plimsoll_slot_end()])
    var spec = unsafe PyType_Spec(
      name: name.characters, basicsize: Int32(size), itemsize: 0, flags: flags, slots: table)
    guard let type = unsafe PyType_FromSpec(&spec) else {
      PyErr_Print()
      preconditionFailure("PyType_FromSpec")
    }
    return unsafe type
  }

  /// A method table, ended as CPython wants it.
  static func methods(_ methods: [PyMethodDef]) -> UnsafeMutablePointer<PyMethodDef> {
    unsafe permanent(methods + [PyMethodDef()])
  }

  /// A table of computed attributes.
  static func getters(_ getters: [PyGetSetDef]) -> UnsafeMutablePointer<PyGetSetDef> {
    unsafe permanent(getters + [PyGetSetDef()])
  }

  /// A new instance of `type`, all zero behind its head; the type is one of ours.
  static func allocate(_ type: PythonObject) -> PythonObject {
    guard let object = unsafe PyType_GenericAlloc(OpaquePointer(type), 0) else {
      preconditionFailure("PyType_GenericAlloc")
    }
    return unsafe object
  }

  /// Ends an instance: instances of heap types hold a reference to their type.
  static func free(_ object: PythonObject) {
    let type = unsafe plimsoll_type(object)
    unsafe PyObject_Free(object)
    unsafe Py_DecRef(type)
  }

  private static func permanent<Element>(_ elements: [Element]) -> UnsafeMutablePointer<Element> {
    let table = UnsafeMutablePointer<Element>.allocate(capacity: elements.count)
    unsafe table.initialize(from: elements, count: elements.count)
    return unsafe table
  }
}

/// Raises Python exceptions. Each returns nil, which is what a slot that failed returns.
enum Raise {
  /// TypeError.
  static func type(_ message: String) -> PythonObject? {
    unsafe raise(plimsoll_type_error(), message)
  }
  /// ValueError.
  static func value(_ message: String) -> PythonObject? {
    unsafe raise(plimsoll_value_error(), message)
  }
  /// AssertionError: PEP 3333's own word for a broken protocol.
  static func assertion(_ message: String) -> PythonObject? {
    unsafe raise(plimsoll_assertion_error(), message)
  }
  /// RuntimeError.
  static func runtime(_ message: String) -> PythonObject? {
    unsafe raise(plimsoll_runtime_error(), message)
  }

  /// An exception of `type`.
  static func raise(_ type: PythonObject?, _ message: String) -> PythonObject? {
    unsafe PyErr_SetString(type, message)
    return nil
  }
}
