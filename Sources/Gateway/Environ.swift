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
  /// What the environs of all requests share. Only copied.
  let template: PythonObject
  private let keys: EnvironKeys
  private let empty: PythonObject
  private let https: PythonObject
  private let methods: UnsafeMutablePointer<PythonObject>
  private let protocols: (PythonObject, PythonObject)
  private var names = HeaderNameCache()
  private var paths = LastString()
  private var scriptNames = LastString()
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
    unsafe empty = unsafe Python.interned("", gil)
    unsafe https = unsafe Python.interned("https", gil)
    unsafe methods = .allocate(capacity: Self.methodNames.count)
    for (index, name) in Self.methodNames.enumerated() {
      unsafe (methods + index).initialize(to: Python.interned(name, gil))
    }
    unsafe protocols = unsafe (Python.interned("HTTP/1.0", gil), Python.interned("HTTP/1.1", gil))
    scratchBytes = max(settings.limitRequestLine, 64)
    unsafe scratch = .allocate(capacity: scratchBytes)
    unsafe template = unsafe PyDict_New()!
    names.warm(gil)
    unsafe fillTemplate(settings, errors: errors, gil)
  }

  /// Names in the order of ``Method``'s raw values; the first is for every other token.
  private static let methodNames: [StaticString] = [
    "", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT",
  ]

  private func fillTemplate(
    _ settings: ServerSettings, errors: PythonObject, _ gil: borrowing GIL
  ) {
    func put(_ name: StaticString, _ value: consuming PythonReference?) {
      if let value {
        unsafe PyDict_SetItem(template, Python.interned(name, GIL.held()), value.object)
      }
    }
    func flag(_ value: Bool) -> PythonReference? {
      unsafe PythonReference(retaining: value ? plimsoll_true() : plimsoll_false())
    }
    let version = unsafe PyTuple_New(2)
    unsafe PyTuple_SetItem(version, 0, PyLong_FromLong(1))
    unsafe PyTuple_SetItem(version, 1, PyLong_FromLong(0))
    unsafe put("wsgi.version", PythonReference(owning: version))
    put("wsgi.url_scheme", Python.string("http", gil))
    unsafe put("wsgi.errors", PythonReference(retaining: errors))
    put("wsgi.multithread", flag(settings.threadsMax > 1))
    put("wsgi.multiprocess", flag(settings.mayHaveSeveralWorkers))
    put("wsgi.run_once", flag(false))
    put("wsgi.input_terminated", flag(true))
    unsafe put("wsgi.file_wrapper", PythonReference(retaining: FileWrapper.type!))
    put("SERVER_SOFTWARE", Python.string("plimsoll/" + Release.version, gil))
    put("GATEWAY_INTERFACE", Python.string("CGI/1.1", gil))
    put("SCRIPT_NAME", Python.string("", gil))
    unsafe reserve(
      keys.requestMethod, keys.pathInfo, keys.queryString, keys.requestURI, keys.serverProtocol,
      keys.serverName, keys.serverPort, keys.remoteAddress, keys.remotePort,
      keys.input, keys.requestID)
  }

  /// Gives keys that every request has their places in the template.
  private func reserve(_ keys: PythonObject...) {
    for index in unsafe keys.indices { unsafe PyDict_SetItem(template, keys[index], empty) }
  }

  // MARK: one request

  /// A new dict for the request of `exchange`; nil with an exception set (out of memory).
  func make(
    _ exchange: Exchange, input: PythonObject, _ gil: borrowing GIL
  ) -> PythonObject? {
    guard let environ = unsafe PyDict_Copy(template) else { return nil }
    if unsafe fill(environ, exchange, input, gil) { return unsafe environ }
    unsafe Py_DecRef(environ)
    return nil
  }

  private func fill(
    _ environ: PythonObject, _ exchange: Exchange, _ input: PythonObject, _ gil: borrowing GIL
  ) -> Bool {
    guard unsafe PyDict_SetItem(environ, keys.input, input) == 0,
      unsafe fillRequestLine(environ, exchange, gil),
      unsafe fillAddresses(environ, exchange, gil)
    else { return false }
    return unsafe fillFields(environ, exchange, gil)
  }

  /// Stores a new reference, which is given up in any case.
  @inline(__always)
  private func store(
    _ environ: PythonObject, _ key: PythonObject, _ value: PythonObject?
  ) -> Bool {
    guard let value = unsafe value else { return false }
    let outcome = unsafe PyDict_SetItem(environ, key, value)
    unsafe Py_DecRef(value)
    return outcome == 0
  }

  private func fillRequestLine(
    _ environ: PythonObject, _ exchange: Exchange, _ gil: borrowing GIL
  ) -> Bool {
    let head = exchange.head
    let base = unsafe exchange.headBytes
    let version = unsafe head.minorVersion == 0 ? protocols.0 : protocols.1
    guard unsafe PyDict_SetItem(environ, keys.serverProtocol, version) == 0 else { return false }
    if head.method == .other {
      let name = unsafe otherMethods.string(bytes(base, head.methodRange))
      guard unsafe store(environ, keys.requestMethod, name) else { return false }
    } else {
      let name = unsafe methods[Int(head.method.rawValue)]
      guard unsafe PyDict_SetItem(environ, keys.requestMethod, name) == 0 else { return false }
    }
    if head.query.count > 0 {
      guard unsafe store(environ, keys.queryString, queries.string(bytes(base, head.query))) else {
        return false
      }
    }
    guard unsafe store(environ, keys.requestURI, targets.string(bytes(base, head.target))),
      unsafe store(environ, keys.requestID, requestID(exchange.requestID))
    else { return false }
    // `*` is no path: PATH_INFO stays empty and REQUEST_URI has it.
    if head.targetForm == .asterisk { return true }
    if head.path.count == 0 {  // `http://host` and `http://host?query`
      let root: StaticString = "/"
      return unsafe store(
        environ, keys.pathInfo,
        paths.string(UnsafeBufferPointer(start: root.utf8Start, count: 1)))
    }
    var raw = unsafe bytes(base, head.path)
    if exchange.scriptNameCount > 0 {
      let script = unsafe UnsafeBufferPointer(rebasing: raw[..<exchange.scriptNameCount])
      guard
        unsafe store(environ, keys.scriptName, scriptNames.string(decodedPath(script)))
      else { return false }
      unsafe raw = unsafe UnsafeBufferPointer(rebasing: raw[exchange.scriptNameCount...])
    }
    let path = unsafe decodedPath(raw)
    return unsafe store(environ, keys.pathInfo, paths.string(path))
  }

  private func decodedPath(_ raw: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    guard unsafe raw.contains(0x25) else { return unsafe raw }
    var writer = unsafe ByteWriter(base: scratch, capacity: scratchBytes)
    unsafe PercentDecoding.decode(raw, into: &writer)
    return unsafe writer.overflowed ? raw : writer.written
  }

  /// Sixteen hexadecimal digits, as in the access log.
  private func requestID(_ number: UInt64) -> PythonObject? {
    for index in 0..<16 {
      let digit = UInt8(truncatingIfNeeded: number &>> UInt64(60 &- 4 &* index)) & 15
      unsafe scratch[index] = digit < 10 ? 0x30 &+ digit : 0x57 &+ digit
    }
    return unsafe Python.latin1(UnsafeBufferPointer(start: scratch, count: 16), GIL.held())
  }

  private func fillAddresses(
    _ environ: PythonObject, _ exchange: Exchange, _ gil: borrowing GIL
  ) -> Bool {
    guard
      unsafe store(environ, keys.serverName, serverName(exchange)),
      unsafe store(environ, keys.serverPort, port(exchange))
    else { return false }
    if exchange.isSecure {
      guard unsafe PyDict_SetItem(environ, keys.urlScheme, https) == 0 else { return false }
    }
    let address = unsafe exchange.peerAddress
    if address.count > 0 {
      guard unsafe store(environ, keys.remoteAddress, peerAddresses.string(address)) else {
        return false
      }
    }
    // No port: a Unix socket, or a proxy that tells the address alone.
    guard exchange.peerPort > 0 else {
      return unsafe PyDict_DelItem(environ, keys.remotePort) == 0
    }
    return unsafe store(environ, keys.remotePort, peerPort(exchange))
  }

  /// The host the client named, without its port; where it named none, the local address.
  private func serverName(_ exchange: Exchange) -> PythonObject? {
    let host = unsafe hostName(bytes(exchange.headBytes, exchange.head.host))
    if host.count > 0 { return unsafe serverNames.string(host) }
    if unsafe exchange.isUnixSocket || exchange.localAddress.count == 0 {
      let name: StaticString = "localhost"
      return unsafe serverNames.string(
        UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }
    return unsafe serverNames.string(exchange.localAddress)
  }

  private func hostName(_ host: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
    var index = host.count
    while index > 0 {
      index &-= 1
      // A bracket first, from behind: an IPv6 literal without a port.
      if unsafe host[index] == 0x5D { return unsafe host }
      if unsafe host[index] == 0x3A { return unsafe UnsafeBufferPointer(rebasing: host[..<index]) }
    }
    return unsafe host
  }

  /// The port that the client connected to; PEP 3333 wants one behind a Unix socket as well.
  private func port(_ exchange: Exchange) -> PythonObject? {
    let number = exchange.serverPort
    if unsafe number != portNumber || portText == nil {
      unsafe Py_DecRef(portText)
      unsafe portText = unsafe decimal(number)
      portNumber = number
    }
    unsafe Py_IncRef(portText)
    return unsafe portText
  }

  private func peerPort(_ exchange: Exchange) -> PythonObject? {
    let number = exchange.peerPort
    if unsafe number != peerPortNumber || peerPortText == nil {
      unsafe Py_DecRef(peerPortText)
      unsafe peerPortText = unsafe decimal(number)
      peerPortNumber = number
    }
    unsafe Py_IncRef(peerPortText)
    return unsafe peerPortText
  }

  private func decimal(_ number: Int) -> PythonObject? {
    var writer = unsafe ByteWriter(base: scratch, capacity: scratchBytes)
    writer.append(decimal: Int64(number))
    return unsafe Python.latin1(writer.written, GIL.held())
  }

  @inline(__always)
  private func bytes(
    _ base: UnsafePointer<UInt8>, _ range: ByteRange
  ) -> UnsafeBufferPointer<UInt8> {
    unsafe UnsafeBufferPointer(start: base + Int(range.offset), count: Int(range.count))
  }

  // MARK: header fields

  private func fillFields(
    _ environ: PythonObject, _ exchange: Exchange, _ gil: borrowing GIL
  ) -> Bool {
    let base = unsafe exchange.headBytes
    let before = unsafe PyDict_Size(environ)
    var stored = 0
    let fields = unsafe exchange.fields
    var index = 0
    while index < fields.count {
      let field = unsafe fields[index]
      index &+= 1
      let value = unsafe bytes(base, valueRange(field, exchange))
      switch field.id {
      case .contentLength, .proxy: continue
      case .transferEncoding where exchange.bodyLength >= 0: continue
      case .contentType:
        guard unsafe store(environ, keys.contentType, contentTypes.string(value)) else {
          return false
        }
      default:
        let name = unsafe bytes(base, field.name)
        // `X_Forwarded_For` would pass for `X-Forwarded-For`.
        if unsafe name.contains(0x5F) { continue }
        guard unsafe storeField(environ, name, value, field.id) else { return false }
      }
      stored &+= 1
    }
    if hasDeclaredBody(exchange) {
      guard unsafe store(environ, keys.contentLength, decimal(Int(exchange.bodyLength))) else {
        return false
      }
      stored &+= 1
    }
    // A name that came twice replaced its first value; only then is the slow way needed.
    if unsafe PyDict_Size(environ) == before &+ stored { return true }
    return unsafe joinRepeated(environ, exchange, gil)
  }

  /// Where the value of a field is: an absolute target replaces Host (RFC 9112, section 3.2.2).
  @inline(__always)
  private func valueRange(_ field: Field, _ exchange: Exchange) -> ByteRange {
    field.id == .host && exchange.head.targetForm == .absolute
      ? exchange.head.host : field.value
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
    if let place = unsafe names.place(name), let key = unsafe place.pointee.key {
      // What identifies a user is not kept after the request.
      if id == .cookie || id == .authorization {
        return unsafe store(environ, key, Python.latin1(value, GIL.held()))
      }
      return unsafe store(environ, key, place.pointee.value.string(value))
    }
    guard let key = unsafe HeaderNameCache.makeKey(name) else { return false }
    let isStored = unsafe store(environ, key, Python.latin1(value, GIL.held()))
    unsafe Py_DecRef(key)
    return isStored
  }

  /// Joins the values of names that came more than once (RFC 9110, section 5.3), cookies with
  /// their own separator (RFC 6265, section 5.4).
  private func joinRepeated(
    _ environ: PythonObject, _ exchange: Exchange, _ gil: borrowing GIL
  ) -> Bool {
    guard let seen = unsafe PythonReference(owning: PyDict_New()) else { return false }
    let fields = unsafe exchange.fields
    var index = 0
    while index < fields.count {
      let field = unsafe fields[index]
      index &+= 1
      let name = unsafe bytes(exchange.headBytes, field.name)
      switch field.id {
      case .contentLength, .proxy: continue
      case .transferEncoding where exchange.bodyLength >= 0: continue
      default: if unsafe name.contains(0x5F) { continue }
      }
      let made = unsafe field.id == .contentType ? keys.contentType : HeaderNameCache.makeKey(name)
      guard let made = unsafe made else { return false }
      if field.id == .contentType { unsafe Py_IncRef(made) }
      guard let key = unsafe PythonReference(owning: made),
        let value = unsafe PythonReference(
          owning: Python.latin1(bytes(exchange.headBytes, valueRange(field, exchange)), gil)),
        let joined = join(seen, key, value, isCookie: field.id == .cookie, gil)
      else { return false }
      guard unsafe PyDict_SetItem(seen.object, key.object, joined.object) == 0,
        unsafe PyDict_SetItem(environ, key.object, joined.object) == 0
      else { return false }
    }
    return true
  }

  private func join(
    _ seen: borrowing PythonReference, _ key: borrowing PythonReference,
    _ value: borrowing PythonReference, isCookie: Bool, _ gil: borrowing GIL
  ) -> PythonReference? {
    guard let earlier = unsafe PyDict_GetItemWithError(seen.object, key.object) else {
      return unsafe PyErr_Occurred() == nil ? PythonReference(retaining: value.object) : nil
    }
    guard let separator = Python.string(isCookie ? "; " : ", ", gil),
      let start = unsafe PythonReference(owning: PyUnicode_Concat(earlier, separator.object))
    else { return nil }
    return unsafe PythonReference(owning: PyUnicode_Concat(start.object, value.object))
  }
}
