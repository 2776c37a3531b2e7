"""Limits inside a worker: requests that are interrupted, and what is done where that is in vain."""

import json
import os
import re
import signal

import pytest
from harness.load import Load
from harness.processes import wait_until
from harness.wire import Truncated, request_bytes

pytestmark = pytest.mark.embedded("these say themselves which mode they are in")

APPLICATION = """
import ctypes
import os
import re
import threading
import time

import plimsoll

PLAIN = [("Content-Type", "text/plain")]


def busy_in_this_function():
    while True:
        pass


def sleeping_in_this_function():
    time.sleep(1000)


def dozing_in_this_function():
    while True:
        time.sleep(0.01)


def locked_in_this_function():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def holding_in_this_function():
    # PyDLL keeps the interpreter's lock. Somebody who waits for a lock that he has waits for ever.
    mutex = ctypes.create_string_buffer(64)
    for _ in range(2):
        ctypes.PyDLL(None).pthread_mutex_lock(mutex)


def matching_in_this_function():
    re.match("(a+)+$", "a" * 60 + "b")


def nearly_too_long():
    # As close to the limit as can be, so that the exception may come when all is over.
    time.sleep(0.3)


def stream():
    yield b"first"
    busy_in_this_function()


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", PLAIN)
        return stream()
    if path == "/caught":
        try:
            busy_in_this_function()
        except Exception:
            return [b"never"]
        except plimsoll.RequestTimeout as error:
            start_response("503 Service Unavailable", PLAIN)
            return [repr(error).encode() + b" " + str(error).encode()]
    if path == "/stubborn":
        while True:
            try:
                busy_in_this_function()
            except BaseException:
                pass
    if path == "/wrapped":
        try:
            busy_in_this_function()
        except BaseException as error:
            raise KeyError("a wrapped timeout") from error
    if path.startswith("/do/"):
        globals()[path[4:]]()
    start_response("200 OK", PLAIN)
    return [str(os.getpid()).encode()]
"""

MODES = ["embedded", "daemon"]


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


@pytest.fixture
def limited(server, site, mode):
    directory = site(limited=APPLICATION)

    def start(*options):
        return server("limited", "--mode", mode, "--workers", 1, *options, chdir=directory)

    return start


def interrupting(limited, *options):
    return limited("--timeout", "400ms", "--interrupt-timeout", "20s", *options)


def died(running, target):
    """The status of a request whose worker was killed; None where its connection was closed."""
    try:
        return running.get(target).status
    except (Truncated, ConnectionError):
        return None


@pytest.mark.parametrize("function", ["busy_in_this_function", "dozing_in_this_function"])
@pytest.mark.parametrize("threads", [1, 2])
def test_stuck_request_is_interrupted_and_its_worker_goes_on(limited, threads, function):
    running = interrupting(limited, "--threads", threads)
    worker = running.get("/").body
    for _ in range(2):
        assert running.get(f"/do/{function}").status == 504
        assert running.get("/").body == worker
    # Where it was, and that it has ended.
    running.wait_for_log(rf"no progress for .*RequestTimeout(.|\n)*in {function}")
    running.wait_for_log("the interrupted request has ended$")
    assert "was killed" not in running.log_text()


@pytest.mark.parametrize("function", ["sleeping_in_this_function", "locked_in_this_function"])
def test_the_only_thread_is_interrupted_while_it_waits_in_the_kernel(limited, function):
    running = interrupting(limited, "--threads", 1)
    worker = running.get("/").body
    assert running.get(f"/do/{function}").status == 504
    assert running.get("/").body == worker


def test_response_under_way_is_torn_down(limited):
    running = interrupting(limited, "--threads", 2)
    worker = running.get("/").body
    with pytest.raises((Truncated, ConnectionError)):
        running.get("/stream")
    assert running.get("/").body == worker


def test_application_may_answer_itself(limited):
    """`except Exception` does not see it; who names it may do what is to be done."""
    running = interrupting(limited, "--threads", 2)
    answer = running.get("/caught")
    assert answer.status == 503
    assert answer.body == b"RequestTimeout() no progress for longer than --timeout"


def test_what_the_application_makes_of_it_is_504_too(limited):
    running = interrupting(limited, "--threads", 2)
    assert running.get("/wrapped").status == 504
    running.wait_for_log(r"interrupted request has ended, with KeyError: 'a wrapped timeout'\n")


def test_the_next_request_of_the_thread_is_not_hit(limited):
    """Requests that end in the moment in which they would be interrupted."""
    running = limited("--threads", 1, "--timeout", "300ms", "--interrupt-timeout", "20s")
    worker = running.get("/").body
    with running.connect() as connection:
        for _ in range(12):
            late = connection.request(target="/do/nearly_too_long")
            assert late.status in (200, 504)
            for _ in range(5):
                answer = connection.request()
                assert (answer.status, answer.body) == (200, worker)


