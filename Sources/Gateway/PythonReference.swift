// PythonReference: a reference to a Python object that is owned once. Edge.
public import CPython

/// A pointer to a Python object; says nothing about who owns the reference.
public typealias PythonObject = UnsafeMutablePointer<PyObject>

/// An owned reference to a Python object, given back when its owner goes.
///
/// Made and dropped only by a thread that holds the GIL. For paths that are not run per request;
/// the hot path counts by hand. Reference counts change only through `Py_IncRef` and `Py_DecRef`
/// as functions: the inline forms of 3.11 would write to the counts of immortal objects, and so
/// to pages that the workers share.
@safe struct PythonReference: ~Copyable {
  /// The object.
  let object: PythonObject

  /// Takes over a new reference; nil for the NULL with which CPython reports an exception.
  init?(owning object: PythonObject?) {
    guard let object = unsafe object else { return nil }
    unsafe self.object = unsafe object
  }

  /// Takes another reference to `object`.
  init(retaining object: PythonObject) {
    unsafe Py_IncRef(object)
    unsafe self.object = unsafe object
  }

  deinit { unsafe Py_DecRef(object) }

  /// Gives the reference away.
  consuming func release() -> PythonObject {
    let object = unsafe self.object
    discard self
    return unsafe object
  }

  /// The attribute `name`; nil with an exception set where there is none.
  func attribute(_ name: StaticString, _ gil: borrowing GIL) -> PythonReference? {
    unsafe PythonReference(owning: PyObject_GetAttrString(object, name.characters))
  }

  /// The attribute `name`; nil with an exception set where there is none.
  func attribute(named name: String, _ gil: borrowing GIL) -> PythonReference? {
    unsafe PythonReference(owning: PyObject_GetAttrString(object, name))
  }

  /// Calls the object; nil with an exception set where that failed.
  func call(_ gil: borrowing GIL) -> PythonReference? {
    unsafe PythonReference(owning: plimsoll_call0(object))
  }

  /// Calls the object; nil with an exception set where that failed.
  func call(_ first: borrowing PythonReference, _ gil: borrowing GIL) -> PythonReference? {
    unsafe PythonReference(owning: plimsoll_call1(object, first.object))
  }

  /// Calls the object; nil with an exception set where that failed.
  func call(
    _ first: borrowing PythonReference, _ second: borrowing PythonReference, _ gil: borrowing GIL
  ) -> PythonReference? {
    unsafe PythonReference(owning: plimsoll_call2(object, first.object, second.object))
  }

  /// Calls the object; nil with an exception set where that failed.
  func call(
    _ first: borrowing PythonReference, _ second: borrowing PythonReference,
    _ third: borrowing PythonReference, _ gil: borrowing GIL
  ) -> PythonReference? {
    unsafe PythonReference(
      owning: plimsoll_call3(object, first.object, second.object, third.object))
  }

  /// The object's text, where it is a str; lone surrogates become `?`.
  func text(_ gil: borrowing GIL) -> String? { unsafe Python.text(of: object, gil) }
}

extension StaticString {
  /// The literal as a NUL-terminated C string.
  var characters: UnsafePointer<CChar> {
    unsafe UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
  }
}
