// PythonFork: what the interpreter wants done around fork(2). Edge.
internal import CPython

/// The calls that CPython's own `os.fork` makes (PyOS_BeforeFork and its counterparts): they hold
/// the import lock, run `os.register_at_fork` hooks and set the interpreter right in the child.
public enum PythonFork {
  /// Immediately before fork(2), on the only thread.
  public static func before(_ gil: borrowing GIL) { PyOS_BeforeFork() }

  /// In the parent, also when the fork failed.
  public static func afterParent(_ gil: borrowing GIL) { PyOS_AfterFork_Parent() }

  /// In the child, before anything else touches Python.
  public static func afterChild(_ gil: borrowing GIL) { PyOS_AfterFork_Child() }

  /// Names of the Python threads other than the main one: a fork would lose them.
  public static func threadsAlive(_ gil: borrowing GIL) -> [String] {
    guard let enumerate = Python.attribute("enumerate", ofModule: "threading", gil),
      let threads = enumerate.call(gil), unsafe plimsoll_is_list(threads.object) != 0,
      let main = Python.attribute("main_thread", ofModule: "threading", gil)?.call(gil)
    else {
      PyErr_Clear()
      return []
    }
    var names: [String] = []
    for index in unsafe 0..<max(0, PyList_Size(threads.object)) {
      guard let thread = unsafe PyList_GetItem(threads.object, index), unsafe thread != main.object
      else {
        continue
      }
      let name = unsafe PythonReference(retaining: thread).attribute("name", gil)?.text(gil)
      names.append(name ?? "a thread without a name")
    }
    PyErr_Clear()
    return names
  }
}
