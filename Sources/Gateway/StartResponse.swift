// StartResponse: the start_response callable and the write callable it returns. Edge.
internal import CPython
internal import HTTP1
internal import Server

/// `start_response(status, headers, exc_info=None)` and `write(data)` of PEP 3333.
///
/// Both are builtin functions whose `self` is a link to the ``HandlerThread``; they are used again
/// for every request of a thread unless the application keeps them.
enum StartResponse {
  // Both are written once, in the mold, before any other thread is there.
  nonisolated(unsafe) private static var linkType: PythonObject?
  nonisolated(unsafe) private static var methods: UnsafeMutablePointer<PyMethodDef>?

  /// Makes the type; once, in the mold, before the other functions.
  static func prepare(_ gil: borrowing GIL) {
    guard unsafe linkType == nil else { return }
    unsafe linkType = unsafe PythonType.make(
      name: "plimsoll.Response", size: MemoryLayout<plimsoll_link>.size,
      flags: plimsoll_flags_internal(),
      slots: [plimsoll_slot_destroy { unsafe PythonType.free($0!) }], gil)
    unsafe methods = unsafe PythonType.methods([
      plimsoll_keyword_method(
        "start_response", { unsafe StartResponse.start($0, $1, $2, $3) },
        "start_response(status, headers, exc_info=None) -> write"),
      unsafe plimsoll_fast_method(
        "write", { unsafe StartResponse.write($0, $1, $2) }, "write(data): sends a part of the body"
      ),
    ])
  }

  /// A link that leads nowhere yet.
  static func makeLink(_ gil: borrowing GIL) -> PythonObject {
    unsafe PythonType.allocate(linkType!)
  }

  /// A start_response for `link`.
  static func makeStart(_ link: PythonObject, _ gil: borrowing GIL) -> PythonObject {
    unsafe function(0, link)
  }

  /// A write for `link`.
  static func makeWrite(_ link: PythonObject, _ gil: borrowing GIL) -> PythonObject {
    unsafe function(1, link)
  }

  private static func function(_ index: Int, _ link: PythonObject) -> PythonObject {
    guard let function = unsafe PyCMethod_New(methods! + index, link, nil, nil) else {
      preconditionFailure("PyCMethod_New")
    }
    return unsafe function
  }

  // MARK: start_response

  private static func start(
    _ link: PythonObject?, _ arguments: UnsafePointer<PythonObject?>?, _ count: Int,
    _ names: PythonObject?
  ) -> PythonObject? {
    guard let handler = unsafe HandlerThread.active(behind: link),
      let exchange = unsafe handler.exchange
    else {
      return unsafe Raise.assertion("start_response() was called after its request was over")
    }
    guard unsafe argumentsAreGood(count, names), let arguments = unsafe arguments,
      let status = unsafe arguments[0],
      let headers = unsafe arguments[1]
    else {
      return unsafe Raise.type("start_response() takes status, headers and optionally exc_info")
    }
    let given = unsafe count + (names == nil ? 0 : PyTuple_Size(names))
    if given == 3, let excInfo = unsafe arguments[2], unsafe !isNoException(excInfo) {
      guard unsafe isExceptionInfo(excInfo) else {
        return unsafe Raise.type(
          "exc_info must be (class, exception, traceback), as sys.exc_info() gives")
      }
      if exchange.headIsSent { return unsafe raiseAgain(excInfo) }
    } else if handler.responseStarted {
      return unsafe Raise.assertion("start_response() was called a second time without exc_info")
    }
    if handler.isWaiting {
      return unsafe Raise.runtime("start_response() was called while the response was being sent")
    }
    handler.responseStarted = false
    guard unsafe begin(exchange, handler, status: status), unsafe addFields(exchange, headers)
    else {
      return nil
    }
    handler.responseStarted = true
    let write = unsafe handler.write
    unsafe Py_IncRef(write)
    return unsafe write
  }

  /// Whether there are two or three arguments, the third perhaps named exc_info.
  private static func argumentsAreGood(_ count: Int, _ names: PythonObject?) -> Bool {
    guard let names = unsafe names else { return count == 2 || count == 3 }
    guard count == 2, unsafe PyTuple_Size(names) == 1, let name = unsafe PyTuple_GetItem(names, 0)
    else {
      return false
    }
    return unsafe PyUnicode_CompareWithASCIIString(name, "exc_info") == 0
  }

