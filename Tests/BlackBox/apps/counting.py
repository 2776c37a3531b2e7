"""Counts the requests that reach the application; tells them at /count, which does not count."""

from wsgiref.validate import validator

_targets = []


def application(environ, start_response):
    if environ["PATH_INFO"] == "/count":
        body = str(len(_targets)).encode()
    else:
        _targets.append(environ["PATH_INFO"])
        body = b"ran"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


validated = validator(application)
