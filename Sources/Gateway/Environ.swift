// Environ: the dict that an application gets for each request. Edge.
//
// A request's environ is a copy of a template, made in the mold, in which every key that a request
// always has stands already: the copy then has its final size, and storing replaces values in
// place. More than twenty keys also give the table room for a browser's headers without growing.
internal import Bytes
internal import CPython
internal import Configuration
internal import HTTP1
internal import Server

/// Makes environ dicts (PEP 3333, "environ Variables"). One per process, guarded by the GIL.
@safe final class Environ {
  private let template: PythonObject
  private let keys: EnvironKeys
  private let empty: PythonObject
  private let methods: UnsafeMutablePointer<PythonObject>
  private let protocols: (PythonObject, PythonObject)
  private var names = HeaderNameCache()
  private var paths = LastString()
  private var targets = LastString()
  private var queries = LastString()
  private var otherMethods = LastString()
  private var contentTypes = LastString()
  private var serverNames = LastString()
  private var peerAddresses = LastString()
  private var portNumber = -1
  private var portText: PythonObject?
  private var peerPortNumber = -1
  private var peerPortText: PythonObject?
  /// Percent-decoded paths and numbers are made here; a decoded path is not longer than its line.
  private let scratch: UnsafeMutablePointer<UInt8>
  private let scratchBytes: Int

  /// The template; `errors` becomes `wsgi.errors`.
  init(settings: ServerSettings, errors: PythonObject, _ gil: borrowing GIL) {
    keys = EnvironKeys(gil)
    empty = Python.interned("", gil)
    methods = .allocate(capacity: Self.methodNames.count)
    for (index, name) in Self.methodNames.enumerated() {
      (methods + index).initialize(to: Python.interned(name, gil))
    }
    protocols = (Python.interned("HTTP/1.0", gil), Python.interned("HTTP/1.1", gil))
    scratchBytes = max(settings.limitRequestLine, 64)
    scratch = .allocate(capacity: scratchBytes)
    template = PyDict_New()!
    names.warm(gil)
    fillTemplate(settings, errors: errors, gil)
  }

  /// Names in the order of ``Method``'s raw values; the first is for every other token.
  private static let methodNames: [StaticString] = [
    "", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT",
  ]

  private func fillTemplate(
    _ settings: ServerSettings, errors: PythonObject, _ gil: borrowing GIL
  ) {
    func put(_ name: StaticString, _ value: consuming PythonReference?) {
      if let value { PyDict_SetItem(template, Python.interned(name, GIL.held()), value.object) }
    }
    func flag(_ value: Bool) -> PythonReference? {
      PythonReference(retaining: value ? plimsoll_true() : plimsoll_false())
    }
    let version = PyTuple_New(2)
    PyTuple_SetItem(version, 0, PyLong_FromLong(1))
    PyTuple_SetItem(version, 1, PyLong_FromLong(0))
    put("wsgi.version", PythonReference(owning: version))
    put("wsgi.url_scheme", Python.string("http", gil))
    put("wsgi.errors", PythonReference(retaining: errors))
    put("wsgi.multithread", flag(settings.threads > 1))
    put("wsgi.multiprocess", flag(settings.workers > 1))
    put("wsgi.run_once", flag(false))
    put("wsgi.input_terminated", flag(true))
    put("wsgi.file_wrapper", PythonReference(retaining: FileWrapper.type!))
    put("SERVER_SOFTWARE", Python.string("plimsoll/" + Release.version, gil))
    put("GATEWAY_INTERFACE", Python.string("CGI/1.1", gil))
    put("SCRIPT_NAME", Python.string("", gil))
    for key in [
      keys.requestMethod, keys.pathInfo, keys.queryString, keys.requestURI, keys.serverProtocol,
      keys.serverName, keys.serverPort, keys.remoteAddress, keys.remotePort, keys.input,
      keys.requestID,
    ] {
      PyDict_SetItem(template, key, empty)
    }
  }

  // MARK: one request

  /// A new dict for the request of `exchange`; nil with an exception set (out of memory).
  func make(
    _ exchange: Exchange, input: PythonObject, _ gil: borrowing GIL
  ) -> PythonObject? {
    guard let environ = PyDict_Copy(template) else { return nil }
    if fill(environ, exchange, input, gil) { return environ }
    Py_DecRef(environ)
    return nil
  }

  private func fill(
    _ environ: PythonObject, _ exchange: Exchange, _ input: PythonObject, _ gil: borrowing GIL
  ) -> Bool {
    guard PyDict_SetItem(environ, keys.input, input) == 0,
      fillRequestLine(environ, exchange, gil),
      fillAddresses(environ, exchange, gil)
    else { return false }
    return fillFields(environ, exchange, gil)
  }

