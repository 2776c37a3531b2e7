"""Waits for as many milliseconds as the query says, and answers with the process's number."""

import os
import time


def application(environ, start_response):
    time.sleep(int(environ["QUERY_STRING"] or 0) / 1000)
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
