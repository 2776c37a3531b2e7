// EnvironKeys: the names in a WSGI environ, made once. Edge.
internal import CPython

/// Interned str objects for the environ's own keys. Made in the mold and never freed.
@safe struct EnvironKeys {
  let requestMethod: PythonObject
  let scriptName: PythonObject
  let pathInfo: PythonObject
  let queryString: PythonObject
  let requestURI: PythonObject
  let serverProtocol: PythonObject
  let serverName: PythonObject
  let serverPort: PythonObject
  let remoteAddress: PythonObject
  let remotePort: PythonObject
  let contentType: PythonObject
  let contentLength: PythonObject
  let cookie: PythonObject
  let input: PythonObject
  let urlScheme: PythonObject
  let requestID: PythonObject

  init(_ gil: borrowing GIL) {
    unsafe requestMethod = unsafe Python.interned("REQUEST_METHOD", gil)
    unsafe scriptName = unsafe Python.interned("SCRIPT_NAME", gil)
    unsafe pathInfo = unsafe Python.interned("PATH_INFO", gil)
    unsafe queryString = unsafe Python.interned("QUERY_STRING", gil)
    unsafe requestURI = unsafe Python.interned("REQUEST_URI", gil)
    unsafe serverProtocol = unsafe Python.interned("SERVER_PROTOCOL", gil)
    unsafe serverName = unsafe Python.interned("SERVER_NAME", gil)
    unsafe serverPort = unsafe Python.interned("SERVER_PORT", gil)
    unsafe remoteAddress = unsafe Python.interned("REMOTE_ADDR", gil)
    unsafe remotePort = unsafe Python.interned("REMOTE_PORT", gil)
    unsafe contentType = unsafe Python.interned("CONTENT_TYPE", gil)
    unsafe contentLength = unsafe Python.interned("CONTENT_LENGTH", gil)
    unsafe cookie = unsafe Python.interned("HTTP_COOKIE", gil)
    unsafe input = unsafe Python.interned("wsgi.input", gil)
    unsafe urlScheme = unsafe Python.interned("wsgi.url_scheme", gil)
    unsafe requestID = unsafe Python.interned("plimsoll.request_id", gil)
  }
}
