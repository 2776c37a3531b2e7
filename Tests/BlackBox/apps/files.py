"""Answers with files through wsgi.file_wrapper."""

import io
import os
import tempfile
import threading
from urllib.parse import parse_qs
from wsgiref.validate import validator

_closed = {}
_lock = threading.Lock()


class CountedFile:
    """A file-like object around a real one, that counts how often it is closed.

    With `fileno`, its `read` is the real file's own and a server may send it with sendfile.
    """

    def __init__(self, path, name, offset, has_fileno):
        self._file = open(path, "rb")
        self._file.seek(offset)
        self._name = name
        if has_fileno:
            self.read = self._file.read
            self.fileno = self._file.fileno
            self.tell = self._file.tell

    def read(self, size=-1):
        return self._file.read(size)

    def close(self):
        self._file.close()
        with _lock:
            _closed[self._name] = _closed.get(self._name, 0) + 1


class Passing:
    """Passes everything on to the file in its `file` attribute, as Django's `File` does."""

    read = property(lambda self: self.file.read)
    close = property(lambda self: self.file.close)

    def __init__(self, file):
        self.file = file


class Mirrored:
    """Reads every byte of the file in its `file` attribute with its bits turned over."""

    def __init__(self, file):
        self.file = file

    def read(self, size=-1):
        return self.file.read(size).translate(MIRROR)

    def __getattr__(self, name):
        return getattr(self.file, name)


class MirroredPassing(Passing):
    """A subclass that gives a passing class a `read` of its own."""

    def read(self, size=-1):
        return self.file.read(size).translate(MIRROR)


class MirroredReader(io.BufferedReader):
    def read(self, size=-1):
        return super().read(size).translate(MIRROR)


MIRROR = bytes(255 - byte for byte in range(256))


def _patched(path):
    """An ordinary file, but for the `read` that was put over its own."""
    file = open(path, "rb")
    own = file.read
    file.read = lambda size=-1: own(size).translate(MIRROR)
    return file


def _patched_temporary(path):
    file = _temporary(path)
    own = file.read
    file.read = lambda size=-1: own(size).translate(MIRROR)
    return file


def _temporary(path, make=tempfile.NamedTemporaryFile):
    file = make(dir=os.path.dirname(path))
    with open(path, "rb") as source:
        file.write(source.read())
    file.seek(0)
    return file


def _changed(path):
    """A file whose first bytes are new, but only in its buffer; closing it is left for later."""
    file = _temporary(path, tempfile.TemporaryFile)
    file.read(10)
    file.seek(0)
    file.write(b"changed")
    file.seek(0)
    file.close = lambda: None
    return file


OPENERS = {
    "/plain": lambda path: open(path, "rb"),
    "/raw": lambda path: open(path, "rb", buffering=0),
    "/passing": lambda path: Passing(Passing(open(path, "rb"))),
    "/temporary": _temporary,
    "/changed": _changed,
    "/mirrored": lambda path: Mirrored(open(path, "rb")),
    "/mirrored-passing": lambda path: MirroredPassing(open(path, "rb")),
    "/mirrored-reader": lambda path: MirroredReader(io.FileIO(path)),
    "/passing-to-mirrored": lambda path: Passing(Mirrored(open(path, "rb"))),
    "/patched": _patched,
    "/patched-temporary": _patched_temporary,
}


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
    opener = OPENERS.get(environ["PATH_INFO"])
    if opener is not None:
        file = opener(query["path"])
        if offset:
            file.seek(offset)
    else:
        file = CountedFile(query["path"], name, offset, environ["PATH_INFO"] == "/real")
    start_response("200 OK", fields)
    block = int(query.get("block", "0"))
    wrapper = environ["wsgi.file_wrapper"]
    return wrapper(file, block) if block else wrapper(file)


validated = validator(application)
