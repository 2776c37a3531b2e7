// FileWrapper: wsgi.file_wrapper, and what of it can go out by sendfile. Edge.
internal import CPython
internal import Glibc

/// `wsgi.file_wrapper` (PEP 3333, "Optional Platform-Specific File Handling").
///
/// As an iterable it reads blocks. Returned unchanged by the application, and where it wraps a
/// regular file of the `io` module, its descriptor is given to the server instead.
enum FileWrapper {
  /// The type; nil before ``prepare(_:)``.
  nonisolated(unsafe) private(set) static var type: PythonObject?
  nonisolated(unsafe) private static var readName: PythonObject?
  nonisolated(unsafe) private static var closeName: PythonObject?
  /// `io.FileIO`, `io.BufferedReader`, `io.BufferedRandom`.
  nonisolated(unsafe) private static var fileTypes: [PythonObject] = []

  /// Bytes of a block where the application does not say.
  static let defaultBlockSize = 8192

  /// Makes the type; once, in the mold.
  static func prepare(_ gil: borrowing GIL) {
    guard type == nil else { return }
    readName = Python.interned("read", gil)
    closeName = Python.interned("close", gil)
    for name in ["FileIO", "BufferedReader", "BufferedRandom"] as [StaticString] {
      if let found = Python.attribute(name, ofModule: "io", gil) {
        fileTypes.append(found.release())
      }
    }
    PyErr_Clear()
    let methods = PythonType.methods([
      plimsoll_fast_method("close", { FileWrapper.close($0, $1, $2) },
        "close(): closes the wrapped object, if it can be")
    ])
    let getters = PythonType.getters([
      attribute("filelike") { object, _ in
        FileWrapper.lend(FileWrapper.instance(object!).pointee.file)
      },
      attribute("blksize") { object, _ in
        FileWrapper.lend(FileWrapper.instance(object!).pointee.block_size)
      },
    ])
    type = PythonType.make(
      name: "plimsoll.FileWrapper", size: MemoryLayout<plimsoll_file_wrapper>.size,
      flags: plimsoll_flags_callable(),
      slots: [
        plimsoll_slot_new { FileWrapper.new($0, $1, $2) },
        plimsoll_slot_destroy { FileWrapper.destroy($0) },
        plimsoll_slot_iter { object in
          Py_IncRef(object)
          return object
        },
        plimsoll_slot_next { FileWrapper.next($0) },
        plimsoll_slot_methods(methods),
        plimsoll_slot_getters(getters),
        plimsoll_slot_doc("FileWrapper(filelike, blksize=8192): an iterable of blocks."),
      ], gil)
  }

  // MARK: the type

  private static func attribute(_ name: StaticString, _ read: getter) -> PyGetSetDef {
    var definition = PyGetSetDef()
    definition.name = name.characters
    definition.get = read
    return definition
  }

  private static func lend(_ object: PythonObject?) -> PythonObject? {
    Py_IncRef(object)
    return object
  }

  private static func instance(
    _ object: PythonObject
  ) -> UnsafeMutablePointer<plimsoll_file_wrapper> {
    UnsafeMutableRawPointer(object).assumingMemoryBound(to: plimsoll_file_wrapper.self)
  }

  private static func new(
    _ type: OpaquePointer?, _ arguments: PythonObject?,
    _ keywords: PythonObject?
  ) -> PythonObject? {
    let count = PyTuple_Size(arguments)
    guard count == 1 || count == 2, keywords == nil || PyDict_Size(keywords) == 0 else {
      return Raise.type("wsgi.file_wrapper takes a file-like object and optionally a block size")
    }
    guard let file = PyTuple_GetItem(arguments, 0) else { return nil }
    var blockSize: PythonObject?
    if count == 2, let given = PyTuple_GetItem(arguments, 1) {
      let size = PyNumber_AsSsize_t(given, plimsoll_overflow_error())
      if size == -1, PyErr_Occurred() != nil { return nil }
      guard size > 0 else { return Raise.value("the block size must be positive") }
      Py_IncRef(given)
      blockSize = given
    } else {
      blockSize = PyLong_FromSsize_t(defaultBlockSize)
    }
    guard let object = PyType_GenericAlloc(type, 0) else { return nil }
    Py_IncRef(file)
    instance(object).pointee.file = file
    instance(object).pointee.block_size = blockSize
    return object
  }

  private static func destroy(_ object: PythonObject?) {
    guard let object else { return }
    Py_DecRef(instance(object).pointee.file)
    Py_DecRef(instance(object).pointee.block_size)
    PythonType.free(object)
  }

  private static func next(_ object: PythonObject?) -> PythonObject? {
    guard let object, let file = instance(object).pointee.file,
      let read = PythonReference(owning: PyObject_GetAttr(file, readName)),
      let block = PythonReference(
        owning: plimsoll_call1(read.object, instance(object).pointee.block_size))
    else { return nil }
    let isEmpty = PyObject_Not(block.object)
    // NULL without an exception ends the iteration.
    return isEmpty == 0 ? block.release() : nil
  }

  private static func close(
    _ object: PythonObject?, _ arguments: UnsafePointer<PythonObject?>?, _ count: Int
  ) -> PythonObject? {
    guard count == 0, let object, let file = instance(object).pointee.file else {
      return Raise.type("close() takes no argument")
    }
    if let close = PythonReference(owning: PyObject_GetAttr(file, closeName)) {
      return plimsoll_call0(close.object)
    }
    guard PyErr_ExceptionMatches(plimsoll_attribute_error()) != 0 else { return nil }
    PyErr_Clear()
    Py_IncRef(plimsoll_none())
    return plimsoll_none()
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
  static func isWrapper(_ object: PythonObject) -> Bool { plimsoll_type(object) == type }

  /// The file region behind a wrapper; nil where blocks must be read: not a regular file, or an
  /// object whose reads may differ from the descriptor's bytes (such as `gzip.GzipFile`).
  static func region(of wrapper: PythonObject, _ gil: borrowing GIL) -> Region? {
    guard let file = instance(wrapper).pointee.file, isPlainFile(file, depth: 0, gil) else {
      return nil
    }
    let descriptor = PyObject_AsFileDescriptor(file)
    guard descriptor >= 0,
      let tell = PythonReference(owning: PyObject_GetAttrString(file, "tell")),
      let position = tell.call(gil)
    else {
      PyErr_Clear()
      return nil
    }
    let offset = PyLong_AsLongLong(position.object)
    var status = stat()
    guard offset >= 0, fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      PyErr_Clear()
      return nil
    }
    return Region(
      descriptor: descriptor, offset: offset, count: max(0, Int64(status.st_size) - offset))
  }

  /// Whether reads of `file` give the descriptor's own bytes: the io module's binary files, and
  /// objects that pass everything to one in their `file` attribute (tempfile's, Django's `File`).
  private static func isPlainFile(
    _ file: PythonObject, depth: Int, _ gil: borrowing GIL
  ) -> Bool {
    guard let fileType = plimsoll_type(file) else { return false }
    if fileTypes.first == fileType { return true }
    if fileTypes.contains(fileType) {
      // A buffered reader may stand on anything that reads, such as a decompressor.
      guard let raw = PythonReference(owning: PyObject_GetAttrString(file, "raw")) else {
        PyErr_Clear()
        return false
      }
      return plimsoll_type(raw.object) == fileTypes.first
    }
    guard depth < 3, let inner = PythonReference(owning: PyObject_GetAttrString(file, "file"))
    else {
      PyErr_Clear()
      return false
    }
    return isPlainFile(inner.object, depth: depth + 1, gil)
  }
}
