"""Answers with files through wsgi.file_wrapper."""

import threading
from urllib.parse import parse_qs
from wsgiref.validate import validator

_closed = {}
_lock = threading.Lock()


class CountedFile:
    """A file-like object around a real one, that counts how often it is closed.

    With `fileno`, a server may send it with sendfile.
    """

    def __init__(self, path, name, offset, has_fileno):
        self._file = open(path, "rb")
        self._file.seek(offset)
        self._name = name
        self.read = self._file.read
        if has_fileno:
            self.fileno = self._file.fileno
            self.tell = self._file.tell

    def close(self):
        self._file.close()
        with _lock:
            _closed[self._name] = _closed.get(self._name, 0) + 1


def application(environ, start_response):
    pairs = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    query = {key: values[0] for key, values in pairs.items()}
    name = query.get("name", "file")
    fields = [("Content-Type", "application/octet-stream")]
    if environ["PATH_INFO"] == "/closed":
        start_response("200 OK", fields)
        with _lock:
            return [str(_closed.get(name, 0)).encode()]
    if "length" in query:
        fields.append(("Content-Length", query["length"]))
    offset = int(query.get("offset", "0"))
    if environ["PATH_INFO"] == "/plain":
        file = open(query["path"], "rb")
        file.seek(offset)
    else:
        file = CountedFile(query["path"], name, offset, environ["PATH_INFO"] == "/real")
    start_response("200 OK", fields)
    block = int(query.get("block", "0"))
    wrapper = environ["wsgi.file_wrapper"]
    return wrapper(file, block) if block else wrapper(file)


validated = validator(application)
