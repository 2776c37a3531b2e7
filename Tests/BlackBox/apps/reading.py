"""Reads the request body in the way that PATH_INFO tells, and answers with what came of it."""

import hashlib
import json
import os
from urllib.parse import parse_qs
from wsgiref.validate import validator


def _pieces(how, size, stream):
    """The body in the pieces that one way of reading gives."""
    if how == "all":
        return [stream.read()]
    if how == "minus-one":
        return [stream.read(-1)]
    if how == "blocks":
        return list(iter(lambda: stream.read(size), b""))
    if how == "lines":
        return list(iter(lambda: stream.readline(), b""))
    if how == "bounded-lines":
        return list(iter(lambda: stream.readline(size), b""))
    if how == "readlines":
        return stream.readlines()
    if how == "readlines-hint":
        return stream.readlines(size)
    if how == "iterate":
        return list(stream)
    if how == "zero":
        return [stream.read(0), stream.read(size)]
    if how == "after-end":
        return [stream.read(size), stream.read(size), stream.read(size), stream.readline(size)]
    if how == "nothing":
        return []
    raise ValueError(how)


def application(environ, start_response):
    query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    size = int(query.get("size", ["8192"])[0])
    how = environ["PATH_INFO"].strip("/")
    if how == "descriptors":
        links = []
        for name in os.listdir("/proc/self/fd"):
            try:
                links.append(os.readlink(f"/proc/self/fd/{name}"))
            except OSError:
                continue
        answer = {"links": links}
    else:
        try:
            pieces = _pieces(how, size, environ["wsgi.input"])
            answer = {
                "pieces": [piece.decode("latin-1") for piece in pieces] if len(pieces) < 50 else [],
                "count": len(pieces),
                "bytes": sum(map(len, pieces)),
                "sha256": hashlib.sha256(b"".join(pieces)).hexdigest(),
                "length": environ.get("CONTENT_LENGTH"),
            }
        except OSError as error:
            failure = f"reading failed: {type(error).__name__}"
            print(failure, file=environ["wsgi.errors"], flush=True)
            raise
    body = json.dumps(answer).encode()
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]


validated = validator(application)
