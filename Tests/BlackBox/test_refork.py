"""A worker that has served becomes the next mold: what requests loaded is shared, no request is
lost, and where it is not safe it does not happen."""

import contextlib
import json
import os
import re
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import interpreters, serving
from harness.load import Load
from harness.processes import private_dirty_bytes, wait_until

MIB = 1 << 20
# A mold must have been in service for ten seconds, and a scout must have served.
DEADLINE = 60

# What is imported late is 20 MB of objects; who made them can be asked for.
LATE = """
import os

PID = os.getpid()
TABLE = [("text %d" % i, float(i)) for i in range(120_000)]
"""
APP = """
import os
import random
import time

VERSION = 1


def application(environ, start_response):
    import late
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.1)
    body = f"{VERSION} {os.getpid()} {late.PID} {random.random()}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture(params=interpreters.SUPPORTED)
def python(request):
    return interpreters.find(request.param) or pytest.skip(f"no Python {request.param} here")


def worker_of(response):
    return int(response.body.split()[1])


def maker_of(response):
    return int(response.body.split()[2])


def ask_all(running, count):
    """One answer of each of `count` workers."""
    answers = {}

    def complete():
        # Each worker has one thread, so that those which come together reach different ones.
        with ThreadPoolExecutor(2 * count) as clients:
            for answer in clients.map(running.get, ["/slow"] * 2 * count):
                assert answer.status == 200
                answers[worker_of(answer)] = answer
        pids = set(running.worker_pids())
        return len(pids) == count and pids <= set(answers) and [answers[pid] for pid in pids]

    return wait_until(complete, DEADLINE, f"answers of {count} workers")


def await_refork(running, workers, generation=2):
    """The mold's number, once it was a worker and all workers are forked from it."""
    running.wait_for_log(rf"serving generation {generation} of .*refork", DEADLINE)
    before = re.findall(r"refork: worker \d+ \(pid (\d+)\)", running.log_text())
    mold = int(before[-1])
    wait_until(lambda: running.titled("mold") == [mold], DEADLINE, "one mold, which was a worker")
    wait_until(
        lambda: len(running.worker_pids()) == workers
        and {maker_of(answer) for answer in ask_all(running, workers)} == {mold},
        DEADLINE, "workers that are all forked from it")
    return mold


def status(running):
    words = [os.path.join(serving.STAGE, "bin", "plimsoll"), "status", "--json", "--pid",
             str(running.pid)]
    return json.loads(subprocess.run(words, capture_output=True, check=True, text=True).stdout)


def test_what_requests_loaded_is_shared_and_no_request_is_lost(server, site, python):
    log = "access.log"
    directory = site(app=APP, late=LATE)
    running = server(
        "app", "--workers", 3, "--threads", 1, "--refork-after", 60, "--log-level", "info",
        "--access-logfile", os.path.join(directory, log), python=python, chdir=directory)
    before = {worker_of(answer): answer for answer in ask_all(running, 3)}
    mold = running.titled("mold")
    private = min(private_dirty_bytes(pid) for pid in before)
    assert len({maker_of(answer) for answer in before.values()}) == 3
    with Load(running.address, worker_of=worker_of, pause=0.005) as load:
        new_mold = await_refork(running, 3)
        load.stop()
    assert not load.failures, load.failures[:5]
    assert new_mold not in mold
    after = {worker_of(answer): answer for answer in ask_all(running, 3)}
    assert not set(after) & set(before)
    # All have what the scout imported, and each is a process of its own.
    assert {maker_of(answer) for answer in after.values()} == {new_mold}
    assert len({answer.body.split()[3] for answer in after.values()}) == 3
    assert max(private_dirty_bytes(pid) for pid in after) < private - 8 * MIB
    # Nothing that was answered is forgotten, neither in the sums nor in the access log.
    answered = load.answers + 12
    assert status(running)["totals"]["requests"] >= answered
    running.stop()
    with open(os.path.join(directory, log), encoding="utf-8") as file:
        assert len(file.readlines()) >= answered


def test_a_restart_after_a_refork_loads_new_code(server, site):
    directory = site(app=APP, late=LATE)
    running = server("app", "--workers", 2, "--threads", 1, "--refork-after", 20, chdir=directory)
    with Load(running.address, pause=0.01) as load:
        mold = await_refork(running, 2)
        with open(os.path.join(directory, "app.py"), "w", encoding="utf-8") as file:
            file.write(APP.replace("VERSION = 1", "VERSION = 2"))
        running.signal(signal.SIGHUP)
        running.wait_for_log("serving generation 3", DEADLINE)
        wait_until(
            lambda: {answer.body.split()[0] for answer in ask_all(running, 2)} == {b"2"},
            DEADLINE, "new code in all workers")
        load.stop()
    assert not load.failures, load.failures[:5]
    assert mold not in running.titled("mold")


