// EnvironKeys: the names in a WSGI environ, made once. Edge.
internal import CPython

/// Interned str objects for the environ's own keys. Made in the mold and never freed.
@safe struct EnvironKeys {
  let requestMethod: PythonObject
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
  let requestID: PythonObject

  init(_ gil: borrowing GIL) {
    requestMethod = Python.interned("REQUEST_METHOD", gil)
    pathInfo = Python.interned("PATH_INFO", gil)
    queryString = Python.interned("QUERY_STRING", gil)
    requestURI = Python.interned("REQUEST_URI", gil)
    serverProtocol = Python.interned("SERVER_PROTOCOL", gil)
    serverName = Python.interned("SERVER_NAME", gil)
    serverPort = Python.interned("SERVER_PORT", gil)
    remoteAddress = Python.interned("REMOTE_ADDR", gil)
    remotePort = Python.interned("REMOTE_PORT", gil)
    contentType = Python.interned("CONTENT_TYPE", gil)
    contentLength = Python.interned("CONTENT_LENGTH", gil)
    cookie = Python.interned("HTTP_COOKIE", gil)
    input = Python.interned("wsgi.input", gil)
    requestID = Python.interned("plimsoll.request_id", gil)
  }
}
