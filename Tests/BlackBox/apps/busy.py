"""Echoes bodies, sleeps, streams, starts a process, and waits at a gate when asked to."""

import os
import subprocess
import threading
import time

barrier = threading.Barrier(2)


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", [])
        return (b"%d," % number for number in range(int(environ["QUERY_STRING"])))
    if path == "/gate":
        with open(environ["HTTP_X_GATE"], "rb") as gate:
            gate.read()
        body = b"passed"
    elif path == "/echo":
        body = environ["wsgi.input"].read()
    elif path == "/sleep":
        time.sleep(int(environ["QUERY_STRING"]) / 1000)
        body = environ["QUERY_STRING"].encode()
    elif path == "/terminated":
        # With the others at the barrier, each handler thread does this once.
        child = subprocess.Popen(["sleep", "60"])
        child.terminate()
        try:
            body = b"%d" % child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            body = b"not terminated"
        barrier.wait(10)
    elif path == "/stdout":
        body = os.readlink("/proc/self/fd/1").encode()
    elif path == "/large":
        body = b"x" * int(environ["QUERY_STRING"])
    else:
        body = b"plain"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
