// MoldScript: the Python side of loading, warming and forking. Edge.
internal import CPython

/// What is simpler in Python than through the C interface, on cold paths: collections held back
/// while the application loads, warm requests, the hooks of the module `plimsoll`, connections that
/// must not be shared.
///
/// The source is run once per interpreter, as the module `_plimsoll_mold`.
public enum MoldScript {
  /// A line for the error log.
  public struct Message: Equatable, Sendable {
    /// How severe it is.
    public enum Kind: Equatable, Sendable { case error, warning, note }
    /// How severe it is.
    public let kind: Kind
    /// The sentence, and a traceback where there is one.
    public let text: String
  }

  /// Puts the module `plimsoll`, which applications may import, at the end of `sys.path`.
  static func addHooksModule(_ gil: borrowing GIL) { call("add_hooks_module", gil) }

  /// Turns the collector off until ``endLoading(_:)``, whatever the application asks for meanwhile;
  /// most of what an import makes stays for ever, and is gone through again and again.
  static func beginLoading(_ gil: borrowing GIL) { call("begin_loading", gil) }

  /// Turns the collector to what the application wanted.
  static func endLoading(_ gil: borrowing GIL) { call("end_loading", gil) }

  /// Runs the hooks of `plimsoll.before_fork` and closes what processes must not share.
  public static func prepareFork(_ gil: borrowing GIL) -> [Message] { call("prepare_fork", gil) }

  /// Runs the hooks of `plimsoll.after_fork`, in a worker before it serves.
  public static func startWorker(_ gil: borrowing GIL) -> [Message] { call("start_worker", gil) }

  /// Notes what a scout has open, before it serves.
  public static func beginScouting(_ gil: borrowing GIL) { call("begin_scouting", gil) }

  /// Does in a scout that has served what ``prepareFork(_:)`` does in a mold.
  ///
  /// - Returns: why it must not be forked from, with what to do about it; nil where it may.
  public static func prepareRefork(_ gil: borrowing GIL) -> String? {
    guard let function = function("prepare_refork", gil), let answer = function.call(gil) else {
      PyErr_Print()
      return "what the application holds open cannot be found out; the error log says why"
    }
    let reason = answer.text(gil) ?? ""
    return reason.isEmpty ? nil : reason
  }

  /// Replays requests in this process.
  static func warm(
    _ requests: borrowing PythonReference, _ gil: borrowing GIL
  ) -> [Message] {
    guard let function = function("warm", gil) else { return [] }
    return messages(function.call(requests, gil), gil)
  }

  /// Moves the code that warming found to write to itself onto few pages.
  static func gatherCode(
    _ requests: borrowing PythonReference, _ gil: borrowing GIL
  ) -> [Message] {
    guard let function = function("gather_code", gil) else { return [] }
    return messages(function.call(requests, gil), gil)
  }

  @discardableResult
  private static func call(_ name: StaticString, _ gil: borrowing GIL) -> [Message] {
    guard let function = function(name, gil) else { return [] }
    return messages(function.call(gil), gil)
  }

  static func function(_ name: StaticString, _ gil: borrowing GIL) -> PythonReference? {
    let moduleName: StaticString = "_plimsoll_mold"
    if let modules = unsafe PySys_GetObject("modules"),
      unsafe PyDict_GetItemString(modules, moduleName.characters) == nil
    {
      PyErr_Clear()
      guard PythonNames(running: source, file: "<plimsoll>", gil) != nil,
        PythonNames(running: sharedSource, file: "<plimsoll>", gil) != nil,
        PythonNames(running: scoutSource, file: "<plimsoll>", gil) != nil,
        PythonNames(running: timeoutSource, file: "<plimsoll>", gil) != nil
      else { return nil }
    }
    if let found = Python.attribute(name, ofModule: moduleName, gil) { return found }
    PyErr_Print()
    return nil
  }

  /// Messages come as a list of str, each with a letter for its kind in front.
  private static func messages(
    _ list: consuming PythonReference?, _ gil: borrowing GIL
  ) -> [Message] {
    guard let list else {
      PyErr_Print()
      return []
    }
    guard unsafe plimsoll_is_list(list.object) != 0 else { return [] }
    return unsafe Python.texts(ofList: list.object, gil).map { text in
      let kind: Message.Kind =
        switch text.first {
        case "E": .error
        case "W": .warning
        default: .note
        }
      return Message(kind: kind, text: String(text.dropFirst()))
    }
  }
}