  /// Stores a new reference, which is given up in any case.
  @inline(__always)
  private func store(
    _ environ: PythonObject, _ key: PythonObject, _ value: PythonObject?
  ) -> Bool {
    guard let value else { return false }
    let outcome = PyDict_SetItem(environ, key, value)
    Py_DecRef(value)
    return outcome == 0
  }

  private func fillRequestLine(
    _ environ: PythonObject, _ exchange: Exchange, _ gil: borrowing GIL
  ) -> Bool {
    let head = exchange.head
    let base = exchange.headBytes
    let version = head.minorVersion == 0 ? protocols.0 : protocols.1
    guard PyDict_SetItem(environ, keys.serverProtocol, version) == 0 else { return false }
    if head.method == .other {
      let name = otherMethods.string(bytes(base, head.methodRange))
      guard store(environ, keys.requestMethod, name) else { return false }
    } else {
      let name = methods[Int(head.method.rawValue)]
      guard PyDict_SetItem(environ, keys.requestMethod, name) == 0 else { return false }
    }
    if head.query.count > 0 {
      guard store(environ, keys.queryString, queries.string(bytes(base, head.query))) else {
        return false
      }
    }
    guard store(environ, keys.requestURI, targets.string(bytes(base, head.target))),
      store(environ, keys.requestID, requestID(exchange.requestID))
    else { return false }
    // `*` is no path: PATH_INFO stays empty and REQUEST_URI has it.
    if head.targetForm == .asterisk { return true }
    let path = decodedPath(bytes(base, head.path))
    return store(environ, keys.pathInfo, paths.string(path))
  }

  private func decodedPath(_ raw: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    guard raw.contains(0x25) else { return raw }
    var writer = ByteWriter(base: scratch, capacity: scratchBytes)
    PercentDecoding.decode(raw, into: &writer)
    return writer.overflowed ? raw : writer.written
  }

  /// Sixteen hexadecimal digits, as in the access log.
  private func requestID(_ number: UInt64) -> PythonObject? {
    for index in 0..<16 {
      let digit = UInt8(truncatingIfNeeded: number &>> UInt64(60 &- 4 &* index)) & 15
      scratch[index] = digit < 10 ? 0x30 &+ digit : 0x57 &+ digit
    }
    return Python.latin1(UnsafeBufferPointer(start: scratch, count: 16), GIL.held())
  }

  private func fillAddresses(
    _ environ: PythonObject, _ exchange: Exchange, _ gil: borrowing GIL
  ) -> Bool {
    guard
      store(environ, keys.serverName, serverName(exchange)),
      store(environ, keys.serverPort, port(exchange))
    else { return false }
    if exchange.isUnixSocket { return PyDict_DelItem(environ, keys.remotePort) == 0 }
    return store(environ, keys.remoteAddress, peerAddresses.string(exchange.peerAddress))
      && store(environ, keys.remotePort, peerPort(exchange))
  }

