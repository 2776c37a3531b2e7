// GIL: the interpreter's lock as a value, so that the compiler sees who needs it. Edge.

/// Proof that the calling thread holds the GIL. What touches Python takes one as a parameter.
///
/// Takes no room and costs nothing. It neither takes nor gives up the lock: that is done by
/// ``HandlerThread`` on the server's threads, and by CPython itself where it calls us.
public struct GIL: ~Copyable {
  private init() {}

  /// The token for a thread that holds the lock: code called by CPython (a module's function, a
  /// type's slot), or after `PyEval_RestoreThread`.
  public static func held() -> GIL { GIL() }
}