@pytest.mark.parametrize(
    ("target", "function"),
    [("/stubborn", "busy_in_this_function"),
     ("/do/holding_in_this_function", "holding_in_this_function"),
     ("/do/matching_in_this_function", "matching_in_this_function")])
def test_worker_is_replaced_where_the_interruption_is_in_vain(limited, mode, target, function):
    running = limited("--threads", 2, "--timeout", "300ms", "--interrupt-timeout", "300ms")
    worker = running.worker_pids()[0]
    assert died(running, target) == (504 if mode == "daemon" else None)
    running.wait_for_log(function)
    running.wait_for_log(rf"\b{worker}\b.* was killed: .*did not end when it was interrupted")
    assert int(running.get("/").body) != worker


def test_nothing_is_raised_where_that_is_turned_off(limited, mode):
    running = limited("--threads", 2, "--timeout", "300ms", "--interrupt-timeout", 0)
    worker = running.worker_pids()[0]
    assert died(running, "/caught") == (504 if mode == "daemon" else None)
    running.wait_for_log(rf"\b{worker}\b.* was killed: .*longer than --timeout; 1 request")
    assert "RequestTimeout" not in running.log_text()


def oldest_ms(running):
    """For how long the oldest request has been running, in milliseconds."""
    handlers = [
        handler for worker in json.loads(running.get("/status?json").body)["workers"]
        for handler in worker["handlers"] if handler["state"] == "W"]
    return max((handler["since_begin_ms"] for handler in handlers), default=0)


def test_other_requests_of_a_replaced_worker_get_502(server, site):
    running = server(
        "limited", "--mode", "daemon", "--workers", 1, "--threads", 2, "--timeout", "2s",
        "--interrupt-timeout", 0, "--status-path", "/status", chdir=site(limited=APPLICATION))
    with running.connect() as stuck, running.connect() as young:
        stuck.send(request_bytes(target="/do/sleeping_in_this_function"))
        wait_until(lambda: oldest_ms(running) > 1000, what="the request to grow old")
        young.send(request_bytes(target="/do/sleeping_in_this_function"))
        assert stuck.read_response().status == 504
        assert young.read_response().status == 502


# Python's lock.


def test_worker_whose_lock_nobody_gets_is_replaced(limited):
    """Also where requests may take as long as they like."""
    running = limited(
        "--threads", 2, "--timeout", 0, "--deadlock-timeout", "500ms", "--metrics", "/metrics")
    worker = running.worker_pids()[0]
    assert died(running, "/do/holding_in_this_function") in (None, 502)
    running.wait_for_log(r"in holding_in_this_function")
    running.wait_for_log(rf"\b{worker}\b.* was killed: for \d s none of its threads could get")
    assert int(running.get("/").body) != worker
    assert re.search(
        r'^plimsoll_deaths_total{.*process="worker",cause="deadlock"} 1$',
        running.get("/metrics").text, re.M)


def test_long_request_that_shares_the_lock_is_left_alone(limited):
    running = limited(
        "--threads", 2, "--timeout", 0, "--deadlock-timeout", "3s", "--graceful-timeout", "1s",
        "--status-path", "/status")
    worker = running.worker_pids()
    with running.connect() as connection:
        connection.send(request_bytes(target="/do/busy_in_this_function"))
        wait_until(lambda: oldest_ms(running) > 4000, what="the request to grow old")
        assert running.worker_pids() == worker


        def have_waited():
            """Whoever comes beside the busy one has to wait for its turn; one in four is timed."""
            assert int(running.get("/").body) == worker[0]
            found = json.loads(running.get("/status?json").body)
            return found if found["gil_waits"] else None

        server_wide = wait_until(have_waited, what="waits for the lock")
        (waiting,) = server_wide["workers"]
        assert 0 < waiting["gil_waits"] <= server_wide["gil_waits"]
        assert 0 < waiting["gil_wait_us"] <= server_wide["gil_wait_us"]
    assert "was killed" not in running.log_text()


# What a worker may use up.

USED_UP = """
import atexit
import os
import threading
import time

PLAIN = [("Content-Type", "text/plain")]
kept = []


def ends_late():
    open(os.environ["EXITS"], "a").write("begin\\n")
    time.sleep(float(os.environ.get("EXIT_SECONDS", "0")))
    open(os.environ["EXITS"], "a").write("end\\n")


atexit.register(ends_late)


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/burn":
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
    elif path == "/grow":
        kept.append(b"x" * 400_000)
    elif path == "/sleep":
        time.sleep(1000)
    elif path == "/doze":
        while True:
            time.sleep(0.01)
    start_response("200 OK", PLAIN)
    return [str(os.getpid()).encode()]
"""