  /// Whether `excInfo` says that there is no exception: None, or what sys.exc_info() gives where
  /// none is being handled.
  private static func isNoException(_ excInfo: PythonObject) -> Bool {
    if unsafe excInfo == plimsoll_none() { return true }
    guard unsafe plimsoll_is_tuple(excInfo) != 0, unsafe PyTuple_Size(excInfo) == 3 else {
      return false
    }
    for index in 0..<3 where unsafe PyTuple_GetItem(excInfo, index) != plimsoll_none() {
      return false
    }
    return true
  }

  /// Whether `excInfo` can be raised: the interpreter itself does not look at what it is given.
  private static func isExceptionInfo(_ excInfo: PythonObject) -> Bool {
    guard unsafe plimsoll_is_tuple(excInfo) != 0, unsafe PyTuple_Size(excInfo) == 3,
      let type = unsafe PyTuple_GetItem(excInfo, 0),
      let traceback = unsafe PyTuple_GetItem(excInfo, 2)
    else { return false }
    return unsafe plimsoll_is_exception_class(type) != 0
      && (traceback == plimsoll_none() || plimsoll_is_traceback(traceback) != 0)
  }

  /// Raises the exception that the application handed over, as PEP 3333 wants once the head is out.
  private static func raiseAgain(_ excInfo: PythonObject) -> PythonObject? {
    guard let type = unsafe PyTuple_GetItem(excInfo, 0),
      let value = unsafe PyTuple_GetItem(excInfo, 1),
      let traceback = unsafe PyTuple_GetItem(excInfo, 2),
      let exception = unsafe exception(type, value)
    else { return nil }
    guard unsafe plimsoll_is_exception(exception.object) != 0 else {
      return unsafe Raise.type("the class in exc_info makes something else than exceptions")
    }
    if unsafe traceback != plimsoll_none() {
      unsafe PyException_SetTraceback(exception.object, traceback)
    }
    unsafe PyErr_SetObject(plimsoll_type(exception.object), exception.object)
    return nil
  }

  /// The exception that a class and a value stand for: old programs give what the class is to be
  /// called with. Nil with an exception set where that failed.
  private static func exception(_ type: PythonObject, _ value: PythonObject) -> PythonReference? {
    if unsafe plimsoll_is_exception(value) != 0 { return unsafe PythonReference(retaining: value) }
    return unsafe PythonReference(
      owning: value == plimsoll_none() ? plimsoll_call0(type) : plimsoll_call1(type, value))
  }

  /// Checks and begins `200 OK`; false with an exception set.
  private static func begin(
    _ exchange: Exchange, _ handler: HandlerThread, status: PythonObject
  ) -> Bool {
    guard unsafe plimsoll_is_str(status) != 0 else {
      _ = unsafe Raise.type(
        unsafe "the status must be a str, not \(Python.typeName(of: status, GIL.held()))")
      return false
    }
    guard let text = unsafe Latin1Text(status) else { return false }
    let bytes = unsafe text.bytes
    guard bytes.count >= 4, unsafe bytes[3] == 0x20, let code = unsafe statusCode(bytes) else {
      _ = unsafe Raise.value(
        "the status must be three digits, a space and a reason, as in \"200 OK\"")
      return false
    }
    guard code >= 200 else {
      _ = unsafe Raise.value("the status of a response must be 200 or above; 1xx is not an answer")
      return false
    }
    let reason = unsafe UnsafeBufferPointer(rebasing: bytes[4...])
    guard unsafe FieldSyntax.isValue(reason) else {
      _ = unsafe Raise.value("the status holds a control character")
      return false
    }
    handler.status = code
    unsafe exchange.beginHead(status: code, reason: reason)
    return true
  }

  private static func statusCode(_ bytes: UnsafeBufferPointer<UInt8>) -> Int? {
    let hundreds = unsafe Int(bytes[0]) &- 0x30
    let tens = unsafe Int(bytes[1]) &- 0x30
    let ones = unsafe Int(bytes[2]) &- 0x30
    guard (1...9).contains(hundreds), (0...9).contains(tens), (0...9).contains(ones) else {
      return nil
    }
    return hundreds &* 100 &+ tens &* 10 &+ ones
  }

