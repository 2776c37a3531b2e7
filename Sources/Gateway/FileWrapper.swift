// FileWrapper: wsgi.file_wrapper, and what of it can go out by sendfile. Edge.
internal import CPython
internal import Glibc

/// `wsgi.file_wrapper` (PEP 3333, "Optional Platform-Specific File Handling").
///
/// As an iterable it reads blocks. Returned unchanged by the application, and where it wraps a
/// regular file of the `io` module, its descriptor is given to the server instead.
enum FileWrapper {
  // All are written once, in the mold, before any other thread is there.

  /// The type; nil before ``prepare(_:)``.
  nonisolated(unsafe) private(set) static var type: PythonObject?
  nonisolated(unsafe) private static var readName: PythonObject?
  nonisolated(unsafe) private static var closeName: PythonObject?
  /// `io.FileIO`, `io.BufferedReader`, `io.BufferedRandom`, in this order.
  nonisolated(unsafe) private static var fileTypes: [PythonObject] = unsafe []

  /// Bytes of a block where the application does not say.
  static let defaultBlockSize = 8192

  /// Makes the type; once, in the mold.
  static func prepare(_ gil: borrowing GIL) {
    guard unsafe type == nil else { return }
    unsafe readName = unsafe Python.interned("read", gil)
    unsafe closeName = unsafe Python.interned("close", gil)
    for name in ["FileIO", "BufferedReader", "BufferedRandom"] as [StaticString] {
      if let found = Python.attribute(name, ofModule: "io", gil) {
        unsafe fileTypes.append(found.release())
      }
    }
    PyErr_Clear()
    let methods = unsafe PythonType.methods([
      plimsoll_fast_method(
        "close", { unsafe FileWrapper.close($0, $1, $2) },
        "close(): closes the wrapped object, if it can be")
    ])
    let getters = unsafe PythonType.getters([
      attribute("filelike") { object, _ in
        unsafe FileWrapper.lend(FileWrapper.instance(object!).pointee.file)
      },
      unsafe attribute("blksize") { object, _ in
        unsafe FileWrapper.lend(FileWrapper.instance(object!).pointee.block_size)
      },
    ])
    unsafe type = unsafe PythonType.make(
      name: "plimsoll.FileWrapper", size: MemoryLayout<plimsoll_file_wrapper>.size,
      flags: plimsoll_flags_callable(),
      slots: [
        plimsoll_slot_new { unsafe FileWrapper.new($0, $1, $2) },
        unsafe plimsoll_slot_destroy { unsafe FileWrapper.destroy($0) },
        unsafe plimsoll_slot_iter { object in
          unsafe Py_IncRef(object)
          return unsafe object
        },
        unsafe plimsoll_slot_next { unsafe FileWrapper.next($0) },
        unsafe plimsoll_slot_methods(methods),
        unsafe plimsoll_slot_getters(getters),
        unsafe plimsoll_slot_doc("FileWrapper(filelike, blksize=8192): an iterable of blocks."),
      ], gil)
  }

  // MARK: the type

  private static func attribute(_ name: StaticString, _ read: getter) -> PyGetSetDef {
    var definition = unsafe PyGetSetDef()
    unsafe definition.name = unsafe name.characters
    unsafe definition.get = unsafe read
    return unsafe definition
  }

  private static func lend(_ object: PythonObject?) -> PythonObject? {
    unsafe Py_IncRef(object)
    return unsafe object
  }

  private static func instance(
    _ object: PythonObject
  ) -> UnsafeMutablePointer<plimsoll_file_wrapper> {
    unsafe UnsafeMutableRawPointer(object).assumingMemoryBound(to: plimsoll_file_wrapper.self)
  }

  private static func new(
    _ type: OpaquePointer?, _ arguments: PythonObject?,
    _ keywords: PythonObject?
  ) -> PythonObject? {
    let count = unsafe PyTuple_Size(arguments)
    guard count == 1 || count == 2, unsafe keywords == nil || PyDict_Size(keywords) == 0 else {
      return unsafe Raise.type(
        "wsgi.file_wrapper takes a file-like object and optionally a block size")
    }
    guard let file = unsafe PyTuple_GetItem(arguments, 0) else { return nil }
    var blockSize: PythonObject?
    if count == 2, let given = unsafe PyTuple_GetItem(arguments, 1) {
      let size = unsafe PyNumber_AsSsize_t(given, plimsoll_overflow_error())
      if size == -1, unsafe PyErr_Occurred() != nil { return nil }
      guard size > 0 else { return unsafe Raise.value("the block size must be positive") }
      unsafe Py_IncRef(given)
      unsafe blockSize = unsafe given
    } else {
      unsafe blockSize = unsafe PyLong_FromSsize_t(defaultBlockSize)
    }
    guard let object = unsafe PyType_GenericAlloc(type, 0) else { return nil }
    unsafe Py_IncRef(file)
    unsafe instance(object).pointee.file = unsafe file
    unsafe instance(object).pointee.block_size = unsafe blockSize
    return unsafe object
  }

  private static func destroy(_ object: PythonObject?) {
    guard let object = unsafe object else { return }
    unsafe Py_DecRef(instance(object).pointee.file)
    unsafe Py_DecRef(instance(object).pointee.block_size)
    unsafe PythonType.free(object)
  }

