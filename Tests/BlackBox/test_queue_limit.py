"""Requests that wait too long for a handler leave with 503 and Retry-After (`--queue-timeout`)."""

import contextlib
import json
import os
import select
import signal
import time

import pytest
from harness.processes import is_in_backlog, wait_until
from harness.serving import DAEMON
from harness.wire import Connection, request_bytes

PID = "/pid"
LIMIT = 0.4


def begin(running, stack, target=PID, **more):
    """A new connection with a whole request."""
    connection = stack.enter_context(running.connect())
    connection.send(request_bytes(target=target, **more))
    return connection


def occupy(running, stack, gates):
    """Requests that keep a handler each, until their gates open."""
    visits = []
    for one in gates:
        visits.append(begin(running, stack, f"/gate?path={one.path}"))
        one.wait_for_visitor()
    return visits


def expect_turned_away(connection):
    response = connection.read_response()
    assert response.status == 503, response
    # At least what it waited; a machine that is slow makes it more.
    assert int(response["Retry-After"]) >= 1
    assert response.says_close
    connection.expect_end().close()


def let_pass(gates, visits):
    for one, visit in zip(gates, visits):
        one.open()
        assert visit.read_response().body == b"passed"
        visit.close()


def status(running):
    return json.loads(running.get("/server-status?json").body)


def outwait(connection, seconds=LIMIT):
    """Nothing comes for longer than the limit: time passes, which is what is tested."""
    assert connection.has_nothing_to_read(seconds + 0.2)


def test_a_stuck_event_worker_turns_away_what_waits_inside(server, gate):
    gates = [gate(), gate()]
    running = server(
        "responding:application", "--workers", 1, "--threads", 2, "--queue-timeout", LIMIT,
        "--status-path", "/server-status")
    with contextlib.ExitStack() as stack:
        visits = occupy(running, stack, gates)
        waiting = [begin(running, stack) for _ in range(5)]
        waiting.append(begin(running, stack, "/status", method="POST", body=b"x" * 200_000))
        for one in waiting:
            expect_turned_away(one)
        # The status waits for no handler.
        assert status(running)["shed"] == 6
        assert status(running)["workers"][0]["shed"] == (0 if DAEMON else 6)
        assert running.log_text().count(" with 503") <= 2
        running.wait_for_log(r"answered \d+ requests? with 503.*--queue-timeout \(0\.4 s\)")
        let_pass(gates, visits)
        assert running.get(PID).status == 200


def test_stuck_event_workers_turn_away_what_waits_in_the_kernel(server, gate):
    gates = [gate(), gate()]
    running = server(
        "responding:application", "--workers", 2, "--threads", 1, "--queue-timeout", LIMIT)
    with contextlib.ExitStack() as stack:
        visits = occupy(running, stack, gates)
        waiting = [begin(running, stack) for _ in range(20)]
        for one in waiting:
            expect_turned_away(one)
        let_pass(gates, visits)
        assert running.get(PID).status == 200


@pytest.mark.embedded("workers accept nothing")
def test_a_stuck_event_worker_hoards_no_connection(server, gate):
    """It takes one for each worker, to see how old they are; the others stay for who is free."""
    gates = [gate(), gate()]
    running = server(
        "responding:application", "--workers", 2, "--threads", 1, "--queue-timeout", 8)
    with contextlib.ExitStack() as stack:
        visits = occupy(running, stack, gates)
        waiting = [begin(running, stack) for _ in range(12)]
        ports = [one.socket.getsockname()[1] for one in waiting]
        # A quarter of the limit after they got stuck, each takes one.
        wait_until(
            lambda: sum(not is_in_backlog(running.port, port) for port in ports) == 2,
            what="a connection taken by each worker")
        gates[0].open()
        assert visits[0].read_response().status == 200
        visits[0].close()
        # The one that is free again answers all but the one that the other has taken.
        sockets = [one.socket for one in waiting]
        wait_until(
            lambda: len(select.select(sockets, [], [], 0)[0]) >= 11, what="eleven answers")
        let_pass(gates[1:], visits[1:])
        assert [one.read_response().status for one in waiting] == [200] * 12


@pytest.mark.embedded("--mpm has no meaning there")
@pytest.mark.parametrize(("mpm", "threads"), [("prefork", 1), ("worker", 1), ("worker", 2)])
def test_what_is_too_old_when_it_is_accepted(server, gate, site, mpm, threads):
    """It is answered without the application; files and the status are served all the same."""
    directory = site()
    (directory / "file.txt").write_text("a file")
    gates = [gate() for _ in range(threads)]
    running = server(
        "responding:application", "--workers", 1, "--mpm", mpm, "--threads", threads,
        "--queue-timeout", LIMIT, "--static", f"/files={directory}", "--status-path",
        "/server-status")
    with contextlib.ExitStack() as stack:
        visits = occupy(running, stack, gates)
        file = begin(running, stack, "/files/file.txt")
        late = [begin(running, stack) for _ in range(6)]
        shown = begin(running, stack, "/server-status?json")
        outwait(shown)
        let_pass(gates, visits)
        response = file.read_response()
        assert response.status == 200 and response.body == b"a file"
        file.close()
        for one in late:
            expect_turned_away(one)
        response = shown.read_response()
        assert response.status == 200 and json.loads(response.body)["shed"] == 6
        shown.close()
        assert running.get(PID).status == 200


@pytest.mark.parametrize("options", [
    ["--queue-timeout", 0, "--workers", 1],
    ["--queue-timeout", LIMIT, "--policy", "apache", "--start-servers", 1, "--max-request-workers",
     1],
])
def test_no_limit(server, gate, options):
    gates = [gate()]
    running = server("responding:application", "--mpm", "prefork", *options)
    with contextlib.ExitStack() as stack:
        visits = occupy(running, stack, gates)
        late = begin(running, stack)
        outwait(late)
        visits[0].close()
        gates[0].open()
        assert late.read_response().status == 200


