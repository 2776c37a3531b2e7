// ErrorStream: the wsgi.errors object. Edge.
internal import CPython
internal import Glibc
internal import Platform

/// `wsgi.errors` (PEP 3333): text written to it stands in the error log, whole lines at a time.
///
/// One object serves all threads; text without a line end waits, per thread, for its line end, a
/// flush or the end of the request, and at most ``ErrorStream/pendingLimit`` bytes of it.
enum ErrorStream {
  /// Bytes of an unfinished line that are kept; a longer one is written in pieces.
  static let pendingLimit = 8192
  /// Threads with an unfinished line; one more has its text written at once.
  static let threadLimit = 64

  // Written once, in the mold, before any other thread is there.
  nonisolated(unsafe) private static var type: PythonObject?
  // Both guarded by the GIL.
  nonisolated(unsafe) private static var pending: [UInt: [UInt8]] = [:]
  /// Whether any thread has an unfinished line.
  nonisolated(unsafe) static var hasPending = false

  /// Makes the one object; in the mold.
  static func make(_ gil: borrowing GIL) -> PythonObject {
    if unsafe type == nil {
      let methods = unsafe PythonType.methods([
        plimsoll_fast_method(
          "write", { unsafe ErrorStream.write($0, $1, $2) },
          "write(text): writes to the error log"),
        unsafe plimsoll_fast_method(
          "writelines", { unsafe ErrorStream.writelines($0, $1, $2) }, "writelines(texts)"),
        unsafe plimsoll_fast_method("flush", { unsafe ErrorStream.flush($0, $1, $2) }, "flush()"),
      ])
      unsafe type = unsafe PythonType.make(
        name: "plimsoll.Errors", size: MemoryLayout<plimsoll_link>.size,
        flags: plimsoll_flags_internal(),
        slots: [
          plimsoll_slot_destroy { unsafe PythonType.free($0!) },
          unsafe plimsoll_slot_methods(methods),
          unsafe plimsoll_slot_doc("The server's error log."),
        ], gil)
    }
    return unsafe PythonType.allocate(type!)
  }

  /// Writes the calling thread's unfinished line, at the end of its request.
  static func flushPending(_ gil: borrowing GIL) {
    let rest = unsafe pending.removeValue(forKey: pthread_self()) ?? []
    unsafe hasPending = unsafe !pending.isEmpty
    emit(rest)
  }

  // MARK: methods

  private static func write(
    _ object: PythonObject?, _ arguments: UnsafePointer<PythonObject?>?, _ count: Int
  ) -> PythonObject? {
    guard count == 1, let text = unsafe arguments?[0] else {
      return unsafe Raise.type("write() takes one argument, the text")
    }
    guard unsafe append(text) else { return nil }
    return unsafe PyLong_FromSsize_t(PyUnicode_GetLength(text))
  }

  private static func writelines(
    _ object: PythonObject?, _ arguments: UnsafePointer<PythonObject?>?, _ count: Int
  ) -> PythonObject? {
    guard count == 1, let texts = unsafe arguments?[0] else {
      return unsafe Raise.type("writelines() takes one argument, an iterable of texts")
    }
    guard let iterator = unsafe PythonReference(owning: PyObject_GetIter(texts)) else { return nil }
    while let text = unsafe PythonReference(owning: PyIter_Next(iterator.object)) {
      guard unsafe append(text.object) else { return nil }
    }
    return unsafe PyErr_Occurred() == nil ? none() : nil
  }

  private static func flush(
    _ object: PythonObject?, _ arguments: UnsafePointer<PythonObject?>?, _ count: Int
  ) -> PythonObject? {
    flushPending(GIL.held())
    return unsafe none()
  }

  private static func none() -> PythonObject? {
    unsafe Py_IncRef(plimsoll_none())
    return unsafe plimsoll_none()
  }

  // MARK: text

  /// Takes a str; false with TypeError set for anything else.
  private static func append(_ text: PythonObject) -> Bool {
    guard unsafe plimsoll_is_str(text) != 0 else {
      _ = unsafe Raise.type(
        unsafe "wsgi.errors takes str, not \(Python.typeName(of: text, GIL.held()))")
      return false
    }
    guard
      let encoded = unsafe PythonReference(
        owning: PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace"))
    else { return false }
    let bytes = unsafe UnsafeBufferPointer(
      start: UnsafeRawPointer(PyBytes_AsString(encoded.object)!)
        .assumingMemoryBound(to: UInt8.self),
      count: PyBytes_Size(encoded.object))
    let thread = UInt(pthread_self())
    var line = unsafe pending.removeValue(forKey: thread) ?? []
    unsafe line.append(contentsOf: bytes)
    if line.last == 0x0A {
      emit(line)
    } else if let end = line.lastIndex(of: 0x0A) {
      unsafe pending[thread] = Array(line[(end + 1)...])
      emit(Array(line[...end]))
    } else if unsafe line.count >= pendingLimit || pending.count >= threadLimit {
      emit(line)
    } else if !line.isEmpty {
      unsafe pending[thread] = line
    }
    unsafe hasPending = unsafe !pending.isEmpty
    return true
  }

  /// Writes without the GIL: standard error may be a pipe with a slow reader.
  private static func emit(_ bytes: [UInt8]) {
    var bytes = bytes
    if bytes.last == 0x0A { bytes.removeLast() }
    guard !bytes.isEmpty else { return }
    let saved = unsafe PyEval_SaveThread()
    ErrorLog.write(.error, String(decoding: bytes, as: UTF8.self))
    unsafe PyEval_RestoreThread(saved)
  }
}
