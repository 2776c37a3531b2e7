// InputStream: the wsgi.input object. Edge.
internal import CPython
internal import Glibc
internal import HTTP1
internal import Server

/// `wsgi.input` (PEP 3333, "Input and Error Streams"): read, readline, readlines, readinto and
/// iteration over the decoded request body, with an end of file where the body ends.
///
/// After its request every method raises ValueError. Without the GIL while it waits for the client.
enum InputStream {
  // Written once, in the mold, before any other thread is there.
  nonisolated(unsafe) private static var type: PythonObject?

  /// Makes the type; once, in the mold, before ``make(_:)``.
  static func prepare(_ gil: borrowing GIL) {
    guard unsafe type == nil else { return }
    let methods = unsafe PythonType.methods([
      plimsoll_fast_method(
        "read", { unsafe InputStream.readMethod($0, $1, $2) }, "read([size]) -> bytes"),
      unsafe plimsoll_fast_method(
        "readline", { unsafe InputStream.readlineMethod($0, $1, $2) },
        "readline([limit]) -> bytes"),
      unsafe plimsoll_fast_method(
        "readlines", { unsafe InputStream.readlinesMethod($0, $1, $2) },
        "readlines([hint]) -> list of bytes"),
      unsafe plimsoll_fast_method(
        "readinto", { unsafe InputStream.readintoMethod($0, $1, $2) },
        "readinto(buffer) -> int"),
    ])
    unsafe type = unsafe PythonType.make(
      name: "plimsoll.Input", size: MemoryLayout<plimsoll_link>.size,
      flags: plimsoll_flags_internal(),
      slots: [
        plimsoll_slot_destroy { unsafe PythonType.free($0!) },
        unsafe plimsoll_slot_iter { object in
          unsafe Py_IncRef(object)
          return unsafe object
        },
        unsafe plimsoll_slot_next { unsafe InputStream.nextLine($0) },
        unsafe plimsoll_slot_methods(methods),
        unsafe plimsoll_slot_doc("The body of a request."),
      ], gil)
  }

  /// A stream that no request stands behind yet.
  static func make(_ gil: borrowing GIL) -> PythonObject { unsafe PythonType.allocate(type!) }

  // MARK: methods

  private static func readMethod(
    _ object: PythonObject?, _ arguments: UnsafePointer<PythonObject?>?, _ count: Int
  ) -> PythonObject? {
    guard let handler = unsafe handler(object), let size = unsafe size(arguments, count, "read")
    else {
      return nil
    }
    return unsafe read(handler, size: size)
  }

  private static func readlineMethod(
    _ object: PythonObject?, _ arguments: UnsafePointer<PythonObject?>?, _ count: Int
  ) -> PythonObject? {
    guard let handler = unsafe handler(object), let size = unsafe size(arguments, count, "readline")
    else {
      return nil
    }
    return unsafe readLine(handler, limit: size)
  }

  private static func readlinesMethod(
    _ object: PythonObject?, _ arguments: UnsafePointer<PythonObject?>?, _ count: Int
  ) -> PythonObject? {
    guard let handler = unsafe handler(object),
      let hint = unsafe size(arguments, count, "readlines")
    else {
      return nil
    }
    guard let lines = unsafe PyList_New(0) else { return nil }
    var total = 0
    while true {
      guard let line = unsafe readLine(handler, limit: -1) else {
        unsafe Py_DecRef(lines)
        return nil
      }
      let length = unsafe PyBytes_Size(line)
      let failed = unsafe length > 0 && PyList_Append(lines, line) != 0
      unsafe Py_DecRef(line)
      if failed {
        unsafe Py_DecRef(lines)
        return nil
      }
      total += length
      if length == 0 || (hint > 0 && total >= hint) { return unsafe lines }
    }
  }

  private static func readintoMethod(
    _ object: PythonObject?, _ arguments: UnsafePointer<PythonObject?>?, _ count: Int
  ) -> PythonObject? {
    guard let handler = unsafe handler(object) else { return nil }
    guard count == 1, let target = unsafe arguments?[0] else {
      return unsafe Raise.type("readinto() takes one argument, a writable buffer")
    }
    var view = unsafe Py_buffer()
    guard unsafe PyObject_GetBuffer(target, &view, PyBUF_WRITABLE) == 0 else { return nil }
    defer { unsafe PyBuffer_Release(&view) }
    let room = unsafe UnsafeMutableRawBufferPointer(start: view.buf, count: view.len)
    let filled = unsafe fill(handler, room)
    return unsafe filled < 0 ? nil : PyLong_FromSsize_t(filled)
  }