  private static func next(_ object: PythonObject?) -> PythonObject? {
    guard let object = unsafe object, let file = unsafe instance(object).pointee.file,
      let read = unsafe PythonReference(owning: PyObject_GetAttr(file, readName)),
      let block = unsafe PythonReference(
        owning: plimsoll_call1(read.object, instance(object).pointee.block_size))
    else { return nil }
    let isEmpty = unsafe PyObject_Not(block.object)
    // NULL without an exception ends the iteration.
    return unsafe isEmpty == 0 ? block.release() : nil
  }

  private static func close(
    _ object: PythonObject?, _ arguments: UnsafePointer<PythonObject?>?, _ count: Int
  ) -> PythonObject? {
    guard count == 0, let object = unsafe object, let file = unsafe instance(object).pointee.file
    else {
      return unsafe Raise.type("close() takes no argument")
    }
    if let close = unsafe PythonReference(owning: PyObject_GetAttr(file, closeName)) {
      return unsafe plimsoll_call0(close.object)
    }
    guard unsafe PyErr_ExceptionMatches(plimsoll_attribute_error()) != 0 else { return nil }
    PyErr_Clear()
    unsafe Py_IncRef(plimsoll_none())
    return unsafe plimsoll_none()
  }

  // MARK: sendfile

  /// A run of bytes of an open file.
  struct Region {
    /// Borrowed from the Python file object.
    var descriptor: Int32
    var offset: Int64
    /// Bytes from the offset to the end of the file.
    var count: Int64
  }

  /// Whether `object` is a wrapper as the application got it from us.
  static func isWrapper(_ object: PythonObject) -> Bool { unsafe plimsoll_type(object) == type }

  /// The file region behind a wrapper; nil where blocks must be read: not a regular file, or an
  /// object whose reads may differ from the descriptor's bytes (such as `gzip.GzipFile`).
  static func region(of wrapper: PythonObject, _ gil: borrowing GIL) -> Region? {
    guard let outer = unsafe instance(wrapper).pointee.file,
      let file = unsafe fileRead(by: outer, gil), let position = self.position(of: file, gil)
    else {
      PyErr_Clear()
      return nil
    }
    let offset = unsafe PyLong_AsLongLong(position.object)
    let descriptor = offset >= 0 ? unsafe PyObject_AsFileDescriptor(file.object) : -1
    var status = stat()
    guard descriptor >= 0, unsafe fstat(descriptor, &status) == 0,
      status.st_mode & S_IFMT == S_IFREG
    else {
      PyErr_Clear()
      return nil
    }
    return Region(
      descriptor: descriptor, offset: offset, count: max(0, Int64(status.st_size) - offset))
  }

  /// Where the next read would start; nil, perhaps with an exception set, where that is unknown.
  private static func position(
    of file: borrowing PythonReference, _ gil: borrowing GIL
  ) -> PythonReference? {
    // What was written and is still in the buffer would be read, so it must be in the file.
    if unsafe plimsoll_type(file.object) == fileTypes.last,
      file.attribute("flush", gil)?.call(gil) == nil
    {
      return nil
    }
    return file.attribute("tell", gil)?.call(gil)
  }

  /// The file whose own `read` is what `outer.read` is; nil, perhaps with an exception set, where
  /// `outer` reads in its own way.
  ///
  /// What counts is the method found by the look-up that reading blocks would begin with. So files
  /// behind objects that only pass on (tempfile's, Django's `File`) are found, and a `read` that
  /// decrypts, counts or limits, in a subclass or put over the file's own, is never gone around.
  private static func fileRead(
    by outer: PythonObject, _ gil: borrowing GIL
  ) -> PythonReference? {
    guard var read = unsafe PythonReference(owning: PyObject_GetAttr(outer, readName)) else {
      return nil
    }
    if isTemporaryFileRead(read, gil) {
      guard let wrapped = read.attribute("__wrapped__", gil) else { return nil }
      read = wrapped
    }
    guard let file = unsafe plimsoll_builtin_self(read.object), unsafe isPlainFile(file, gil),
      let name = read.attribute("__name__", gil), unsafe plimsoll_is_str(name.object) != 0,
      unsafe PyUnicode_Compare(name.object, readName) == 0
    else {
      return nil
    }
    return unsafe PythonReference(retaining: file)
  }

  /// Whether `read` is the function by which `tempfile.NamedTemporaryFile` passes on calls: one of
  /// the module's own, around the file's.
  private static func isTemporaryFileRead(
    _ read: borrowing PythonReference, _ gil: borrowing GIL
  ) -> Bool {
    guard unsafe plimsoll_builtin_self(read.object) == nil,
      // Not imported for this: without it, nothing can be from there.
      let name = Python.string("tempfile", gil),
      let module = unsafe PythonReference(owning: PyImport_GetModule(name.object)),
      let names = read.attribute("__globals__", gil)
    else {
      PyErr_Clear()
      return false
    }
    return unsafe names.object == PyModule_GetDict(module.object)
  }

  /// Whether reads of `file` by its type's own method give the descriptor's own bytes.
  private static func isPlainFile(_ file: PythonObject, _ gil: borrowing GIL) -> Bool {
    guard let type = unsafe plimsoll_type(file), unsafe fileTypes.contains(type) else {
      return false
    }
    if unsafe type == fileTypes.first { return true }
    // A buffered reader may stand on anything that reads, such as a decompressor.
    guard let raw = unsafe PythonReference(owning: PyObject_GetAttrString(file, "raw")) else {
      return false
    }
    return unsafe plimsoll_type(raw.object) == fileTypes.first
  }
}
