// HandlerThread: what one thread of the server keeps between requests. Edge.
//
// The GIL on a handler thread:
//
//            respond, release                 threadWillBlock, or a wait for the client
//   without ─────────────────▶ with the GIL ─────────────────────────────────▶ without
//
// It is kept from one request to the next while the thread has something to do, so that requests
// that are already in the buffer pay for it once. `holdsGIL` is written by its own thread only.
internal import CPython
internal import Glibc
internal import Platform
internal import Server

/// One handler thread: its interpreter thread state, the request in hand, and the objects that
/// are used again for the next one.
///
/// Reached from Python objects by an unretained pointer; ``WSGIApplication`` owns it, and
/// ``letGo(_:)`` cuts those pointers before it goes.
@safe final class HandlerThread {
  /// Index of the thread; 0 is the process's main thread.
  let index: Int
  /// Tells calls made by the handler itself from those of threads that an application started.
  private let identity: pthread_t
  /// How the interpreter calls the thread.
  let interpreterThread: UInt
  private var threadState: OpaquePointer?
  /// Where waits for the GIL are counted.
  private let waits: LockWaits?
  /// Knuth's 64-bit linear congruential generator; its upper bits are good enough.
  private var chance: UInt64
  private(set) var holdsGIL = false

  // MARK: the request in hand

  /// The request and its response; nil between requests.
  unowned(unsafe) var exchange: Exchange?
  /// Whether start_response was called, with success.
  var responseStarted = false
  /// The status start_response was called with.
  var status = 0
  /// Whether the server has the whole body, so that whatever else comes is surplus.
  var bodyIsComplete = false
  /// Body bytes handed to the server, whether or not they are with the client yet.
  var bodyBytesGiven: Int64 = 0
  /// Whether the response was given up.
  var wasAborted = false
  /// Whether the client is known to have left.
  var clientLeft = false
  /// Status to answer with if the exception of a failed body read reaches us; 0: none failed.
  var bodyFailureStatus = 0
  /// Since when the request in hand made no progress that was interrupted, in ms of
  /// CLOCK_MONOTONIC; 0 for none. Written with the GIL held.
  private(set) var interruptedSinceMs: Int64 = 0
  /// Whether the handler is inside the server without the GIL, so that no other thread of the
  /// application may use the exchange.
  private(set) var isWaiting = false
  /// Body bytes that the server gave out.
  var bodyBytesRead = 0
  /// Body bytes that were read from the server and not yet by the application.
  var input = InputBuffer()

  // MARK: objects used again

  /// The `wsgi.input` object.
  private(set) var inputObject: PythonObject
  /// The start_response callable, and the write callable that it returns.
  private(set) var startResponse: PythonObject
  private(set) var write: PythonObject
  private var responseLink: PythonObject

  /// A handler for the calling thread. Thread 0 holds the GIL with the interpreter's own thread
  /// state; others get one of their own. Returns holding the GIL.
  init(index: Int, interpreter: OpaquePointer, waits: LockWaits?) {
    self.index = index
    self.waits = waits
    chance = UInt64(bitPattern: Clock.monotonicMicroseconds()) &+ UInt64(index)
    identity = pthread_self()
    interpreterThread = PyThread_get_thread_ident()
    if index == 0 {
      unsafe threadState = unsafe PyThreadState_Get()
    } else {
      unsafe threadState = unsafe PyThreadState_New(interpreter)
      unsafe PyEval_RestoreThread(threadState)
    }
    holdsGIL = true
    let gil = GIL.held()
    unsafe inputObject = unsafe InputStream.make(gil)
    unsafe responseLink = unsafe StartResponse.makeLink(gil)
    unsafe startResponse = unsafe StartResponse.makeStart(responseLink, gil)
    unsafe write = unsafe StartResponse.makeWrite(responseLink, gil)
    linkObjects()
  }

  /// Gives back what the thread has of the interpreter. Thread 0 keeps its thread state and
  /// returns holding the GIL; others lose both.
  func detach() {
    takeGIL()
    let gil = GIL.held()
    letGo(gil)
    unsafe Py_DecRef(inputObject)
    unsafe Py_DecRef(startResponse)
    unsafe Py_DecRef(write)
    unsafe Py_DecRef(responseLink)
    input.free()
    guard index != 0 else { return }
    unsafe PyThreadState_Clear(threadState)
    // PyThreadState_DeleteCurrent is outside the stable ABI; this is the same in two steps.
    unsafe PyEval_SaveThread()
    unsafe PyThreadState_Delete(threadState)
    unsafe threadState = nil
    holdsGIL = false
  }

  // MARK: the GIL

  /// Takes the GIL unless it is held already.
  @inline(__always)
  func takeGIL() {
    if !holdsGIL { waitForGIL() }
  }

