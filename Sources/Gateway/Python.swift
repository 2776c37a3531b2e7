// Python: conversions and look-ups for the paths that are not run per request. Edge.
internal import CPython

/// Conversions between Swift and Python values, and the usual look-ups.
enum Python {
  // MARK: values

  /// A new str.
  static func string(_ text: String, _ gil: borrowing GIL) -> PythonReference? {
    var text = text
    let object = text.withUTF8 { bytes -> PythonObject? in
      unsafe bytes.withMemoryRebound(to: CChar.self) { characters -> PythonObject? in
        guard let base = characters.baseAddress else {
          return unsafe PyUnicode_DecodeUTF8("", 0, nil)
        }
        return unsafe PyUnicode_DecodeUTF8(base, characters.count, "replace")
      }
    }
    return unsafe PythonReference(owning: object)
  }

  /// A new str of latin-1 bytes, as PEP 3333 calls for.
  static func latin1(_ bytes: UnsafeBufferPointer<UInt8>, _ gil: borrowing GIL) -> PythonObject? {
    guard let base = bytes.baseAddress else { return unsafe PyUnicode_DecodeLatin1("", 0, nil) }
    return unsafe PyUnicode_DecodeLatin1(
      UnsafeRawPointer(base).assumingMemoryBound(to: CChar.self), bytes.count, nil)
  }

  /// A str that lives as long as the process and is compared by identity in dict look-ups.
  ///
  /// Only for names known at build time: newer interpreters never free an interned str.
  static func interned(_ literal: StaticString, _ gil: borrowing GIL) -> PythonObject {
    guard let object = unsafe PyUnicode_InternFromString(literal.characters) else {
      preconditionFailure("PyUnicode_InternFromString")
    }
    return unsafe object
  }

  /// The text of a str; nil for anything else. Leaves no exception behind.
  static func text(of object: PythonObject, _ gil: borrowing GIL) -> String? {
    guard unsafe plimsoll_is_str(object) != 0 else { return nil }
    guard
      let bytes = unsafe PythonReference(
        owning: PyUnicode_AsEncodedString(object, "utf-8", "replace"))
    else {
      PyErr_Clear()
      return nil
    }
    var start: UnsafeMutablePointer<CChar>?
    var count = 0
    guard unsafe PyBytes_AsStringAndSize(bytes.object, &start, &count) == 0,
      let start = unsafe start
    else {
      PyErr_Clear()
      return nil
    }
    let raw = unsafe UnsafeRawBufferPointer(start: start, count: count)
    return unsafe String(decoding: raw, as: UTF8.self)
  }

  /// `str(object)`, or its type's name where that raises. Leaves no exception behind.
  static func description(of object: PythonObject, _ gil: borrowing GIL) -> String {
    if let string = unsafe PythonReference(owning: PyObject_Str(object)),
      let text = string.text(gil)
    {
      return text
    }
    PyErr_Clear()
    return unsafe "an object of type \(typeName(of: object, gil))"
  }

  /// The name of the object's type, without its module. Leaves no exception behind.
  static func typeName(of object: PythonObject, _ gil: borrowing GIL) -> String {
    let type = unsafe PythonReference(retaining: plimsoll_type(object))
    if let name = type.attribute("__name__", gil), let text = name.text(gil) { return text }
    PyErr_Clear()
    return "?"
  }

  /// The texts of a list's items that are str.
  static func texts(ofList list: PythonObject, _ gil: borrowing GIL) -> [String] {
    var texts: [String] = []
    for index in unsafe 0..<max(0, PyList_Size(list)) {
      if let item = unsafe PyList_GetItem(list, index), let text = unsafe text(of: item, gil) {
        texts.append(text)
      }
    }
    return texts
  }

  // MARK: look-ups

  /// An imported module; nil with an exception set where that failed.
  static func module(_ name: String, _ gil: borrowing GIL) -> PythonReference? {
    unsafe PythonReference(owning: PyImport_ImportModule(name))
  }

  /// `module.name`; nil with an exception set where that failed.
  static func attribute(
    _ name: StaticString, ofModule module: StaticString, _ gil: borrowing GIL
  ) -> PythonReference? {
    guard let module = unsafe PythonReference(owning: PyImport_ImportModule(module.characters))
    else {
      return nil
    }
    return module.attribute(name, gil)
  }

  /// Whether an attribute `name` is there; whatever its look-up raised is dropped.
  static func hasAttribute(
    _ name: String, of object: PythonObject, _ gil: borrowing GIL
  ) -> Bool {
    if unsafe PythonReference(owning: PyObject_GetAttrString(object, name)) != nil { return true }
    PyErr_Clear()
    return false
  }
}
