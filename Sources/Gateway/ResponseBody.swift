// ResponseBody: from what the application returned to the server's response. Edge.
internal import CPython
internal import Server

/// Sends the iterable that an application returned (PEP 3333, "Buffering and Streaming").
enum ResponseBody {
  /// How it ended.
  enum Outcome {
    /// The response was ended with ``Exchange/finish()`` or one of its relatives.
    case finished
    /// The client is gone.
    case clientLeft
    /// An exception is set.
    case raised
    /// The application broke the protocol in a way that is not an exception; how, for the log.
    case broken(String)
  }

  /// Blocks up to this size are sent with the GIL held: giving it up and taking it again would cost
  /// more than the copy into the socket.
  static let heldLimit = 65_536
  /// A list of several blocks is joined up to this size: bytes.
  static let joinLimit = 262_144

  /// Sends all of `result`; the caller closes it.
  static func sendAll(
    _ result: PythonObject, _ exchange: Exchange, _ handler: HandlerThread, _ gil: borrowing GIL
  ) -> Outcome {
    if unsafe plimsoll_is_exact_list(result) != 0 {
      let count = unsafe PyList_Size(result)
      if count == 1, let block = unsafe PyList_GetItem(result, 0) {
        return unsafe sendOnly(block, exchange, handler, gil)
      }
      if let total = unsafe totalLength(result, count, PyList_GetItem) {
        return unsafe sendSeveral(result, count, total, PyList_GetItem, exchange, handler, gil)
      }
    } else if unsafe plimsoll_is_exact_tuple(result) != 0 {
      let count = unsafe PyTuple_Size(result)
      if count == 1, let block = unsafe PyTuple_GetItem(result, 0) {
        return unsafe sendOnly(block, exchange, handler, gil)
      }
      if let total = unsafe totalLength(result, count, PyTuple_GetItem) {
        return unsafe sendSeveral(result, count, total, PyTuple_GetItem, exchange, handler, gil)
      }
    } else if unsafe FileWrapper.isWrapper(result), handler.responseStarted, !exchange.headIsSent,
      let region = unsafe FileWrapper.region(of: result, gil), sendFile(region, exchange, handler)
    {
      return .finished
    } else if unsafe result == plimsoll_none() || plimsoll_is_bytes(result) != 0
      || plimsoll_is_str(result) != 0
    {
      let isNone = unsafe result == plimsoll_none()
      let type = isNone ? "None" : unsafe Python.typeName(of: result, gil)
      return .broken("returned \(type) instead of an iterable of bytes, such as a list")
    }
    return unsafe iterate(result, exchange, handler, gil)
  }

  /// Sends one block without ending the response; waits, without the GIL, for a full socket.
  static func send(
    _ block: PythonObject, _ exchange: Exchange, _ handler: HandlerThread
  ) -> SendOutcome {
    let bytes = unsafe contents(block)
    guard bytes.count > 0, exchange.sendsBody else { return .sent }
    return unsafe send(bytes, exchange, handler)
  }

  private static func send(
    _ bytes: UnsafeRawBufferPointer, _ exchange: Exchange, _ handler: HandlerThread
  ) -> SendOutcome {
    handler.bodyBytesGiven += Int64(bytes.count)
    var outcome =
      bytes.count > Self.heldLimit
      ? handler.waiting { unsafe exchange.send(bytes) } : unsafe exchange.send(bytes)
    while outcome == .wouldBlock {
      outcome = handler.waiting { exchange.waitUntilSent() }
    }
    handler.takeGIL()
    if outcome == .clientLeft { handler.clientLeft = true }
    return outcome
  }

  // MARK: lists and tuples

