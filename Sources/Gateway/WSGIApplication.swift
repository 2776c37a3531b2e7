// WSGIApplication: answers the server's requests by calling WSGI applications. Edge.
internal import CPython
internal import Configuration
internal import HTTP1
internal import Platform
public import Server

/// The WSGI applications (PEP 3333) of a process group, behind the server.
///
/// Made in the mold, so that everything it prepares is shared by the workers forked from it; used
/// in a worker. ``attachThread(_:)`` for index 0 must be called on the process's main thread with
/// the GIL held, and ``detachThread(_:)`` for index 0 returns holding it.
@safe public final class WSGIApplication: Application {
  /// One for each of ``ServerSettings/applications``; nil until they are loaded. Written once, with
  /// the GIL held.
  private(set) var callables: UnsafeMutablePointer<PythonObject>?
  /// Loads the application; nil where that was done before any request.
  private let loader: LazyLoader?
  private let interpreter: OpaquePointer
  let environ: Environ
  /// Whether the main thread can be woken while it waits in the kernel.
  private(set) var mainThreadHearsSignals = false
  private let closeName: PythonObject
  /// Written with the GIL held.
  private let handlers: UnsafeMutablePointer<HandlerThread?>
  let handlerLimit: Int

  /// Takes over the references; without them the applications are loaded inside the first request.
  init(
    callables: UnsafeMutablePointer<PythonObject>?, settings: ServerSettings, _ gil: borrowing GIL
  ) {
    unsafe self.callables = unsafe callables
    loader = unsafe callables == nil ? LazyLoader(settings: settings) : nil
    unsafe interpreter = unsafe PyInterpreterState_Get()
    InputStream.prepare(gil)
    StartResponse.prepare(gil)
    FileWrapper.prepare(gil)
    let errors = unsafe ErrorStream.make(gil)
    environ = unsafe Environ(settings: settings, errors: errors, gil)
    unsafe Py_DecRef(errors)
    unsafe closeName = unsafe Python.interned("close", gil)
    // One more than the handlers: the server's monitor thread has the index behind theirs.
    handlerLimit = max(1, settings.threadsMax) + 1
    unsafe handlers = .allocate(capacity: handlerLimit)
    unsafe handlers.initialize(repeating: nil, count: handlerLimit)
    super.init()
  }

  // MARK: threads

  /// Gives the calling thread an interpreter thread state. Returns holding the GIL for index 0
  /// (which held it before), without it for others.
  public override func attachThread(_ index: Int) {
    unsafe precondition(index >= 0 && index < handlerLimit && handlers[index] == nil)
    let handler = unsafe HandlerThread(
      index: index, interpreter: interpreter, waits: lockWaits)
    unsafe handlers[index] = handler
    if index != 0 { handler.releaseGIL() }
  }

  /// Undoes ``attachThread(_:)``.
  public override func detachThread(_ index: Int) {
    guard let handler = unsafe handlers[index] else { return }
    handler.takeGIL()
    unsafe handlers[index] = nil
    handler.detach()
  }

  /// The handler with this index; nil where there is none now.
  func handler(_ index: Int, _ gil: borrowing GIL) -> HandlerThread? { unsafe handlers[index] }

  /// Makes ``interruptRequests(stuckSinceBefore:isLast:)`` reach the main thread while that waits
  /// in the kernel, too. In a worker, on its main thread.
  public func prepareInterruptions(_ gil: borrowing GIL) {
    mainThreadHearsSignals = MoldScript.wakeMainThreadOnSignal(gil)
  }

  /// Takes the GIL and gives it back.
  public override func waitForLock() { PyGILState_Release(PyGILState_Ensure()) }

  /// Raises `plimsoll.RequestTimeout` in the threads of stuck requests.
  public override func interruptRequests(stuckSinceBefore limitMs: Int64, isLast: Bool) -> Int {
    RequestInterrupter(application: self, limitMs: limitMs, isLast: isLast).interruptAll()
  }

  /// Gives up the GIL if the thread holds it.
  public override func threadWillBlock(_ index: Int) { unsafe handlers[index]?.releaseGIL() }

  /// Drops a reference that the server held on a block of a response.
  public override func release(owner: OpaquePointer, thread index: Int) {
    guard index < handlerLimit, let handler = unsafe handlers[index] else { return }
    handler.takeGIL()
    unsafe Py_DecRef(PythonObject(owner))
  }

  // MARK: requests

  /// Whether the application is loaded. For the thread that makes the application.
  public override var isLoaded: Bool { unsafe callables != nil }

  /// The application, loaded by this request where none did so before; nil where that failed, which
  /// was then written to the error log.
  private func loadedCallables(
    _ exchange: Exchange, _ handler: HandlerThread, _ gil: borrowing GIL
  ) -> UnsafeMutablePointer<PythonObject>? {
    guard let loader else { return unsafe callables }
    loader.begin(handler)
    if unsafe callables == nil {
      unsafe callables = unsafe loader.load(handler, gil)
      if unsafe callables != nil { exchange.applicationWasLoaded() }
    }
    loader.end()
    return unsafe callables
  }

