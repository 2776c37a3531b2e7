"""Workers, molds and supervisors that die or are stuck: explained, replaced, survived."""

import contextlib
import os
import signal

import pytest
from harness import processes
from harness.load import Load
from harness.processes import wait_until
from harness.serving import DAEMON, STAGE, free_port, run_to_its_end
from harness.versions import numbered, restart, version_served
from harness.wire import Truncated, request_bytes

MORTAL = """
import ctypes
import os
import re
import time


def stuck_in_this_function():
    time.sleep(1000)


def busy_in_this_function():
    while True:
        pass


def holding_the_lock_in_this_function():
    re.match("(a+)+$", "a" * 60 + "b")


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/segfault":
        ctypes.string_at(0)
    elif path == "/exit":
        os._exit(3)
    elif path == "/abort":
        os.abort()
    elif path == "/stuck":
        stuck_in_this_function()
    elif path == "/busy":
        busy_in_this_function()
    elif path == "/lock":
        holding_the_lock_in_this_function()
    elif path == "/slowly":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return slowly()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


def slowly():
    for _ in range(8):
        time.sleep(0.4)
        yield b"x"
"""


@pytest.fixture
def mortal(server, site):
    directory = site(mortal=MORTAL)
    return lambda *options: server("mortal", *options, chdir=directory)


def test_killed_worker_is_replaced_and_explained(mortal):
    running = mortal("--workers", 2)
    workers = running.worker_pids()
    os.kill(workers[0], signal.SIGKILL)
    running.wait_for_log(
        rf"worker.*\b{workers[0]}\b.*(SIGKILL|signal 9|killed)|\b{workers[0]}\b.*SIGKILL"
    )
    pids = running.wait_for_workers(2, without=[workers[0]])
    assert workers[1] in pids
    assert int(running.get("/").body) in pids


@pytest.mark.parametrize(
    ("target", "explanation"),
    [("/segfault", "SIGSEGV|signal 11|[Ss]egmentation"), ("/abort", "SIGABRT|signal 6|[Aa]bort"),
     ("/exit", r"(exit|code|status)\D*3\b")])
def test_worker_that_dies_in_a_request(mortal, target, explanation):
    running = mortal("--workers", 1)
    worker = running.worker_pids()[0]
    with running.connect() as connection:
        if DAEMON:
            assert connection.request(target=target).status == 502
        else:
            with pytest.raises((Truncated, ConnectionError)):
                connection.request(target=target)
    running.wait_for_log(rf"\b{worker}\b.*({explanation})|({explanation}).*\b{worker}\b")
    running.wait_for_workers(1, without=[worker])
    assert running.get("/").status == 200


def test_workers_that_keep_dying_do_not_stop_the_server(mortal):
    """Replaced with back-off; and served again as soon as the cause is gone."""
    running = mortal("--workers", 1)
    for _ in range(4):
        try:
            running.get("/exit")
        except (Truncated, ConnectionError):
            pass
    assert running.get("/").status == 200


@pytest.mark.parametrize(
    ("target", "function"),
    [("/stuck", "stuck_in_this_function"), ("/busy", "busy_in_this_function"),
     ("/lock", "holding_the_lock_in_this_function")])
def test_stuck_worker_is_replaced_with_its_stack(mortal, target, function):
    running = mortal(
        "--workers", 1, "--threads", 2, "--timeout", 1, "--interrupt-timeout", 0)
    worker = running.worker_pids()[0]
    with running.connect() as connection:
        connection.send(request_bytes(target=target))
        running.wait_for_log(function)
        running.wait_for_log(rf"\b{worker}\b.*(time|stuck)|(time|stuck).*\b{worker}\b")
        running.wait_for_workers(1, without=[worker], deadline=20)
        try:
            assert connection.read_response().status >= 500
        except (Truncated, ConnectionError):
            pass
    assert running.get("/").status == 200


def test_slow_progress_is_not_stuck(mortal):
    """8 blocks, 0.4 s apart, under a limit of 1 s."""
    running = mortal("--workers", 1, "--timeout", 1)
    worker = running.worker_pids()
    assert running.get("/slowly").body == b"x" * 8
    assert running.worker_pids() == worker


def test_max_requests_loses_nothing(server, site):
    directory = site(numbered=numbered(1))
    running = server(
        "numbered", "--workers", 2, "--threads", 2, "--max-requests", 60,
        "--max-requests-jitter", 20, chdir=directory,
    )
    with Load(running.address, keep_alive=2, fresh=2) as load:
        wait_until(lambda: len(load.seen) >= 8 or load.failures, 40, "eight workers to have served")
    assert load.failures == []
    wait_until(lambda: len(running.worker_pids()) == 2, what="two workers")


def test_supervisor_outlives_a_killed_mold(server, site):
    """The mold is forked from by need; a new one is made, and a restart still works."""
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 2, chdir=directory)
    mold = running.titled("mold")[0]
    # Taken before the new mold's workers can be among them.
    old = running.worker_pids()
    os.kill(mold, signal.SIGKILL)
    running.wait_for_log(rf"\b{mold}\b")
    assert version_served(running) == "1"
    # The new mold puts its own workers in the place of all that the dead one made, also where one
    # of those dies instead of finishing.
    with contextlib.suppress(ProcessLookupError):
        os.kill(old[0], signal.SIGKILL)
    running.wait_for_workers(2, without=old, deadline=20)
    restart(running, directory, 2)


def test_workers_end_with_their_supervisor(server):
    """A supervisor that is killed leaves nobody behind who holds the port."""
    running = server("hello:application", "--workers", 2)
    family = processes.family(running.pid)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    wait_until(lambda: not any(p.is_alive for p in family), what="every process to end")


def test_want_of_threads_has_its_own_code_and_sentence(tmp_path):
    """More threads than the address space holds: said by the worker, and by who buries it."""
    program = tmp_path / "bin" / "plimsoll"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/bash\nulimit -v 1500000\nexec "{STAGE}/bin/plimsoll" "$@"\n')
    program.chmod(0o755)
    code, log, _ = run_to_its_end(
        "serve", "hello:application", "--workers", 1, "--threads", 600, "--bind",
        f"127.0.0.1:{free_port()}", stage=tmp_path)
    assert code == 8, log
    assert "pthread_create: Resource temporarily unavailable" in log
    assert "short of descriptors, memory or threads" in log
