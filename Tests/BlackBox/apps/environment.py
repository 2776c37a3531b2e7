"""Answers with what is in the environ, as JSON."""

import json
import os
import sys
from wsgiref.validate import validator


def application(environ, start_response):
    seen = {key: value for key, value in environ.items() if isinstance(value, str)}
    seen["*types"] = {key: type(value).__name__ for key, value in environ.items()}
    seen["*bools"] = {key: value for key, value in environ.items() if isinstance(value, bool)}
    seen["*version"] = list(environ["wsgi.version"])
    seen["*input"] = sorted(name for name in dir(environ["wsgi.input"]) if name.startswith("read"))
    seen["*process"] = {
        "pid": os.getpid(),
        "cwd": os.getcwd(),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "umask": os.umask(0),
        "path": sys.path,
        "prefix": sys.prefix,
        "executable": sys.executable,
        "version": "%d.%d" % sys.version_info[:2],
        "os.environ": dict(os.environ),
    }
    os.umask(seen["*process"]["umask"])
    body = json.dumps(seen).encode()
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]


validated = validator(application)