  /// A body that is one block: the length is known, and the server can keep the block.
  private static func sendOnly(
    _ block: PythonObject, _ exchange: Exchange, _ handler: HandlerThread, _ gil: borrowing GIL
  ) -> Outcome {
    guard unsafe plimsoll_is_bytes(block) != 0 else { return unsafe wrongBlock(block, gil) }
    guard handler.responseStarted else { return .broken("returned without calling start_response") }
    unsafe finish(with: block, exchange, handler)
    return .finished
  }

  /// Ends the response with `block`, which the server keeps as long as it needs it.
  private static func finish(
    with block: PythonObject, _ exchange: Exchange, _ handler: HandlerThread
  ) {
    unsafe Py_IncRef(block)
    let bytes = unsafe contents(block)
    let owner = OpaquePointer(block)
    handler.bodyBytesGiven += Int64(bytes.count)
    let isKept =
      bytes.count > Self.heldLimit
      ? handler.waiting { unsafe exchange.finish(with: bytes, owner: owner) }
      : unsafe exchange.finish(with: bytes, owner: owner)
    handler.takeGIL()
    handler.bodyIsComplete = true
    if !isKept { unsafe Py_DecRef(block) }
  }

  private typealias ItemGetter = (PythonObject?, Int) -> PythonObject?

  /// Bytes of all blocks together; nil where one is not bytes.
  private static func totalLength(
    _ sequence: PythonObject, _ count: Int, _ item: ItemGetter
  ) -> Int? {
    var total = 0
    for index in 0..<count {
      guard let block = unsafe item(sequence, index), unsafe plimsoll_is_bytes(block) != 0 else {
        return nil
      }
      unsafe total += PyBytes_Size(block)
    }
    return total
  }

  /// All blocks are there, so nothing is gained by sending them one by one.
  private static func sendSeveral(
    _ sequence: PythonObject, _ count: Int, _ total: Int, _ item: ItemGetter,
    _ exchange: Exchange, _ handler: HandlerThread, _ gil: borrowing GIL
  ) -> Outcome {
    guard handler.responseStarted else { return .broken("returned without calling start_response") }
    if total > joinLimit {
      // A snapshot: while a block is sent without the GIL, another thread could change the list
      // and free the block.
      guard let blocks = unsafe PythonReference(owning: PySequence_Tuple(sequence)) else {
        return .raised
      }
      return unsafe sendOneByOne(blocks.object, exchange, handler, gil)
    }
    guard let joined = unsafe PythonReference(owning: PyBytes_FromStringAndSize(nil, total)),
      let base = unsafe PyBytes_AsString(joined.object)
    else { return .raised }
    var position = 0
    // No Python code runs from the count of the bytes to here: nothing can have changed.
    for index in 0..<count {
      guard let block = unsafe item(sequence, index) else { return .raised }
      let bytes = unsafe contents(block)
      precondition(bytes.count <= total - position)
      if let start = bytes.baseAddress {
        unsafe UnsafeMutableRawPointer(base + position).copyMemory(
          from: start, byteCount: bytes.count)
      }
      position += bytes.count
    }
    unsafe finish(with: joined.object, exchange, handler)
    return .finished
  }

  /// Sends the blocks of a tuple, which keeps each until it is sent.
  private static func sendOneByOne(
    _ blocks: PythonObject, _ exchange: Exchange, _ handler: HandlerThread, _ gil: borrowing GIL
  ) -> Outcome {
    let last = unsafe PyTuple_Size(blocks) - 1
    // Counted again: making the snapshot may have run a collection, and so any code.
    guard last >= 0, let total = unsafe totalLength(blocks, last + 1, PyTuple_GetItem) else {
      return unsafe iterate(blocks, exchange, handler, gil)
    }
    declareLength(total, exchange, handler)
    for index in 0..<last {
      guard let block = unsafe PyTuple_GetItem(blocks, index) else { return .raised }
      if unsafe send(block, exchange, handler) == .clientLeft { return .clientLeft }
    }
    guard let block = unsafe PyTuple_GetItem(blocks, last) else { return .raised }
    unsafe finish(with: block, exchange, handler)
    return .finished
  }

