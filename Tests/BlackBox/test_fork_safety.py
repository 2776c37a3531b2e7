"""What an application leaves behind at its import that a fork cannot carry over."""

import signal

OPEN = """
import socket, sqlite3, threading

listener = socket.socket()
closed = socket.socket()
closed.close()
free = threading.Lock()
held = threading.Lock()
held.acquire()


class Store:
    def __init__(self):
        self.database = sqlite3.connect(":memory:", check_same_thread=False)


store = Store()
threading.Thread(target=threading.Event().wait, daemon=True, name="poller").start()


def application(environ, start_response):
    start_response("200 OK", [])
    return [b"served"]
"""

HANGING = """
import os, threading

lock = threading.Lock()
ready = threading.Event()


def hold():
    with lock:
        ready.set()
        threading.Event().wait()


threading.Thread(target=hold, daemon=True).start()
ready.wait()
os.register_at_fork(after_in_child=lock.acquire)


def application(environ, start_response):
    start_response("200 OK", [])
    return [b"served by %d" % os.getpid()]
"""


def test_what_workers_would_share_is_named_with_its_cure(server, site):
    running = server("left_open", "--workers", 2, chdir=site(left_open=OPEN))
    assert running.get("/").body == b"served"
    log = running.log_text()
    for name, what, cure in (
        ("left_open.listener", "open socket", "plimsoll.after_fork"),
        ("left_open.store.database", "open database connection", "plimsoll.before_fork"),
        ("left_open.held", "lock that is held", "release it"),
    ):
        line = next(line for line in log.splitlines() if f"{name} is " in line)
        assert what in line and cure in line
    assert "(poller)" in log
    for innocent in ("left_open.closed", "left_open.free", "left_open.Store "):
        assert innocent not in log


def test_an_application_that_hangs_after_the_fork_is_imported_in_each_worker(server, site):
    running = server(
        "hanging", "--workers", 2, "--startup-timeout", "1s", chdir=site(hanging=HANGING))
    running.wait_for_workers(2)
    assert running.get("/").body.startswith(b"served")
    log = running.log_text()
    assert "the application cannot be forked" in log and "--no-preload" in log
    # The stacks say where it hung.
    assert "most recent call first" in log
    # A restart does not try again what is known not to work.
    before = set(running.worker_pids())
    running.signal(signal.SIGHUP)
    running.wait_for_workers(2, without=before)
    assert running.log_text().count("the application cannot be forked") == 1
