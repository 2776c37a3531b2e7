"""Runs one of the interpreter's own test modules inside a request; the outcome is the response."""

import gc
import importlib
import io
import os
import unittest

# Loaded before the fork, so that the tests run with objects that were made there.
MODULES = {}
for name in os.environ.get("SELF_TESTS", "").split():
    MODULES[name] = importlib.import_module(f"test.{name}")


def run(name):
    stream = io.StringIO()
    suite = unittest.defaultTestLoader.loadTestsFromModule(MODULES[name])
    result = unittest.TextTestRunner(stream, verbosity=0).run(suite)
    broken = sorted(str(test) for test, _ in result.failures + result.errors)
    return f"{result.testsRun} run\n" + "\n".join(broken) + "\n--\n" + stream.getvalue()


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/frozen":
        text = f"{gc.get_freeze_count()}"
    else:
        text = run(path.strip("/"))
    body = text.encode("utf-8", "replace")
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"),
                              ("Content-Length", str(len(body)))])
    return [body]