  /// Adds Content-Length where the whole body is known and the application gave none.
  private static func declareLength(_ total: Int, _ exchange: Exchange, _ handler: HandlerThread) {
    guard exchange.declaredLength < 0, !exchange.headIsSent, handler.status != 204,
      handler.status != 304
    else { return }
    let name: StaticString = "Content-Length"
    var digits = Array(String(total).utf8)
    unsafe digits.withUnsafeMutableBufferPointer { value in
      _ = unsafe exchange.addField(
        name: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount),
        value: UnsafeBufferPointer(value))
    }
  }

  // MARK: files

  private static func sendFile(
    _ region: FileWrapper.Region, _ exchange: Exchange, _ handler: HandlerThread
  ) -> Bool {
    let declared = exchange.declaredLength
    let count = declared >= 0 ? min(region.count, declared) : region.count
    // Without the GIL: the file may have to come from a disk.
    let isTaken = handler.waiting {
      exchange.finish(file: region.descriptor, offset: region.offset, count: count)
    }
    guard isTaken else { return false }
    handler.takeGIL()
    handler.bodyIsComplete = true
    handler.bodyBytesGiven = count
    return true
  }

  // MARK: iterables

  private static func iterate(
    _ result: PythonObject, _ exchange: Exchange, _ handler: HandlerThread, _ gil: borrowing GIL
  ) -> Outcome {
    guard let iterator = unsafe PythonReference(owning: PyObject_GetIter(result)) else {
      return .raised
    }
    while let block = unsafe PyIter_Next(iterator.object) {
      let outcome = unsafe take(block, exchange, handler, gil)
      unsafe Py_DecRef(block)
      switch outcome {
      case .goOn: break
      case .enough:
        exchange.finish()
        handler.takeGIL()
        handler.bodyIsComplete = true
        return .finished
      case .clientLeft: return .clientLeft
      case .raised: return .raised
      case .broken(let how): return .broken(how)
      }
    }
    if unsafe PyErr_Occurred() != nil { return .raised }
    guard handler.responseStarted else { return .broken("returned without calling start_response") }
    if !handler.bodyIsComplete {
      exchange.finish()
      handler.takeGIL()
      handler.bodyIsComplete = true
    }
    return .finished
  }

  private enum Step {
    case goOn, enough, clientLeft, raised
    case broken(String)
  }

  private static func take(
    _ block: PythonObject, _ exchange: Exchange, _ handler: HandlerThread, _ gil: borrowing GIL
  ) -> Step {
    guard unsafe plimsoll_is_bytes(block) != 0 else {
      _ = unsafe wrongBlock(block, gil)
      return .raised
    }
    let length = unsafe PyBytes_Size(block)
    if length == 0 { return .goOn }
    guard handler.responseStarted else {
      return .broken("yielded data before it called start_response")
    }
    if handler.bodyIsComplete {
      handler.bodyBytesGiven += Int64(length)
      return .goOn
    }
    // HEAD, 204 and 304: the head is all that is wanted, and an endless stream must not be run.
    if !exchange.sendsBody { return .enough }
    if !exchange.headIsSent, exchange.declaredLength == Int64(length) {
      // The whole body, as frameworks give it: the server keeps it where the socket is full, and
      // no Python thread waits for the client.
      unsafe finish(with: block, exchange, handler)
      return .goOn
    }
    return unsafe send(contents(block), exchange, handler) == .clientLeft ? .clientLeft : .goOn
  }

  private static func wrongBlock(_ block: PythonObject, _ gil: borrowing GIL) -> Outcome {
    _ = unsafe Raise.type(
      unsafe "the response must be made of bytes, not \(Python.typeName(of: block, gil))")
    return .raised
  }

  @inline(__always)
  private static func contents(_ block: PythonObject) -> UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: PyBytes_AsString(block), count: PyBytes_Size(block))
  }
}