  private static func nextLine(_ object: PythonObject?) -> PythonObject? {
    guard let handler = unsafe handler(object), let line = unsafe readLine(handler, limit: -1)
    else { return nil }
    if unsafe PyBytes_Size(line) == 0 {
      // NULL without an exception ends the iteration.
      unsafe Py_DecRef(line)
      return nil
    }
    return unsafe line
  }

  // MARK: arguments

  /// The handler behind the stream; nil with an exception set where it may not be read.
  private static func handler(_ object: PythonObject?) -> HandlerThread? {
    guard let handler = unsafe HandlerThread.active(behind: object) else {
      _ = unsafe Raise.value("wsgi.input cannot be read: its request is over")
      return nil
    }
    if !handler.isCurrent, unsafe handler.isWaiting || handler.exchange!.bodyMayBlock {
      _ = unsafe Raise.runtime(
        "wsgi.input is still arriving and can be read only by the thread that has the request")
      return nil
    }
    return handler
  }

  /// The optional size argument, -1 where it is missing, None or negative; nil with an exception.
  private static func size(
    _ arguments: UnsafePointer<PythonObject?>?, _ count: Int, _ name: String
  ) -> Int? {
    guard count <= 1 else {
      _ = unsafe Raise.type("\(name)() takes at most one argument")
      return nil
    }
    guard count == 1, let argument = unsafe arguments?[0], unsafe argument != plimsoll_none() else {
      return -1
    }
    let size = unsafe PyNumber_AsSsize_t(argument, plimsoll_overflow_error())
    if size == -1, unsafe PyErr_Occurred() != nil { return nil }
    return max(-1, size)
  }

  // MARK: reading

  /// `size` bytes, or what there is before the end; everything for -1.
  private static func read(_ handler: HandlerThread, size: Int) -> PythonObject? {
    if size == 0 { return unsafe PyBytes_FromStringAndSize(nil, 0) }
    let exchange = unsafe handler.exchange!
    let known = exchange.bodyLength
    guard known >= 0 else {
      return unsafe size > 0 && size <= 65536
        ? readExactly(handler, atMost: size) : readGrowing(handler, size: size)
    }
    let remaining = max(0, Int(known) - handler.bodyBytesRead + handler.input.count)
    let wanted = size < 0 ? remaining : min(size, remaining)
    // What is here already is read in one piece; what must still come gets memory as it comes.
    if wanted <= 65536 || !exchange.bodyMayBlock {
      return unsafe readExactly(handler, atMost: wanted)
    }
    return unsafe readGrowing(handler, size: wanted)
  }

  /// Reads into a bytes object of `count` bytes, cut to what came.
  private static func readExactly(_ handler: HandlerThread, atMost count: Int) -> PythonObject? {
    guard let bytes = unsafe PyBytes_FromStringAndSize(nil, count),
      let base = unsafe PyBytes_AsString(bytes)
    else { return nil }
    let filled = unsafe fill(handler, UnsafeMutableRawBufferPointer(start: base, count: count))
    if filled == count { return unsafe bytes }
    // The stable ABI cannot shorten a bytes object.
    let shorter = unsafe filled < 0 ? nil : PyBytes_FromStringAndSize(base, filled)
    unsafe Py_DecRef(bytes)
    return unsafe shorter
  }

  /// Reads until the end or `size` bytes, in memory that grows with what came: a declared length
  /// alone must not take memory.
  private static func readGrowing(_ handler: HandlerThread, size: Int) -> PythonObject? {
    var bytes: [UInt8] = []
    var wanted = 65536
    while size < 0 || bytes.count < size {
      let room = size < 0 ? wanted : min(wanted, size - bytes.count)
      let start = bytes.count
      bytes.append(contentsOf: repeatElement(0, count: room))
      let filled = unsafe bytes.withUnsafeMutableBytes { storage in
        unsafe fill(handler, UnsafeMutableRawBufferPointer(rebasing: storage[start...]))
      }
      if filled < 0 { return nil }
      bytes.removeLast(room - filled)
      if filled < room { break }
      wanted = min(wanted * 2, 8 << 20)
    }
    return unsafe bytesObject(bytes)
  }