def test_a_mold_that_was_a_worker_dies_and_the_application_is_loaded_anew(server, site):
    running = server(
        "app", "--workers", 2, "--threads", 1, "--refork-after", 20,
        chdir=site(app=APP, late=LATE))
    with Load(running.address, pause=0.01) as load:
        mold = await_refork(running, 2)
        os.kill(mold, signal.SIGKILL)
        running.wait_for_log("the workers go on, and a new one is started", DEADLINE)
        running.wait_for_log("serving generation 3", DEADLINE)
        running.wait_for_workers(2)
        load.stop()
    assert not load.failures, load.failures[:5]
    assert len(running.titled("mold")) == 1


UNSAFE = {
    "thread": ("""
threading.Thread(target=threading.Event().wait, daemon=True, name="reporter").start()
""", r"a thread of the application's \(reporter\)"),
    "socket": ("""
keep.append(1)
connection = socket.create_connection(("127.0.0.1", listener.getsockname()[1]))
""", r"an open socket \(opened\.connection\),"),
    "unnamed": ("""
keep.append(socket.create_connection(("127.0.0.1", listener.getsockname()[1])))
""", r"an open socket that no module names,"),
    "database": ("""
keep.append(sqlite3.connect(":memory:"))
""", r"an open database connection \(sqlite3\.Connection\)"),
    "pipe": ("""
keep.append(os.pipe())
""", r"an open pipe that no module names,"),
}
OPENS = """
import os
import socket
import sqlite3
import threading

import plimsoll

listener = socket.create_server(("127.0.0.1", 0))
keep = []


@plimsoll.before_fork
def close():
    if not os.environ.get("CURED"):
        return
    for one in keep:
        one.close()
    keep.clear()


def application(environ, start_response):
    import opened
    start_response("200 OK", [])
    return [b"%d %d" % (0, os.getpid())]
"""


@pytest.mark.parametrize("kind", UNSAFE)
def test_where_it_is_not_safe_it_is_given_up_with_the_reason(server, site, kind):
    source, reason = UNSAFE[kind]
    opened = f"from app import *\nimport os, socket, sqlite3, threading\n{source}"
    running = server(
        "app", "--workers", 2, "--threads", 1, "--refork-after", 10, "--log-level", "info",
        chdir=site(app=OPENS, opened=opened))
    mold = running.titled("mold")
    with Load(running.address, pause=0.01) as load:
        line = running.wait_for_log("the refork is given up.*", DEADLINE).group()
        load.stop()
    assert not load.failures, load.failures[:5]
    assert re.search(reason, line), line
    assert "plimsoll.before_fork" in line and "--refork-after 0" in line
    assert "after 40 more requests" in line
    assert running.titled("mold") == mold
    running.wait_for_workers(2)


def test_what_a_hook_closes_is_no_reason(server, site):
    source, _ = UNSAFE["unnamed"]
    opened = f"from app import *\nimport socket\n{source}"
    running = server(
        "app", "--workers", 2, "--threads", 1, "--refork-after", 10, CURED="1",
        chdir=site(app=OPENS, opened=opened))
    with Load(running.address, pause=0.01) as load:
        running.wait_for_log("serving generation 2 of .*refork", DEADLINE)
        load.stop()
    assert not load.failures, load.failures[:5]


def test_a_restart_lets_a_scout_go(server, site):
    running = server(
        "app", "--workers", 2, "--threads", 1, "--refork-after", 1000, "--log-level", "info",
        chdir=site(app=APP, late=LATE))
    with Load(running.address, pause=0.001) as load:
        running.wait_for_log("serves 1000 requests with one thread", DEADLINE)
        running.signal(signal.SIGHUP)
        running.wait_for_log("serving generation 2", DEADLINE)
        running.wait_for_workers(2, deadline=DEADLINE)
        load.stop()
    assert not load.failures, load.failures[:5]
    assert "given up" not in running.log_text()


@pytest.mark.long
def test_it_is_done_twice_at_most(server, site):
    running = server(
        "app", "--workers", 2, "--threads", 1, "--refork-after", 5,
        chdir=site(app=APP, late=LATE))
    with Load(running.address, pause=0.01) as load:
        running.wait_for_log("serving generation 3 of .*refork", DEADLINE)
        answers = load.answers
        wait_until(lambda: load.answers > answers + 2000, DEADLINE, "more requests")
        load.stop()
    assert not load.failures, load.failures[:5]
    assert running.log_text().count("becomes the next mold") == 2


def test_it_can_be_turned_off(server, site):
    directory = site(app=APP, late=LATE)
    info = ("--log-level", "info")
    off = [
        server("app", "--refork-after", 0, *info, chdir=directory),
        server("app", "--no-preload", "--refork-after", 1, *info, chdir=directory),
        server("app", "--policy", "apache", "--refork-after", 1, *info, chdir=directory),
        server("app", "--reload", "--refork-after", 1, *info, chdir=directory),
    ]
    # The last one to start shows how long the others would have had.
    on = server("app", "--refork-after", 1, *info, chdir=directory)
    with contextlib.ExitStack() as clients:
        for running in [*off, on]:
            clients.enter_context(Load(running.address, pause=0.05))
        on.wait_for_log("refork: worker", DEADLINE)
    for running in off:
        assert "refork: " not in running.log_text()
