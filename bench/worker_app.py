"""The application of BENCH_APPLICATION, which also tells which process answered."""

import importlib
import os

inner = importlib.import_module(os.environ["BENCH_APPLICATION"]).application


def application(environ, start_response):
    def start(status, headers, *error):
        return start_response(status, [*headers, ("X-Worker", str(os.getpid()))], *error)

    return inner(environ, start)
