// ImmortalForm: what an object's reference count looks like when nobody counts it. Edge.
internal import CPython

/// The 64 bits that this interpreter keeps in the reference count of an immortal object on the heap
/// (PEP 683).
///
/// No version of CPython promises them, so they are read off an object that is immortal already and
/// then tried out. 3.12 and 3.13 have `0x00000000FFFFFFFF`; 3.14 has `0x0001C00000000000` in parts:
/// the count in the low half and flags in the upper quarter.
struct ImmortalForm {
  /// What is stored in the field.
  let field: UInt64

  /// Counts from here on, in the low half, mean immortal; PEP 683 leaves half the range as room.
  private static let least: UInt32 = 1 << 31
  /// The flag of 3.14 that marks immortal objects, on the heap or not, as its tagged pointers want.
  private static let flag: UInt64 = 1 << 48
  /// How often the probe is taken and given back.
  private static let trials = 1000

  /// The form, or the reason why there is none, for the log.
  static func find(_ gil: borrowing GIL) -> Result<ImmortalForm, Absence> {
    let none = unsafe plimsoll_reference_field(plimsoll_none())
    guard UInt32(truncatingIfNeeded: none) >= least else {
      return .failure(Absence(reason: "it counts references to every object"))
    }
    // None is no object of the heap, which 3.14 marks with one more flag.
    let form = ImmortalForm(field: (none & 0xFFFF_FFFF) | (none & flag))
    guard form.holds(gil) else {
      return .failure(Absence(reason: "an object made immortal did not stay so"))
    }
    return .success(form)
  }

  /// Why objects cannot be made immortal.
  struct Absence: Error { let reason: String }

  /// Whether objects in this form are immortal for the interpreter: neither its functions nor its
  /// compiled-in counting may change the field.
  private func holds(_ gil: borrowing GIL) -> Bool {
    guard let probe = unsafe PythonReference(owning: PyList_New(0)),
      let holder = unsafe PythonReference(owning: PyList_New(0))
    else { return false }
    let before = unsafe plimsoll_reference_field(probe.object)
    guard before == 1 else { return false }
    defer { unsafe plimsoll_set_reference_field(probe.object, before) }
    unsafe plimsoll_set_reference_field(probe.object, field)
    for _ in 0..<Self.trials { unsafe Py_IncRef(probe.object) }
    for _ in 0..<Self.trials where unsafe plimsoll_reference_field(probe.object) == field {
      unsafe PyList_Append(holder.object, probe.object)
    }
    guard unsafe plimsoll_reference_field(probe.object) == field else { return false }
    // Giving back: once more than it was taken, with the interpreter's own code.
    unsafe PyList_SetSlice(holder.object, 0, Self.trials, nil)
    for _ in 0...(Self.trials + 1) where unsafe plimsoll_reference_field(probe.object) == field {
      unsafe Py_DecRef(probe.object)
    }
    return unsafe plimsoll_reference_field(probe.object) == field
  }

  /// Whether nobody counts references to an object.
  @inline(__always)
  static func isImmortal(_ object: PythonObject) -> Bool {
    unsafe plimsoll_reference_count(object) >= least
  }
}
