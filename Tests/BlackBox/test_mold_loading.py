"""Loading in the mold: the collector held back, warm requests, the hooks of `plimsoll`."""

import ast
import os
import subprocess
import sys

import pytest
from harness import interpreters
from harness.interpreters import REPOSITORY

COLLECTOR = """
import gc

seen = [gc.isenabled()]
{at_import}
seen.append(gc.isenabled())


def application(environ, start_response):
    {in_request}
    text = repr((seen, gc.isenabled(), gc.get_threshold(), gc.enable.__module__))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
"""


@pytest.mark.parametrize("at_import, in_request, seen, enabled, thresholds", [
    ("", "", [True, True], True, (700, 10, 10)),
    ("gc.disable()", "", [True, False], False, (700, 10, 10)),
    ("gc.disable(); gc.enable()", "", [True, True], True, (700, 10, 10)),
    ("gc.set_threshold(900, 8)", "", [True, True], True, (900, 8, 10)),
    ("from gc import disable", "disable()", [True, True], False, (700, 10, 10)),
    ("gc.disable(); from gc import enable", "enable()", [True, False], True, (700, 10, 10)),
])
def test_collector_is_as_the_application_wants(
    server, site, at_import, in_request, seen, enabled, thresholds
):
    """It is off while loading, and that shows nowhere."""
    source = COLLECTOR.format(at_import=at_import, in_request=in_request or "pass")
    running = server("collecting", "--workers", 1, chdir=site(collecting=source))
    found = ast.literal_eval(running.get("/").body.decode())
    assert found[0] == seen
    assert found[1] is enabled
    assert found[2][:2] == thresholds[:2]
    assert found[3] == "gc"


COUNTED = """
import gc

collections = []
gc.callbacks.append(lambda phase, info: collections.append(phase))
kept = [[] for _ in range(100_000)]
during = len(collections)


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(during).encode()]
"""


def test_no_collection_while_loading(server, site):
    running = server("counted", "--workers", 1, chdir=site(counted=COUNTED))
    assert running.get("/").body == b"0"


WARMED = """
import os

import plimsoll

importer = os.getpid()
calls = []


def application(environ, start_response):
    if os.getpid() == importer:
        calls.append({key: str(environ.get(key)) for key in (
            "REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "HTTP_HOST", "HTTP_COOKIE",
            "SERVER_NAME", "SERVER_PORT", "wsgi.multiprocess", "CONTENT_TYPE")})
        if environ["PATH_INFO"] == "/raises":
            raise ValueError("harbour closed")
        if environ["PATH_INFO"] == "/fails":
            start_response("503 Service Unavailable", [])
            return [b""]
        if environ["PATH_INFO"] == "/picky":
            start_response("400 Bad Request", [])
            return [b""]
        if environ["PATH_INFO"] == "/hangs":
            import time
            time.sleep(100)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return Body([repr(calls).encode()])


class Body(list):
    def close(self):
        calls.append("closed")
"""


def warmed(running):
    return ast.literal_eval(running.get("/").body.decode())


def test_warm_requests(server, site):
    running = server(
        "warmed", "--workers", 2, "--warm", "/first%C3%A9/?page=2",
        "--warm", "POST /second; Cookie: a=1; b=2; Host: example.org; Content-Type: text/plain",
        chdir=site(warmed=WARMED))
    calls = warmed(running)
    requests = [call for call in calls if call != "closed"]
    assert calls.count("closed") == len(requests)
    paths = [call["PATH_INFO"] for call in requests]
    assert paths.count("/first\u00c3\u00a9/") >= 10 and paths.count("/second") >= 10
    first = requests[paths.index("/first\u00c3\u00a9/")]
    assert (first["REQUEST_METHOD"], first["QUERY_STRING"]) == ("GET", "page=2")
    assert first["HTTP_HOST"] == f"127.0.0.1:{running.port}"
    assert (first["SERVER_NAME"], first["SERVER_PORT"]) == ("127.0.0.1", str(running.port))
    assert first["wsgi.multiprocess"] == "True"
    second = requests[paths.index("/second")]
    assert second["REQUEST_METHOD"] == "POST"
    assert second["HTTP_HOST"] == "example.org"
    assert second["HTTP_COOKIE"] == "a=1; b=2"
    assert second["CONTENT_TYPE"] == "text/plain"


@pytest.mark.parametrize("path, pattern", [
    ("/raises", r"\[warn\].*the warm request GET /raises raised ValueError: harbour closed"),
    ("/fails", r"\[warn\].*the warm request GET /fails was answered with 503"),
    ("/picky", r"\[warn\].*GET /picky was answered with 400.*Host: example.org"),
])
def test_failing_warm_request(server, site, path, pattern):
    running = server("warmed", "--workers", 1, "--warm", path, chdir=site(warmed=WARMED))
    running.wait_for_log(pattern)
    assert running.get("/").status == 200