  /// One wait in four is timed, and counts for four: two readings of the clock are 0.7 % of the
  /// shortest request. By chance, as the waits of a request may come in fours.
  private func waitForGIL() {
    chance = chance &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    guard chance >> 62 == 0 else {
      unsafe PyEval_RestoreThread(threadState)
      holdsGIL = true
      return
    }
    let beganUs = Clock.monotonicMicroseconds()
    unsafe PyEval_RestoreThread(threadState)
    holdsGIL = true
    waits?.count(us: Clock.monotonicMicroseconds() - beganUs, times: 4)
  }

  /// Gives the GIL up if it is held.
  @inline(__always)
  func releaseGIL() {
    if holdsGIL {
      holdsGIL = false
      unsafe threadState = unsafe PyEval_SaveThread()
    }
  }

  /// Runs a call into the server that may wait, without the GIL.
  func waiting<Outcome>(_ body: () -> Outcome) -> Outcome {
    isWaiting = true
    releaseGIL()
    let result = body()
    takeGIL()
    isWaiting = false
    return result
  }

  /// Whether the calling thread is this handler's.
  var isCurrent: Bool { pthread_equal(pthread_self(), identity) != 0 }

  // MARK: requests

  /// Takes a request in hand.
  @inline(__always)
  func begin(_ exchange: Exchange) {
    unsafe self.exchange = exchange
    responseStarted = false
    bodyIsComplete = false
    bodyBytesGiven = 0
    wasAborted = false
    clientLeft = false
    bodyFailureStatus = 0
    bodyBytesRead = 0
    input.clear()
  }

  /// Lets the request go: from here on its `wsgi.input` and start_response only raise.
  /// An exception that is on its way to this thread and has not arrived is taken back, so that it
  /// cannot hit the next request.
  @inline(__always)
  func end(_ gil: borrowing GIL) {
    unsafe exchange = nil
    if interruptedSinceMs != 0 { endInterruption() }
  }

  @inline(never)
  private func endInterruption() {
    PyThreadState_SetAsyncExc(interpreterThread, nil)
    interruptedSinceMs = 0
  }

  /// Raises `exception`, a class, in the thread as soon as that runs Python code.
  func interrupt(with exception: PythonObject, sinceMs: Int64, _ gil: borrowing GIL) {
    interruptedSinceMs = sinceMs
    unsafe PyThreadState_SetAsyncExc(interpreterThread, exception)
  }

  /// Replaces the objects that the application kept, so that they can never see a later request.
  /// Called when our own references are the only ones that should be left.
  @inline(__always)
  func renewObjects(_ gil: borrowing GIL) {
    if unsafe plimsoll_reference_count(inputObject) != 1 { renewInput(gil) }
    // The link is held by us and by the two callables.
    if unsafe plimsoll_reference_count(startResponse) != 1 || plimsoll_reference_count(write) != 1
      || plimsoll_reference_count(responseLink) != 3
    {
      renewResponse(gil)
    }
  }

  private func renewInput(_ gil: borrowing GIL) {
    unsafe Self.point(inputObject, to: nil)
    unsafe Py_DecRef(inputObject)
    unsafe inputObject = unsafe InputStream.make(gil)
    linkObjects()
  }

  private func renewResponse(_ gil: borrowing GIL) {
    unsafe Self.point(responseLink, to: nil)
    unsafe Py_DecRef(startResponse)
    unsafe Py_DecRef(write)
    unsafe Py_DecRef(responseLink)
    unsafe responseLink = unsafe StartResponse.makeLink(gil)
    unsafe startResponse = unsafe StartResponse.makeStart(responseLink, gil)
    unsafe write = unsafe StartResponse.makeWrite(responseLink, gil)
    linkObjects()
  }

  private func linkObjects() {
    let pointer = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe Self.point(inputObject, to: pointer)
    unsafe Self.point(responseLink, to: pointer)
  }

  private func letGo(_ gil: borrowing GIL) {
    unsafe Self.point(inputObject, to: nil)
    unsafe Self.point(responseLink, to: nil)
  }

  /// Interrupts what the thread waits for in the kernel, which goes on as if nothing had been, but
  /// where CPython looks after signals meanwhile (PEP 475).
  func wakeFromWait() { pthread_kill(identity, plimsoll_wake_signal()) }

  private static func point(_ object: PythonObject, to target: UnsafeMutableRawPointer?) {
    let link = unsafe UnsafeMutableRawPointer(object).assumingMemoryBound(to: plimsoll_link.self)
    unsafe link.pointee.target = unsafe target
  }
}

extension HandlerThread {
  /// The handler that a link object leads to, with a request in hand; nil where that is over.
  ///
  /// The pointer is live whenever it is not nil: ``detach()`` cuts it under the GIL.
  @inline(__always)
  static func active(behind object: PythonObject?) -> HandlerThread? {
    guard let object = unsafe object else { return nil }
    let link = unsafe UnsafeMutableRawPointer(object).assumingMemoryBound(to: plimsoll_link.self)
    guard let target = unsafe link.pointee.target else { return nil }
    let handler = unsafe Unmanaged<HandlerThread>.fromOpaque(target).takeUnretainedValue()
    return unsafe handler.exchange == nil ? nil : handler
  }
}
