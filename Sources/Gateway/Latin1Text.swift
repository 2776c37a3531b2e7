// Latin1Text: the latin-1 bytes of a str, without a copy where it is ASCII. Edge.
internal import CPython

/// The bytes that a str of an application stands for on the wire (PEP 3333, "Unicode Issues").
///
/// Borrows the str, which must outlive it. Made and dropped with the GIL held.
@safe struct Latin1Text: ~Copyable {
  /// The bytes.
  let bytes: UnsafeBufferPointer<UInt8>
  /// Holds the bytes where they are not the str's own.
  private let encoded: PythonObject?

  /// Nil with ValueError set where a character is beyond latin-1.
  init?(_ string: PythonObject) {
    var count = 0
    if let utf8 = unsafe PyUnicode_AsUTF8AndSize(string, &count),
      unsafe count == PyUnicode_GetLength(string)
    {
      // As many bytes as characters: ASCII, where both encodings are the same.
      unsafe bytes = unsafe UnsafeBufferPointer(
        start: UnsafeRawPointer(utf8).assumingMemoryBound(to: UInt8.self), count: count)
      unsafe encoded = nil
      return
    }
    PyErr_Clear()
    guard let latin1 = unsafe PyUnicode_AsLatin1String(string) else {
      PyErr_Clear()
      _ = unsafe Raise.value("the status and the headers may hold only latin-1 characters")
      return nil
    }
    let start = unsafe UnsafeRawPointer(PyBytes_AsString(latin1)!).assumingMemoryBound(
      to: UInt8.self)
    unsafe bytes = unsafe UnsafeBufferPointer(start: start, count: PyBytes_Size(latin1))
    unsafe encoded = unsafe latin1
  }

  deinit {
    if let encoded = unsafe encoded { unsafe Py_DecRef(encoded) }
  }
}