  /// Checks and adds the fields; false with an exception set.
  private static func addFields(_ exchange: Exchange, _ headers: PythonObject) -> Bool {
    guard unsafe plimsoll_is_list(headers) != 0 else {
      _ = unsafe Raise.type(
        unsafe "the headers must be a list, not \(Python.typeName(of: headers, GIL.held()))")
      return false
    }
    var hasLength = false
    // The size is read each time: the look at an item could run code that changes the list.
    var index = 0
    while unsafe index < PyList_Size(headers) {
      guard let pair = unsafe PyList_GetItem(headers, index) else { return false }
      guard unsafe plimsoll_is_tuple(pair) != 0, unsafe PyTuple_Size(pair) == 2,
        let name = unsafe PyTuple_GetItem(pair, 0), let value = unsafe PyTuple_GetItem(pair, 1),
        unsafe plimsoll_is_str(name) != 0, unsafe plimsoll_is_str(value) != 0
      else {
        _ = unsafe Raise.type(
          "each header must be a tuple of two str, and number \(index + 1) is not")
        return false
      }
      guard unsafe addField(exchange, name, value, &hasLength) else { return false }
      index &+= 1
    }
    return true
  }

  private static func addField(
    _ exchange: Exchange, _ nameObject: PythonObject, _ valueObject: PythonObject,
    _ hasLength: inout Bool
  ) -> Bool {
    guard let nameText = unsafe Latin1Text(nameObject),
      let valueText = unsafe Latin1Text(valueObject)
    else {
      return false
    }
    let name = unsafe nameText.bytes
    let value = unsafe valueText.bytes
    guard unsafe FieldSyntax.isToken(name) else {
      return unsafe refuse(nameObject, "is not a valid header name")
    }
    guard unsafe FieldSyntax.isValue(value) else {
      return unsafe refuse(nameObject, "has a line break or another control character in its value")
    }
    switch name.count {
    case 2, 7, 8, 10, 16, 17, 18, 19:
      if unsafe HopByHop.contains(name) {
        return unsafe refuse(nameObject, "is a hop-by-hop header, which only the server may send")
      }
    case 14 where unsafe isContentLength(name):
      guard unsafe isLength(value), !hasLength else {
        return unsafe refuse(nameObject, "must be given once, as a number of bytes")
      }
      hasLength = true
    default: break
    }
    guard unsafe exchange.addField(name: name, value: value) else {
      return unsafe refuse(
        nameObject,
        "makes the response head larger than \(exchange.mostHeadBytes) bytes; send fewer or "
          + "shorter headers (cookies are often the long ones), or raise --header-buffer-size")
    }
    return true
  }

  private static func refuse(_ name: PythonObject, _ why: String) -> Bool {
    let text = unsafe Python.text(of: name, GIL.held()) ?? ""
    let shown = text.unicodeScalars.prefix(80).map { $0.escaped(asASCII: true) }.joined()
    _ = unsafe Raise.value("the header \"\(shown)\" \(why)")
    return false
  }

  private static func isContentLength(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
    let wanted: StaticString = "content-length"
    for index in 0..<14 where unsafe name[index] | 0x20 != wanted.utf8Start[index] {
      // The hyphen has the bit already; no other token byte maps to it that isToken lets through
      // except 0x0D, which it does not.
      return false
    }
    return true
  }

  private static func isLength(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
    guard value.count > 0, value.count <= 18 else { return false }
    return unsafe value.allSatisfy { (0x30...0x39).contains($0) }
  }

  // MARK: write

  private static func write(
    _ link: PythonObject?, _ arguments: UnsafePointer<PythonObject?>?, _ count: Int
  ) -> PythonObject? {
    guard let handler = unsafe HandlerThread.active(behind: link),
      let exchange = unsafe handler.exchange
    else {
      return unsafe Raise.assertion("write() was called after its request was over")
    }
    guard count == 1, let data = unsafe arguments?[0] else {
      return unsafe Raise.type("write() takes one argument, the bytes to send")
    }
    guard unsafe plimsoll_is_bytes(data) != 0 else {
      return unsafe Raise.type(
        unsafe "write() takes bytes, not \(Python.typeName(of: data, GIL.held()))")
    }
    guard handler.responseStarted else {
      return unsafe Raise.assertion("write() was called before start_response()")
    }
    guard handler.isCurrent, !handler.isWaiting else {
      return unsafe Raise.runtime("write() can be called only by the thread that has the request")
    }
    guard !handler.bodyIsComplete else {
      return unsafe Raise.assertion("write() was called after the response was complete")
    }
    if unsafe ResponseBody.send(data, exchange, handler) == .clientLeft {
      return unsafe Raise.raise(plimsoll_broken_pipe_error(), "the client left during the response")
    }
    unsafe Py_IncRef(plimsoll_none())
    return unsafe plimsoll_none()
  }
}
