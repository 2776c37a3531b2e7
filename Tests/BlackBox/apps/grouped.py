"""One of several applications of a server: says who and where it is; can crash, leak and hang."""

import contextlib
import json
import os
import sys
import time
from wsgiref.validate import validator

LEAK = 8 << 20
_leaked = []


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/abort":
        os.abort()
    elif path == "/exit":
        os._exit(7)
    elif path == "/stuck":
        time.sleep(1000)
    elif path == "/stubborn":
        while True:
            with contextlib.suppress(BaseException):
                time.sleep(1000)
    elif path == "/leak":
        _leaked.append(b"x" * LEAK)
    elif path == "/gate":
        with open(environ["HTTP_X_GATE"], "rb") as file:
            file.read()
    body = json.dumps({
        "pid": os.getpid(), "script": environ["SCRIPT_NAME"], "path": path,
        "query": environ["QUERY_STRING"], "python": "%d.%d" % sys.version_info[:2],
        "name": os.environ.get("WHO", ""),
    }).encode()
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


validated = validator(application)