  /// Calls the application and sends what it returns. Returns holding the GIL.
  public override func respond(to exchange: Exchange) {
    guard let handler = unsafe handlers[exchange.thread] else { return exchange.abort(500) }
    handler.takeGIL()
    let gil = GIL.held()
    handler.begin(exchange)
    guard let callables = unsafe self.callables ?? loadedCallables(exchange, handler, gil) else {
      exchange.abort(handler.interruptedSinceMs == 0 ? 500 : 504)
      handler.end(gil)
      return
    }
    if let environ = unsafe environ.make(exchange, input: handler.inputObject, gil) {
      let callable = unsafe callables[exchange.application]
      if let result = unsafe plimsoll_call2(callable, environ, handler.startResponse) {
        let outcome = unsafe ResponseBody.sendAll(result, exchange, handler, gil)
        conclude(outcome, exchange, handler, gil)
        unsafe close(result, exchange, handler, gil)
        noteLength(exchange, handler)
        handler.end(gil)
        unsafe Py_DecRef(result)
      } else {
        conclude(.raised, exchange, handler, gil)
        handler.end(gil)
      }
      unsafe Py_DecRef(environ)
    } else {
      conclude(.raised, exchange, handler, gil)
      handler.end(gil)
    }
    // Destructors of what was just dropped may have raised or printed.
    if unsafe ErrorStream.hasPending { ErrorStream.flushPending(gil) }
    handler.renewObjects(gil)
  }

  /// Makes sure that the response is ended, whatever became of it.
  private func conclude(
    _ outcome: ResponseBody.Outcome, _ exchange: Exchange, _ handler: HandlerThread,
    _ gil: borrowing GIL
  ) {
    switch outcome {
    case .finished: return
    case .clientLeft:
      log(.info, handler, "\(exchange.label): the client left during the response")
      exchange.abort(500)
    case .broken(let how):
      log(.error, handler, "\(exchange.label): the application \(how)")
      exchange.abort(500)
    case .raised:
      let status = report(exchange, handler, gil)
      if !handler.bodyIsComplete { exchange.abort(status) }
    }
    handler.takeGIL()
    handler.bodyIsComplete = true
    handler.wasAborted = true
  }

  /// Calls `close()` of what the application returned, once, whatever happened before.
  private func close(
    _ result: PythonObject, _ exchange: Exchange, _ handler: HandlerThread, _ gil: borrowing GIL
  ) {
    if unsafe plimsoll_is_exact_list(result) != 0 || plimsoll_is_exact_tuple(result) != 0 { return }
    guard let method = unsafe PyObject_GetAttr(result, closeName) else {
      if unsafe PyErr_ExceptionMatches(plimsoll_attribute_error()) == 0 {
        logFailure("close of the response", exchange, handler, gil)
      }
      PyErr_Clear()
      return
    }
    if let nothing = unsafe plimsoll_call0(method) {
      unsafe Py_DecRef(nothing)
    } else {
      logFailure("close() of the response", exchange, handler, gil)
    }
    unsafe Py_DecRef(method)
  }

  // MARK: the log

  /// Writes a line with the GIL given up: standard error may be a pipe that nobody reads, and then
  /// only this thread may stand still. The text is made before, under the GIL.
  private func log(
    _ level: LogLevel, _ handler: HandlerThread, _ message: @autoclosure () -> String
  ) {
    guard unsafe level.rawValue <= ErrorLog.threshold.rawValue else { return }
    let text = message()
    handler.waiting { ErrorLog.write(level, text) }
  }

  /// Writes what was raised to the error log; the status to answer with.
  private func report(
    _ exchange: Exchange, _ handler: HandlerThread, _ gil: borrowing GIL
  ) -> Int {
    guard let failure = PythonFailure(takingCurrent: gil) else { return 500 }
    let request = exchange.label
    if handler.clientLeft || handler.bodyFailureStatus != 0,
      unsafe failure.isInstance(of: plimsoll_os_error(), gil)
    {
      // Nothing is wrong with the application: it passed on what we raised.
      log(.info, handler, "\(request): \(failure.summary(gil))")
      return handler.bodyFailureStatus == 0 ? 500 : handler.bodyFailureStatus
    }
    if handler.interruptedSinceMs != 0 {
      // Its stack is in the log already.
      let isOurs = unsafe Python.typeName(of: failure.exception, gil) == "RequestTimeout"
      let how = isOurs ? "" : ", with \(failure.summary(gil))\n\(failure.traceback(gil))"
      log(.error, handler, "\(request): the interrupted request has ended\(how)")
      return 504
    }
    var what = "the application raised \(failure.summary(gil))"
    if unsafe failure.isInstance(of: plimsoll_system_exit(), gil) {
      what = "the application called sys.exit(), which ends this request only"
    }
    // What we raised ourselves has no Python frame to show.
    let traceback = failure.hasTraceback(gil) ? "\n" + failure.traceback(gil) : ""
    log(.error, handler, "\(request): \(what)\(traceback)")
    return 500
  }

  private func logFailure(
    _ place: String, _ exchange: Exchange, _ handler: HandlerThread, _ gil: borrowing GIL
  ) {
    guard let failure = PythonFailure(takingCurrent: gil) else { return }
    log(
      .error, handler,
      "\(exchange.label): \(place) raised \(failure.summary(gil))\n"
        + failure.traceback(gil))
  }

  /// Says where the body and the declared Content-Length differ.
  private func noteLength(_ exchange: Exchange, _ handler: HandlerThread) {
    let declared = exchange.declaredLength
    let given = handler.bodyBytesGiven
    if handler.wasAborted || declared < 0 || !exchange.sendsBody || given == declared { return }
    if given > declared {
      log(
        .error, handler,
        "\(exchange.label): the application sent \(given) bytes, more than its "
          + "Content-Length of \(declared); the rest was cut off")
    } else if !handler.clientLeft {
      log(
        .error, handler,
        "\(exchange.label): the application sent \(given) bytes, fewer than its "
          + "Content-Length of \(declared); the connection is closed")
    }
  }
}
