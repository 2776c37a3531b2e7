// MoldScript+Timeout: the exception of requests that take too long, and where they are. Edge.
internal import CPython

extension MoldScript {
  /// More of the source of `_plimsoll_mold`. The module `plimsoll` takes the class from here, so
  /// that applications can name it.
  static let timeoutSource: StaticString = #"""
    import sys, traceback

    class RequestTimeout(BaseException):
        """The request made no progress for longer than --timeout allows, and is to end now."""

        def __str__(self):
            return super().__str__() or 'no progress for longer than --timeout'

    RequestTimeout.__module__ = 'plimsoll'

    def stack_of(thread):
        frame = sys._current_frames().get(thread)
        return ''.join(traceback.format_stack(frame)).rstrip() if frame else ''

    def wake_on(number):
        import _signal
        _signal.signal(number, lambda number, frame: None)

    sys.modules['_plimsoll_mold'].__dict__.update(RequestTimeout=RequestTimeout,
                                                  stack_of=stack_of, wake_on=wake_on)
    """#

  /// Where a thread is, as Python shows it. Runs Python code.
  static func stack(ofThread thread: UInt, _ gil: borrowing GIL) -> String {
    guard let function = function("stack_of", gil),
      let number = unsafe PythonReference(owning: PyLong_FromUnsignedLong(thread)),
      let text = function.call(number, gil)?.text(gil), !text.isEmpty
    else {
      PyErr_Clear()
      return "  (in no Python code)"
    }
    return text
  }

  /// Gives SIGRTMIN+4 a Python handler that does nothing. CPython runs handlers on the main thread,
  /// also where that waits in the kernel, and an exception that is on its way to the thread is
  /// raised by the first Python code that it runs. Call on the main thread.
  ///
  /// - Returns: whether that worked.
  static func wakeMainThreadOnSignal(_ gil: borrowing GIL) -> Bool {
    guard let function = function("wake_on", gil),
      let number = unsafe PythonReference(owning: PyLong_FromLong(Int(plimsoll_wake_signal()))),
      function.call(number, gil) != nil
    else {
      PyErr_Clear()
      return false
    }
    return true
  }

  /// `plimsoll.RequestTimeout`.
  static func requestTimeout(_ gil: borrowing GIL) -> PythonReference? {
    function("RequestTimeout", gil)
  }
}