def test_warm_request_that_hangs(server, site):
    """The start goes on after ten seconds."""
    running = server("warmed", "--workers", 1, "--warm", "/hangs", chdir=site(warmed=WARMED))
    running.wait_for_log(r"\[warn\].*warming was stopped in GET /hangs after 10 s")
    assert running.get("/").status == 200


HOOKED = """
import os

import plimsoll

events = []


@plimsoll.before_fork
def close_pool():
    events.append(("before", os.getpid()))


@plimsoll.after_fork
def open_pool():
    events.append(("after", os.getpid()))


@plimsoll.before_fork
def careless():
    raise RuntimeError("before")


@plimsoll.after_fork
def careless_too():
    raise RuntimeError("after")


plimsoll.warm("/warm")


@plimsoll.warm
def render():
    events.append(("warm", os.getpid()))


def application(environ, start_response):
    if environ["PATH_INFO"] == "/warm":
        events.append(("request", os.getpid()))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr((os.getpid(), os.getppid(), events)).encode()]
"""


def test_hooks(server, site):
    running = server("hooked", "--workers", 1, chdir=site(hooked=HOOKED))
    worker, _, events = ast.literal_eval(running.get("/").body.decode())
    mold = running.titled("mold")[0]
    assert events[-2:] == [("before", mold), ("after", worker)]
    assert ("warm", mold) in events and ("request", mold) in events
    assert worker != mold
    running.wait_for_log(r"\[error\].*hook hooked.careless of plimsoll.before_fork raised")
    running.wait_for_log(r"\[error\].*hook hooked.careless_too of plimsoll.after_fork raised")


@pytest.mark.parametrize("options", [
    ["--no-preload"], ["--no-preload", "--policy", "apache", "--mpm", "prefork"]])
def test_hooks_without_preload(server, site, options):
    """Nothing is forked from the application, and each process is one of its workers."""
    running = server("hooked", *options, chdir=site(hooked=HOOKED))
    worker, _, events = ast.literal_eval(running.get("/").body.decode())
    assert events == [("after", worker)]


def test_hooks_module_elsewhere():
    """Under any other server it remembers, and does nothing."""
    code = (
        "import plimsoll\n"
        "def hook(): raise SystemExit(3)\n"
        "assert plimsoll.before_fork(hook) is hook\n"
        "assert plimsoll.after_fork(hook) is hook\n"
        "assert plimsoll.warm(hook) is hook and plimsoll.warm('/x') == '/x'\n"
        "try: plimsoll.warm('x')\n"
        "except TypeError: pass\n"
        "else: raise SystemExit(4)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.path.join(REPOSITORY, "python")}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


SHARED = """
import os, sqlite3, sys, types

closed = []


class Connections:
    def close_all(self):
        closed.append("django")


class Engine:
    def dispose(self):
        closed.append("engine")


class Special(Engine):
    pass


django_db = types.ModuleType("django.db")
django_db.connections = Connections()
sys.modules["django.db"] = django_db
base = types.ModuleType("sqlalchemy.engine.base")
base.Engine = Engine
sys.modules["sqlalchemy.engine.base"] = base
holder = {"engines": [Engine(), Special()]}


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(sorted(closed)).encode()]
"""


def test_connections_are_closed_before_the_fork(server, site):
    running = server("shared", "--workers", 1, chdir=site(shared=SHARED))
    assert running.get("/").body == b"['django', 'engine', 'engine']"


@pytest.mark.parametrize("version", interpreters.SUPPORTED)
def test_code_that_runs_is_moved_and_stays_itself(server, site, version):
    """Closures, generators, defaults and tracebacks are as before."""
    python = interpreters.find(version) or pytest.skip(f"no Python {version} here")
    source = '''
import traceback


def outer(step, *, factor=3):
    def inner(values):
        def squares():
            for value in values:
                yield value * value + step
        return sum(square * factor for square in squares())
    return inner


counted = outer(1)


class Thing:
    attribute = [1, 2, 3]

    @property
    def total(self):
        return sum(one + getattr(self, "more", 0) for one in self.attribute)

    @staticmethod
    def fail():
        raise LookupError("as expected")


def application(environ, start_response):
    try:
        Thing.fail()
    except LookupError:
        where = traceback.format_exc()
    text = repr((counted([1, 2]), counted({3}), outer(2, factor=1)([4]), Thing().total,
                 "in fail" in where and "as expected" in where, application.__code__.co_name))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]
'''
    running = server("moving", "--workers", 1, "--warm", "/", "--log-level", "info",
                     chdir=site(moving=source), python=python)
    running.wait_for_log(r"[1-9]\d* code objects lie together")
    expected = (21, 30, 18, 6, True, "application")
    for _ in range(50):
        assert ast.literal_eval(running.get("/").body.decode()) == expected