def test_unix_sockets_count_from_when_they_are_read(server, gate):
    gates = [gate()]
    running = server(
        "responding:application", "--workers", 1, "--threads", 1, "--queue-timeout", LIMIT,
        bind="unix")
    with contextlib.ExitStack() as stack:
        visits = occupy(running, stack, gates)
        waiting = [stack.enter_context(Connection(running.path)) for _ in range(5)]
        for one in waiting:
            one.send(request_bytes(target=PID))
        for one in waiting:
            expect_turned_away(one)
        let_pass(gates, visits)


def test_retry_after_is_what_it_waited(server, gate):
    gates = [gate()]
    running = server(
        "responding:application", "--workers", 1, "--threads", 1, "--queue-timeout", 1.2)
    with contextlib.ExitStack() as stack:
        visits = occupy(running, stack, gates)
        began = time.monotonic()
        response = begin(running, stack).read_response()
        waited = time.monotonic() - began
        assert response.status == 503
        assert 2 <= int(response["Retry-After"]) <= waited + 1
        let_pass(gates, visits)


# How many may wait (`--queue-limit`).


def waiting_requests(running):
    return status(running)["connections"]["waiting"]


def test_one_more_than_may_wait_is_turned_away_at_once(server, gate):
    gates = [gate()]
    running = server(
        "responding:application", "--workers", 1, "--threads", 1, "--queue-limit", 3,
        "--status-path", "/server-status")
    with contextlib.ExitStack() as stack:
        visits = occupy(running, stack, gates)
        waiting = [begin(running, stack) for _ in range(3)]
        wait_until(lambda: waiting_requests(running) == 3, what="three requests that wait")
        for body in (b"", b"x" * 200_000):
            expect_turned_away(begin(running, stack, method="POST", body=body))
        found = status(running)
        assert found["shed"] == 2 and found["connections"]["waiting"] == 3
        assert found["shed_reasons"] == {"waited_too_long": 0, "queue_full": 2, "no_worker": 0}
        running.wait_for_log(
            r"answered \d requests? with 503.*3 others were waiting \(--queue-limit")
        let_pass(gates, visits)
        assert [one.read_response().status for one in waiting] == [200] * 3
        # There is room again.
        assert running.get(PID).status == 200


@pytest.mark.embedded("it says itself that it is in daemon mode")
def test_clients_that_have_left_take_no_place_in_a_full_queue(server, gate):
    gates = [gate()]
    running = server(
        "responding:application", "--mode", "daemon", "--workers", 1, "--threads", 1,
        "--queue-limit", 2, "--status-path", "/server-status")
    with contextlib.ExitStack() as stack:
        visits = occupy(running, stack, gates)
        for _ in range(2):
            begin(running, stack).wait_until_consumed().reset()
        wait_until(lambda: waiting_requests(running) == 2, what="two requests that wait")
        late = [begin(running, stack).wait_until_consumed() for _ in range(2)]
        expect_turned_away(begin(running, stack))
        let_pass(gates, visits)
        assert [one.read_response().status for one in late] == [200] * 2
    assert status(running)["shed_reasons"]["queue_full"] == 1


# Where there is no worker (`--connect-timeout`).

FRAGILE = """
import os
import plimsoll


@plimsoll.after_fork
def perish():
    if os.path.exists(os.environ["PERISH"]):
        os._exit(3)


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


@pytest.mark.embedded("it says itself that it is in daemon mode")
@pytest.mark.parametrize(
    ("limits", "reason"),
    [(["--connect-timeout", 0.5, "--queue-timeout", 30], "no_worker"),
     (["--connect-timeout", 0.5, "--queue-timeout", 0], "no_worker"),
     (["--connect-timeout", 30, "--queue-timeout", 0.5], "waited_too_long"),
     (["--connect-timeout", 0, "--queue-timeout", 0.5], "waited_too_long")])
def test_where_there_is_no_worker(server, site, tmp_path, limits, reason):
    """Workers that die at once: requests leave in time, and are answered again after that."""
    perish = tmp_path / "perish"
    running = server(
        "fragile", "--mode", "daemon", "--workers", 1, *limits, "--status-path", "/server-status",
        chdir=site(fragile=FRAGILE), PERISH=perish)
    worker = int(running.get("/").body)
    perish.touch()
    os.kill(worker, signal.SIGKILL)
    running.wait_for_log(rf"pid {worker}\) was killed")
    with contextlib.ExitStack() as stack:
        for one in [begin(running, stack) for _ in range(3)]:
            expect_turned_away(one)
    found = status(running)["shed_reasons"]
    assert found.pop(reason) == 3 and set(found.values()) == {0}
    if reason == "no_worker":
        running.wait_for_log(r"with 503.*no worker for --connect-timeout \(0\.5 s\)")
    perish.unlink()
    wait_until(lambda: running.get("/").status == 200, 20, "a worker that lives")


@pytest.mark.embedded("it says itself that it is in daemon mode")
def test_a_request_waits_for_a_worker_that_comes(server, site, tmp_path):
    perish = tmp_path / "perish"
    running = server(
        "fragile", "--mode", "daemon", "--workers", 1, chdir=site(fragile=FRAGILE), PERISH=perish)
    worker = int(running.get("/").body)
    perish.touch()
    os.kill(worker, signal.SIGKILL)
    running.wait_for_log("exited with code 3")
    with running.connect(timeout=30) as connection:
        connection.send(request_bytes()).wait_until_consumed()
        perish.unlink()
        assert connection.read_response().status == 200