  /// One line with its end, cut at `limit` bytes if that is not negative; empty at the end.
  private static func readLine(_ handler: HandlerThread, limit: Int) -> PythonObject? {
    if limit == 0 { return unsafe PyBytes_FromStringAndSize(nil, 0) }
    var line: [UInt8] = []
    while true {
      if handler.input.count == 0 {
        let filled = unsafe readSome(handler, handler.input.room())
        if filled < 0 { return nil }
        handler.input.filled(filled)
        if filled == 0 { return unsafe bytesObject(line) }
      }
      let lineLength = handler.input.lineLength
      var take = lineLength ?? handler.input.count
      if limit > 0 { take = min(take, limit - line.count) }
      let piece = unsafe UnsafeBufferPointer(rebasing: handler.input.bytes[..<take])
      let isWhole = take == lineLength || (limit > 0 && line.count + take == limit)
      if isWhole, line.isEmpty {
        let object = unsafe PyBytes_FromStringAndSize(
          UnsafeRawPointer(piece.baseAddress!).assumingMemoryBound(to: CChar.self), take)
        handler.input.consume(take)
        return unsafe object
      }
      unsafe line.append(contentsOf: piece)
      handler.input.consume(take)
      if isWhole { return unsafe bytesObject(line) }
    }
  }

  private static func bytesObject(_ bytes: [UInt8]) -> PythonObject? {
    unsafe bytes.withUnsafeBytes {
      unsafe PyBytes_FromStringAndSize(
        $0.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
    }
  }

  /// Fills `room`, first from the buffer; fewer bytes only at the end, -1 with an exception set.
  private static func fill(_ handler: HandlerThread, _ room: UnsafeMutableRawBufferPointer) -> Int {
    var filled = 0
    if handler.input.count > 0, room.count > 0 {
      filled = min(handler.input.count, room.count)
      unsafe room.baseAddress!.copyMemory(from: handler.input.bytes.baseAddress!, byteCount: filled)
      handler.input.consume(filled)
    }
    while filled < room.count {
      let got = unsafe readSome(handler, UnsafeMutableRawBufferPointer(rebasing: room[filled...]))
      if got < 0 { return -1 }
      if got == 0 { break }
      filled += got
    }
    return filled
  }

  /// One read from the server; 0 at the end, -1 with an exception set.
  private static func readSome(
    _ handler: HandlerThread, _ room: UnsafeMutableRawBufferPointer
  ) -> Int {
    // The request may have ended while an application's own thread was reading.
    guard let exchange = unsafe handler.exchange else {
      _ = unsafe Raise.value("wsgi.input cannot be read: its request is over")
      return -1
    }
    let outcome: Result<Int, BodyFailure>
    if exchange.bodyMayBlock {
      outcome = handler.waiting { unsafe readBody(exchange, room) }
    } else {
      outcome = unsafe readBody(exchange, room)
    }
    switch outcome {
    case .success(let count):
      handler.bodyBytesRead += count
      return count
    case .failure(let failure):
      raise(failure, handler)
      return -1
    }
  }

  private static func readBody(
    _ exchange: Exchange, _ room: UnsafeMutableRawBufferPointer
  ) -> Result<Int, BodyFailure> {
    do throws(BodyFailure) {
      return unsafe .success(try exchange.readBody(into: room))
    } catch {
      return .failure(error)
    }
  }

  private static func raise(_ failure: BodyFailure, _ handler: HandlerThread) {
    switch failure {
    case .clientLeft:
      handler.clientLeft = true
      handler.bodyFailureStatus = 400
      _ = unsafe Raise.raise(
        plimsoll_connection_reset_error(), "the client left before the end of the request body")
    case .timedOut:
      handler.bodyFailureStatus = 408
      _ = unsafe Raise.raise(
        plimsoll_timeout_error(), "the client was too slow in sending the request body")
    case .refused(let refusal):
      handler.bodyFailureStatus = refusal.status
      _ = unsafe Raise.raise(
        plimsoll_os_error(), "the request body was refused with status \(refusal.status)")
    case .failed:
      handler.bodyFailureStatus = 500
      _ = unsafe Raise.raise(
        plimsoll_os_error(), "the request body could not be read; the error log says why")
    }
  }
}
