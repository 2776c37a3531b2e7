// PythonFailure: the exception that was raised, taken out of the interpreter. Edge.
internal import CPython

/// A raised exception, owned. Made and dropped only by a thread that holds the GIL.
struct PythonFailure: ~Copyable {
  private let type: PythonReference
  private let value: PythonReference

  /// Takes the current exception, normalized, with its traceback attached; nil if there is none.
  init?(takingCurrent gil: borrowing GIL) {
    var rawType: PythonObject?
    var rawValue: PythonObject?
    var rawTraceback: PythonObject?
    unsafe PyErr_Fetch(&rawType, &rawValue, &rawTraceback)
    unsafe PyErr_NormalizeException(&rawType, &rawValue, &rawTraceback)
    let traceback = unsafe PythonReference(owning: rawTraceback)
    guard let type = unsafe PythonReference(owning: rawType) else { return nil }
    guard let value = unsafe PythonReference(owning: rawValue) else { return nil }
    if let traceback {
      unsafe PyException_SetTraceback(value.object, traceback.object)
    }
    self.type = type
    self.value = value
  }

  /// The exception.
  var exception: PythonObject { unsafe value.object }

  /// Whether the exception is an instance of `type` (a class, borrowed).
  func isInstance(of type: PythonObject?, _ gil: borrowing GIL) -> Bool {
    unsafe PyErr_GivenExceptionMatches(value.object, type) != 0
  }

  /// The exception's attribute `name`; leaves no exception behind.
  func attribute(_ name: StaticString, _ gil: borrowing GIL) -> PythonReference? {
    if let attribute = value.attribute(name, gil) { return attribute }
    PyErr_Clear()
    return nil
  }

  /// `ValueError: what it says`, on one line.
  func summary(_ gil: borrowing GIL) -> String {
    let name = unsafe Python.typeName(of: value.object, gil)
    let text = unsafe Python.description(of: value.object, gil)
    let line = text.split(separator: "\n", maxSplits: 1).first.map(String.init) ?? ""
    return line.isEmpty ? name : "\(name): \(line)"
  }

  /// Whether Python code was running when it was raised.
  func hasTraceback(_ gil: borrowing GIL) -> Bool {
    guard let traceback = attribute("__traceback__", gil) else { return false }
    return unsafe traceback.object != plimsoll_none()
  }

  /// The traceback as Python prints it, without the import machinery's own frames at its top and
  /// without a last newline. Leaves no exception behind.
  func traceback(_ gil: borrowing GIL) -> String {
    dropImportFrames(gil)
    guard
      let format = Python.attribute("format_exception", ofModule: "traceback", gil),
      let lines = format.call(value, gil),
      unsafe plimsoll_is_list(lines.object) != 0
    else {
      PyErr_Clear()
      return summary(gil)
    }
    var text = unsafe Python.texts(ofList: lines.object, gil).joined()
    while text.last == "\n" { text.removeLast() }
    return text
  }

  /// Drops frames such as `<frozen importlib._bootstrap>` where they come first: they say nothing
  /// about the application.
  private func dropImportFrames(_ gil: borrowing GIL) {
    guard let first = attribute("__traceback__", gil) else { return }
    var place = first
    while unsafe place.object != plimsoll_none(), Self.isImportFrame(place, gil),
      let next = place.attribute("tb_next", gil)
    {
      place = next
    }
    PyErr_Clear()
    unsafe PyException_SetTraceback(value.object, place.object)
  }

  private static func isImportFrame(
    _ traceback: borrowing PythonReference, _ gil: borrowing GIL
  ) -> Bool {
    if let frame = traceback.attribute("tb_frame", gil),
      let code = frame.attribute("f_code", gil),
      let file = code.attribute("co_filename", gil), let name = file.text(gil)
    {
      return name.hasPrefix("<frozen importlib")
    }
    PyErr_Clear()
    return false
  }
}

/// The current exception, put aside while something else is done; nothing if there is none.
@safe struct SavedError: ~Copyable {
  private var type: PythonObject?
  private var value: PythonObject?
  private var traceback: PythonObject?

  /// Takes the exception away.
  init(_ gil: borrowing GIL) {
    unsafe PyErr_Fetch(&type, &value, &traceback)
  }

  /// Sets it again.
  consuming func restore(_ gil: borrowing GIL) {
    unsafe PyErr_Restore(type, value, traceback)
  }
}