@pytest.fixture
def used_up(server, site, mode, tmp_path):
    directory = site(used_up=USED_UP)
    exits = tmp_path / "exits"

    def start(*options, **env):
        running = server(
            "used_up", "--mode", mode, "--log-level", "info", "--status-path", "/status", *options,
            chdir=directory, EXITS=exits, **env)
        running.exits = lambda: exits.read_text() if exits.exists() else ""
        return running

    return start


@pytest.mark.parametrize(
    ("target", "options", "reason"),
    [("/burn", ["--cpu-time-limit", "500ms"], r"of CPU time, more than --cpu-time-limit"),
     ("/grow", ["--memory-limit", "24M"], r"for itself, more than --memory-limit 24 MB"),
     ("/", ["--restart-interval", "1s"], r"the end of its --restart-interval")])
def test_limit_replaces_workers_and_loses_nothing(used_up, target, options, reason):
    running = used_up("--workers", 2, "--threads", 2, *options)
    with Load(
        running.address, target, keep_alive=2, fresh=2, worker_of=lambda answer: answer.body,
        pause=0.005,
    ) as load:
        wait_until(lambda: len(load.seen) >= 6 or load.failures, 60, "six workers to have served")
    assert [str(failure) for failure in load.failures] == []
    running.wait_for_log(rf"worker \d \(pid \d+\) has .*{reason}.*; it finishes and is replaced")
    assert "was killed" not in running.log_text()


def test_workers_that_started_together_do_not_go_together(used_up):
    running = used_up("--workers", 4, "--threads", 1, "--restart-interval", "10s")
    first = running.worker_pids()
    wait_until(lambda: running.worker_pids() != first, 20, "a worker to be replaced")
    assert len(set(running.worker_pids()) & set(first)) >= 2


# The end.


def test_exit_handlers_run_and_are_bounded(used_up):
    running = used_up("--workers", 1, "--shutdown-timeout", "500ms", EXIT_SECONDS=1000)
    worker = running.worker_pids()[0]
    os.kill(worker, signal.SIGTERM)
    running.wait_for_log(rf"\b{worker}\b.* was sent SIGTERM; it finishes and is replaced")
    running.wait_for_log(rf"\b{worker}\b.* was killed: its exit handlers .* \(--shutdown-timeout\)")
    assert running.exits() == "begin\n"
    assert "in ends_late" in running.log_text()


def test_exit_handlers_have_their_time(used_up):
    running = used_up("--workers", 1, EXIT_SECONDS=0.2)
    worker = running.worker_pids()[0]
    os.kill(worker, signal.SIGTERM)
    running.wait_for_log(rf"\b{worker}\b\) finished")
    assert running.exits() == "begin\nend\n"


@pytest.mark.parametrize(
    ("options", "limit"),
    [(["--eviction-timeout", "300ms"], "--eviction-timeout"),
     (["--graceful-timeout", "300ms"], "--graceful-timeout")])
def test_evicted_worker_has_its_own_limit(used_up, options, limit):
    running = used_up(
        "--workers", 1, "--threads", 2, "--timeout", 0, "--interrupt-timeout", 0, *options)
    worker = running.worker_pids()[0]
    with running.connect() as connection:
        connection.send(request_bytes(target="/doze"))
        wait_until(lambda: begun(running, "/doze"), what="the request to begin")
        os.kill(worker, signal.SIGTERM)
        running.wait_for_log(rf"\b{worker}\b.* was killed: it had not finished .*\({limit}\)")


def begun(running, path):
    """Whether a request for this path is with the application."""
    return any(
        handler["state"] in "WG" and handler["request"].startswith(f"GET {path} ")
        for worker in json.loads(running.get("/status?json").body)["workers"]
        for handler in worker["handlers"])


def test_given_up_requests_are_interrupted_and_exit_handlers_run(used_up, mode):
    running = used_up(
        "--workers", 1, "--threads", 2, "--eviction-timeout", "300ms", "--shutdown-timeout", "20s")
    worker = running.worker_pids()[0]
    with running.connect() as connection:
        connection.send(request_bytes(target="/doze"))
        wait_until(lambda: begun(running, "/doze"), what="the request to begin")
        os.kill(worker, signal.SIGTERM)
        assert connection.read_response().status == 504
        running.wait_for_log(rf"\b{worker}\b\) finished when its requests were given up")
    assert running.exits() == "begin\nend\n"
