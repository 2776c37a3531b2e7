"""Echoes bodies, sleeps, streams, and waits at a gate when asked to."""

import time


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
    elif path == "/large":
        body = b"x" * int(environ["QUERY_STRING"])
    else:
        body = b"plain"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