  /// The host the client named, without its port; where it named none, the local address.
  private func serverName(_ exchange: Exchange) -> PythonObject? {
    let host = hostName(bytes(exchange.headBytes, exchange.head.host))
    if host.count > 0 { return serverNames.string(host) }
    if exchange.isUnixSocket || exchange.localAddress.count == 0 {
      let name: StaticString = "localhost"
      return serverNames.string(
        UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }
    return serverNames.string(exchange.localAddress)
  }

  private func hostName(_ host: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    var index = host.count
    while index > 0 {
      index &-= 1
      // A bracket first, from behind: an IPv6 literal without a port.
      if host[index] == 0x5D { return host }
      if host[index] == 0x3A { return UnsafeBufferPointer(rebasing: host[..<index]) }
    }
    return host
  }

  /// The local port; 80 behind a Unix socket, where PEP 3333 still wants one.
  private func port(_ exchange: Exchange) -> PythonObject? {
    let number = exchange.isUnixSocket ? 80 : exchange.localPort
    if number != portNumber || portText == nil {
      Py_DecRef(portText)
      portText = decimal(number)
      portNumber = number
    }
    Py_IncRef(portText)
    return portText
  }

  private func peerPort(_ exchange: Exchange) -> PythonObject? {
    let number = exchange.peerPort
    if number != peerPortNumber || peerPortText == nil {
      Py_DecRef(peerPortText)
      peerPortText = decimal(number)
      peerPortNumber = number
    }
    Py_IncRef(peerPortText)
    return peerPortText
  }

  private func decimal(_ number: Int) -> PythonObject? {
    var writer = ByteWriter(base: scratch, capacity: scratchBytes)
    writer.append(decimal: Int64(number))
    return Python.latin1(writer.written, GIL.held())
  }

  @inline(__always)
  private func bytes(
    _ base: UnsafePointer<UInt8>, _ range: ByteRange
  ) -> UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: base + Int(range.offset), count: Int(range.count))
  }

  // MARK: header fields

  private func fillFields(
    _ environ: PythonObject, _ exchange: Exchange, _ gil: borrowing GIL
  ) -> Bool {
    let base = exchange.headBytes
    let before = PyDict_Size(environ)
    var stored = 0
    for field in exchange.fields {
      let value = bytes(base, field.value)
      switch field.id {
      case .contentLength, .proxy: continue
      case .transferEncoding where exchange.bodyLength >= 0: continue
      case .contentType:
        guard store(environ, keys.contentType, contentTypes.string(value)) else { return false }
      default:
        let name = bytes(base, field.name)
        // `X_Forwarded_For` would pass for `X-Forwarded-For`.
        if name.contains(0x5F) { continue }
        guard storeField(environ, name, value, field.id) else { return false }
      }
      stored &+= 1
    }
    if hasDeclaredBody(exchange) {
      guard store(environ, keys.contentLength, decimal(Int(exchange.bodyLength))) else {
        return false
      }
      stored &+= 1
    }
    // A name that came twice replaced its first value; only then is the slow way needed.
    if PyDict_Size(environ) == before &+ stored { return true }
    return joinRepeated(environ, exchange, gil)
  }

  /// CONTENT_LENGTH is given for `Content-Length: 0` and for a decoded chunked body too.
  private func hasDeclaredBody(_ exchange: Exchange) -> Bool {
    exchange.bodyLength >= 0 && (exchange.head.contentLength >= 0 || exchange.head.isChunked)
  }

  @inline(__always)
  private func storeField(
    _ environ: PythonObject, _ name: UnsafeBufferPointer<UInt8>,
    _ value: UnsafeBufferPointer<UInt8>, _ id: FieldName
  ) -> Bool {
    if let place = names.place(name), let key = place.pointee.key {
      // What identifies a user is not kept after the request.
      if id == .cookie || id == .authorization {
        return store(environ, key, Python.latin1(value, GIL.held()))
      }
      return store(environ, key, place.pointee.value.string(value))
    }
    guard let key = HeaderNameCache.makeKey(name) else { return false }
    let isStored = store(environ, key, Python.latin1(value, GIL.held()))
    Py_DecRef(key)
    return isStored
  }

  /// Joins the values of names that came more than once (RFC 9110, section 5.3), cookies with
  /// their own separator (RFC 6265, section 5.4).
  private func joinRepeated(
    _ environ: PythonObject, _ exchange: Exchange, _ gil: borrowing GIL
  ) -> Bool {
    guard let seen = PythonReference(owning: PyDict_New()) else { return false }
    for field in exchange.fields {
      let name = bytes(exchange.headBytes, field.name)
      switch field.id {
      case .contentLength, .proxy: continue
      case .transferEncoding where exchange.bodyLength >= 0: continue
      default: if name.contains(0x5F) { continue }
      }
      let made = field.id == .contentType ? keys.contentType : HeaderNameCache.makeKey(name)
      guard let made else { return false }
      if field.id == .contentType { Py_IncRef(made) }
      guard let key = PythonReference(owning: made),
        let value = PythonReference(
          owning: Python.latin1(bytes(exchange.headBytes, field.value), gil)),
        let joined = join(seen, key, value, isCookie: field.id == .cookie, gil)
      else { return false }
      guard PyDict_SetItem(seen.object, key.object, joined.object) == 0,
        PyDict_SetItem(environ, key.object, joined.object) == 0
      else { return false }
    }
    return true
  }

  private func join(
    _ seen: borrowing PythonReference, _ key: borrowing PythonReference,
    _ value: borrowing PythonReference, isCookie: Bool, _ gil: borrowing GIL
  ) -> PythonReference? {
    guard let earlier = PyDict_GetItemWithError(seen.object, key.object) else {
      return PyErr_Occurred() == nil ? PythonReference(retaining: value.object) : nil
    }
    guard let separator = Python.string(isCookie ? "; " : ", ", gil),
      let start = PythonReference(owning: PyUnicode_Concat(earlier, separator.object))
    else { return nil }
    return PythonReference(owning: PyUnicode_Concat(start.object, value.object))
  }
}
