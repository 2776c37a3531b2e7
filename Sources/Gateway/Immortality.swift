// Immortality: nobody counts references to what was loaded before the fork. Edge.
//
//   gc.get_objects() ──▶ waiting ──▶ immortal, or counted as before
//                          ▲              │
//                          └── what it refers to (tp_traverse, keys of dicts, parts of code)
//
// An object that is immortal already is not looked into: it was looked into before, or it is the
// interpreter's own, whose containers the collector knows. Those that stay counted are looked into
// once.
internal import CPython

/// Makes objects immortal, so that the processes forked afterwards never write to their pages to
/// count references (PEP 683, which does so for None and the like).
///
/// Called before ``Interpreter/freezeCollector(_:)``, because the collector does not list frozen
/// objects.
@safe public struct Immortality: ~Copyable {
  /// Objects made immortal.
  private var immortalCount = 0
  /// Objects that still count: of extension types, with finalisers, running.
  private var countedCount = 0

  private let form: ImmortalForm
  private var types: ImmortalTypes
  private var waiting: [PythonObject] = unsafe []
  private var seen: Set<PythonObject> = unsafe []

  /// Why nothing was made immortal, in half a sentence.
  public struct Skipped: Error {
    /// The reason, such as `it counts references to every object`.
    public let reason: String
    /// Whether the interpreter is older than immortality, so that nothing is amiss.
    public let isOld: Bool
  }

  /// Makes immortal whatever the collector knows of and what that refers to.
  ///
  /// - Returns: how many objects are immortal now that were not, and how many still count.
  public static func spread(
    _ gil: borrowing GIL
  ) -> Result<(immortal: Int, counted: Int), Skipped> {
    let form: ImmortalForm
    switch ImmortalForm.find(gil) {
    case .success(let found): form = found
    case .failure(let absence):
      let isOld = Interpreter.version.hasPrefix("3.11.")
      return .failure(Skipped(reason: absence.reason, isOld: isOld))
    }
    guard var walk = Immortality(form: form, gil), walk.run(gil) else {
      PyErr_Clear()
      return .failure(Skipped(reason: "its objects cannot be listed", isOld: false))
    }
    return .success((walk.immortalCount, walk.countedCount))
  }

  private init?(form: ImmortalForm, _ gil: borrowing GIL) {
    guard let types = ImmortalTypes(gil) else { return nil }
    self.types = types
    self.form = form
  }

  private mutating func run(_ gil: borrowing GIL) -> Bool {
    guard let list = Python.attribute("get_objects", ofModule: "gc", gil)?.call(gil) else {
      return false
    }
    let count = unsafe PyList_Size(list.object)
    guard count >= 0 else { return false }
    unsafe seen.reserveCapacity(4096)
    var index = 0
    while index < count {
      if let object = unsafe PyList_GetItem(list.object, index) { unsafe waiting.append(object) }
      index += 1
      while let next = unsafe waiting.popLast() { unsafe take(next, gil) }
    }
    PyErr_Clear()
    return true
  }

  private mutating func take(_ object: PythonObject, _ gil: borrowing GIL) {
    if unsafe ImmortalForm.isImmortal(object) { return }
    let type: PythonObject = unsafe plimsoll_type(object)
    switch unsafe types.verdict(on: type) {
    case .immortal where unsafe !Self.hasCallback(object, gil):
      // Before its hash is stored later, in every worker.
      if unsafe plimsoll_is_exact_str(object) != 0 { unsafe PyObject_Hash(object) }
      unsafe plimsoll_set_reference_field(object, form.field)
      immortalCount += 1
      unsafe look(into: object, gil)
    case .immortal, .counted:
      guard unsafe seen.insert(object).inserted else { return }
      countedCount += 1
      unsafe look(into: object, gil)
    case .untouched:
      break
    }
  }

  /// A weak reference that would tell somebody: if it were immortal, it would do so even after its
  /// owner dropped it.
  private static func hasCallback(_ object: PythonObject, _ gil: borrowing GIL) -> Bool {
    guard unsafe plimsoll_is_weak_reference(object) != 0 else { return false }
    guard
      let callback = unsafe PythonReference(owning: PyObject_GetAttrString(object, "__callback__"))
    else {
      PyErr_Clear()
      return true
    }
    return unsafe callback.object != plimsoll_none()
  }

  // MARK: what an object refers to

  private mutating func look(into object: PythonObject, _ gil: borrowing GIL) {
    if unsafe plimsoll_type(object) == types.code { return unsafe lookInto(code: object) }
    if unsafe plimsoll_is_dict(object) != 0 { unsafe lookInto(dict: object) }
    if unsafe plimsoll_is_heap_type(object) != 0 {
      unsafe keep(plimsoll_type_name(object))
      unsafe keep(plimsoll_type_qualified_name(object))
    }
    unsafe withUnsafeMutablePointer(to: &waiting) { pointer in
      unsafe plimsoll_traverse(
        object,
        { found, context in
          if let found = unsafe found, let context = unsafe context {
            unsafe context.assumingMemoryBound(to: [PythonObject].self).pointee.append(found)
          }
          return 0
        }, unsafe pointer)
    }
  }

  /// The collector skips keys that are str.
  private mutating func lookInto(dict: PythonObject) {
    var place = 0
    var key: PythonObject?
    var value: PythonObject?
    while unsafe PyDict_Next(dict, &place, &key, &value) != 0 {
      if let key = unsafe key { unsafe waiting.append(key) }
      if let value = unsafe value { unsafe waiting.append(value) }
    }
  }

  /// The collector does not look into code. `co_code` and `co_varnames` are not asked for: they are
  /// made when somebody asks.
  private mutating func lookInto(code: PythonObject) {
    for name in Self.codeParts { unsafe keep(PyObject_GetAttrString(code, name.characters)) }
  }

  private static let codeParts: [StaticString] = [
    "co_consts", "co_names", "co_name", "co_qualname", "co_filename", "co_linetable",
    "co_exceptiontable",
  ]

  /// Notes an object that is held by another too, of which a new reference was given.
  private mutating func keep(_ object: PythonObject?) {
    guard let object = unsafe object else { return PyErr_Clear() }
    if unsafe plimsoll_reference_count(object) > 1 { unsafe waiting.append(object) }
    unsafe Py_DecRef(object)
  }
}
