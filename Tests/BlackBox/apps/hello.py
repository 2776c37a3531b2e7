"""The smallest application, under both names that a server looks for."""

from wsgiref.validate import validator


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


validated = validator(application)
