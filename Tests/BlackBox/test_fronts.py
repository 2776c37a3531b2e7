"""Daemon mode: fronts have the connections, workers the requests, and each may die or be slow."""

import contextlib
import hashlib
import os
import select
import signal

import pytest
from harness.load import Load
from harness.processes import wait_until
from harness.versions import numbered, restart
from harness.wire import Truncated, chunked, request_bytes

pytestmark = pytest.mark.embedded("these say themselves that they are in daemon mode")

APPLICATION = """
import hashlib
import os
import threading

PLAIN = [("Content-Type", "text/plain")]
MIB = 1 << 20
closed = 0
lock = threading.Lock()


def pass_gate(environ):
    with open(environ["HTTP_X_GATE"], "rb") as gate:
        gate.read()


class Halves:
    def __init__(self, environ):
        self.blocks = self.make(environ)

    def make(self, environ):
        yield b"first half"
        pass_gate(environ)
        yield b"second one"

    def __iter__(self):
        return self.blocks

    def close(self):
        global closed
        with lock:
            closed += 1


class Endless(Halves):
    def make(self, environ):
        while True:
            yield b"x" * 65536


def application(environ, start_response):
    path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
    if path == "/halves":
        length = [("Content-Length", "20")] if query == "length" else []
        start_response("200 OK", PLAIN + length)
        return Halves(environ)
    if path == "/endless":
        start_response("200 OK", PLAIN)
        return Endless(environ)
    if path == "/block":
        body = b"b" * (int(query) * MIB)
    elif path == "/generated":
        start_response("200 OK", PLAIN)
        return (b"g" * 65536 for _ in range(int(query) * 16))
    elif path == "/gate":
        pass_gate(environ)
        body = b"passed"
    elif path == "/digest":
        data = environ["wsgi.input"].read()
        body = f"{len(data)} {hashlib.sha256(data).hexdigest()}".encode()
    elif path == "/closed":
        body = str(closed).encode()
    else:
        body = str(os.getpid()).encode()
    start_response("200 OK", PLAIN + [("Content-Length", str(len(body)))])
    return [body]
"""

DAEMON = ("--mode", "daemon")


@pytest.fixture
def fronted(server, site):
    """A server in daemon mode with the application above: `fronted(*options)`."""
    directory = site(fronted_app=APPLICATION)
    return lambda *options, **more: server(
        "fronted_app", *DAEMON, *options, chdir=directory, **more)


def at_gate(target, gate):
    return request_bytes(target=target, headers=[("X-Gate", gate.path)])


def answer_of(running, deadline=20.0):
    """The worker that answers next, however long its start takes."""
    return int(running.request(timeout=deadline).body)


# Workers that die.


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a_response_whose_worker_was_killed_is_seen_as_truncated(fronted, gate, framing):
    held = gate()
    running = fronted("--workers", 1)
    worker = running.worker_pids()[0]
    with running.connect() as connection:
        connection.send(at_gate(f"/halves?{framing}", held))
        head = connection.read_head()
        assert head["Content-Length"] == ("20" if framing == "length" else None)
        held.wait_for_visitor()
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(Truncated):
            connection.read_body(head)
    assert answer_of(running) != worker


# Requests that are short earn their worker the right to have some more of them ahead.
QUICK = [0, 40]


def be_quick(running, times):
    """Sends short requests, one after the other."""
    if times:
        with running.connect() as connection:
            for _ in range(times):
                connection.request()


@pytest.mark.parametrize("quick", QUICK)
def test_what_waits_in_the_front_is_answered_when_a_worker_dies(fronted, gate, quick):
    """The request in hand gets 502, because it may have had its effects; those behind it wait."""
    held = gate()
    running = fronted("--workers", 1, "--threads", 1)
    worker = running.worker_pids()[0]
    be_quick(running, quick)
    with contextlib.ExitStack() as stack:
        begun = stack.enter_context(running.connect())
        begun.send(at_gate("/gate", held))
        held.wait_for_visitor()
        waiting = [stack.enter_context(running.connect(timeout=30)) for _ in range(5)]
        for one in waiting:
            one.send(request_bytes(target="/")).wait_until_consumed()
        os.kill(worker, signal.SIGKILL)
        assert begun.read_response().status == 502
        for one in waiting:
            response = one.read_response()
            assert response.status == 200 and int(response.body) != worker
        # The connection outlives the worker.
        assert int(begun.request().body) != worker
    running.wait_for_log(
        rf"\[[0-9a-f]{{16}}\] GET /gate: .*\b{worker}\b.*before it answered.*502")


@pytest.mark.parametrize("size", [0, 100, 200_000])
def test_what_a_dead_worker_had_not_begun_is_answered_by_another(fronted, size):
    """A worker that is stopped gets the request and does not read it."""
    running = fronted("--workers", 1, "--threads", 2)
    worker = running.worker_pids()[0]
    answer_of(running)
    body = os.urandom(size)
    os.kill(worker, signal.SIGSTOP)
    with running.connect(timeout=30) as connection:
        connection.send(request_bytes("POST" if size else "GET", "/digest", body=body))
        connection.wait_until_consumed()
        os.kill(worker, signal.SIGKILL)
        response = connection.read_response()
        assert response.status == 200
        assert response.text.split()[0] == str(size)
    assert " 502" not in running.log_text()


def test_what_a_stuck_worker_does_not_begin_is_answered_by_another(fronted):
    """One request may stay with the worker: it has a thread for it, as far as the front knows."""
    running = fronted("--workers", 2, "--threads", 1)
    wait_until(lambda: len(running.worker_pids()) == 2, 15, "two workers")
    be_quick(running, 40)
    stuck = answer_of(running)
    os.kill(stuck, signal.SIGSTOP)
    try:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(running.connect(timeout=30)) for _ in range(12)]
            for client in clients:
                client.send(request_bytes())
            # Those of the other worker come first, whichever they are.
            answered = set()
            while len(answered) < 11:
                waiting = {one.socket: one for one in clients if one not in answered}
                ready, _, _ = select.select(list(waiting), [], [], 30)
                assert ready, f"{len(answered)} of 12 were answered"
                for each in ready:
                    assert int(waiting[each].read_response().body) != stuck
                    answered.add(waiting[each])
            os.kill(stuck, signal.SIGCONT)
            for one in set(clients) - answered:
                assert one.read_response().status == 200
    finally:
        os.kill(stuck, signal.SIGCONT)


# Fronts that die.


def test_a_killed_front_comes_back_and_the_workers_stay(fronted, gate):
    held = gate()
    running = fronted("--workers", 2, "--threads", 2)
    workers, (front,) = running.worker_pids(), running.titled("front")
    with running.connect() as connection:
        connection.send(at_gate("/gate", held))
        held.wait_for_visitor()
        os.kill(front, signal.SIGKILL)
        with pytest.raises(Truncated):
            connection.read_response()
    running.wait_for_log(rf"front 0.*\b{front}\b.*SIGKILL|front 0.*SIGKILL.*\b{front}\b")
    (new,) = wait_until(
        lambda: [pid for pid in running.titled("front") if pid != front], what="another front")
    assert answer_of(running) in workers
    held.open()
    with Load(running.address, keep_alive=3, fresh=1) as load:
        load.wait_for_answers(50)
    assert load.failures == []
    assert running.worker_pids() == workers
    assert running.titled("front") == [new]


# Clients that are slow.


@pytest.mark.parametrize("kind", ["/block?4", "/generated?4", "heads", "uploads", "idle"])
def test_slow_clients_hold_no_thread(fronted, kind):
    running = fronted("--workers", 1, "--threads", 2)
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(50):
            small = {"receive_buffer": 4096} if kind.startswith("/") else {}
            held.append(stack.enter_context(running.connect(timeout=30, **small)))
            if kind.startswith("/"):
                held[-1].send(request_bytes(target=kind))
            elif kind == "heads":
                held[-1].send(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ").wait_until_consumed()
            elif kind == "uploads":
                whole = request_bytes("POST", "/digest", body=b"x" * 100_000)
                held[-1].send(whole[:-1]).wait_until_consumed()
            else:
                assert held[-1].request().status == 200
        for one in held if kind.startswith("/") else ():
            assert one.read_head().status == 200
        for _ in range(10):
            assert running.get("/").status == 200
        # They get what they asked for when they go on.
        for one in held[::10]:
            if kind == "heads":
                assert one.send(b"done\r\n\r\n").read_response().status == 200
            elif kind == "uploads":
                assert one.send(b"x").read_response().text.startswith("100000 ")
            elif kind == "idle":
                assert one.request().status == 200


@pytest.mark.parametrize("target", ["/block?4", "/generated?4"])
def test_a_slow_reader_gets_every_byte(fronted, target):
    """Through the file that the front keeps the rest in, with another request behind it."""
    running = fronted("--workers", 1, "--threads", 1)
    byte = b"b" if target.startswith("/block") else b"g"
    with running.connect(timeout=30, receive_buffer=4096) as slow:
        slow.send(request_bytes(target=target) + request_bytes(target="/digest"))
        assert slow.received == b""
        # The thread is free before the client has read anything.
        assert running.get("/").status == 200
        response = slow.read_response()
        assert response.body == byte * (4 << 20)
        assert slow.read_response().text.startswith("0 ")


def test_a_client_that_leaves_during_a_stream(fronted):
    """The application's close() is called, and the thread serves others."""
    running = fronted("--workers", 1, "--threads", 1)
    for count in range(1, 4):
        with running.connect(receive_buffer=4096) as connection:
            connection.send(request_bytes(target="/endless"))
            connection.read_head()
            connection.reset()
        wait_until(lambda: running.get("/closed").text == str(count), 20, "close()")
    assert len(running.worker_pids()) == 1
    assert " [error] " not in running.log_text()


# Bodies.


BODY_SIZES = [0, 1, 32_767, 32_768, 32_769, 131_072, 131_073, 1 << 20]


@pytest.mark.parametrize("size", BODY_SIZES)
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_bodies_arrive_whole(shared_fronted, size, coding):
    body = os.urandom(size)
    expected = f"{size} {hashlib.sha256(body).hexdigest()}"
    if coding == "chunked":
        blocks = [body[i : i + 10_000] for i in range(0, size, 10_000)]
        sent = request_bytes(
            "POST", "/digest", [("Transfer-Encoding", "chunked")], chunked(*blocks))
    else:
        sent = request_bytes("POST", "/digest", [("Content-Length", str(size))], body)
    with shared_fronted.connect() as connection:
        # Twice on one connection, and at once.
        connection.send(sent + sent)
        assert connection.read_response().text == expected
        assert connection.read_response().text == expected


@pytest.fixture
def shared_fronted(shared_server, tmp_path_factory):
    directory = tmp_path_factory.getbasetemp() / "fronted-shared"
    directory.mkdir(exist_ok=True)
    (directory / "fronted_app.py").write_text(APPLICATION)
    return shared_server("fronted_app", *DAEMON, "--workers", 1, chdir=directory)


# Connections.


def test_a_connection_outlives_restarts_of_the_workers(fronted):
    running = fronted("--workers", 2, "--threads", 2)
    with running.connect(timeout=30) as connection:
        seen = {connection.request().body}
        for _ in range(3):
            before = running.worker_pids()
            running.signal(signal.SIGUSR1)
            running.wait_for_notification("RELOADING=1")
            running.wait_for_notification("READY=1", 30)
            running.wait_for_workers(2, without=before)
            # Pipelined: the answers come in the order of the requests.
            digest = request_bytes("POST", "/digest", body=b"abc")
            connection.send(request_bytes() + digest + request_bytes())
            first, second, third = (connection.read_response() for _ in range(3))
            assert second.text.startswith("3 ")
            assert {int(first.body), int(third.body)} <= set(running.worker_pids())
            assert all(one.keeps_alive for one in (first, second, third))
            seen.add(first.body)
    assert len(seen) == 4


@pytest.mark.parametrize("quick", QUICK)
def test_what_waits_too_long_in_the_front_is_turned_away(fronted, gate, quick):
    held = gate()
    running = fronted("--workers", 1, "--threads", 1, "--queue-timeout", 0.4)
    be_quick(running, quick)
    with contextlib.ExitStack() as stack:
        busy = stack.enter_context(running.connect())
        busy.send(at_gate("/gate", held))
        held.wait_for_visitor()
        waiting = [stack.enter_context(running.connect()) for _ in range(3)]
        for one in waiting:
            one.send(request_bytes())
        for one in waiting:
            response = one.read_response()
            assert response.status == 503 and int(response["Retry-After"]) >= 1
            assert response.says_close
            one.expect_end()
        held.open()
        assert busy.read_response().body == b"passed"
    assert running.get("/").status == 200


# Under load.


def test_restarts_under_load_lose_nothing(server, site):
    directory = site(numbered=numbered(0))
    running = server("numbered", *DAEMON, "--workers", 2, "--threads", 2, chdir=directory)
    with Load(running.address, keep_alive=3, fresh=2) as load:
        load.wait_for_answers(100)
        for version in range(1, 6):
            restart(running, directory, version)
            load.wait_for_answers(20)
            assert load.failures == [], f"restart {version}: {load.failures[0]}"
    assert load.failures == []
    assert {body.split()[0] for body in load.seen} == {b"%d" % one for one in range(6)}


def test_max_requests_under_load_loses_nothing(fronted):
    running = fronted(
        "--workers", 2, "--threads", 2, "--max-requests", 60, "--max-requests-jitter", 20)
    with Load(running.address, keep_alive=3, fresh=2) as load:
        wait_until(lambda: len(load.seen) >= 8 or load.failures, 40, "eight workers to have served")
    assert load.failures == []


def test_reforking_under_load_loses_nothing(server, site):
    directory = site(fronted_app=APPLICATION)
    running = server(
        "fronted_app", *DAEMON, "--workers", 2, "--threads", 2, "--refork-after", 50,
        chdir=directory)
    mold = running.titled("mold")
    with Load(running.address, keep_alive=3, fresh=2) as load:
        wait_until(
            lambda: load.failures
            or (running.titled("mold") and not set(running.titled("mold")) & set(mold)),
            60, "another mold")
        load.wait_for_answers(100)
    assert load.failures == []


def test_two_fronts(fronted):
    running = fronted("--workers", 2, "--threads", 2, "--fronts", 2)
    fronts = wait_until(
        lambda: len(running.titled("front")) == 2 and running.titled("front"), what="two fronts")
    with Load(running.address, keep_alive=4, fresh=3) as load:
        load.wait_for_answers(200)
        os.kill(fronts[0], signal.SIGKILL)
        wait_until(
            lambda: len(set(running.titled("front")) - {fronts[0]}) == 2, what="two fronts again")
        load.wait_for_answers(200)
        # Only who had a connection with the one that was killed has lost an answer.
        assert len(load.failures) <= 7, [str(one) for one in load.failures]
        before = len(load.failures)
        running.signal(signal.SIGUSR1)
        running.wait_for_notification("RELOADING=1")
        running.wait_for_notification("READY=1", 30)
        load.wait_for_answers(200)
        assert len(load.failures) == before, [str(one) for one in load.failures]


# Ends.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGWINCH])
def test_what_is_in_hand_is_finished_before_the_server_stops(fronted, gate, number):
    held = gate()
    running = fronted("--workers", 1, "--threads", 2)
    with running.connect() as connection, running.connect() as streaming:
        streams = gate()
        connection.send(at_gate("/gate", held))
        held.wait_for_visitor()
        streaming.send(at_gate("/halves?chunked", streams))
        head = streaming.read_head()
        streams.wait_for_visitor()
        running.signal(number)
        running.wait_for_notification("STOPPING=1")
        held.open()
        response = connection.read_response()
        assert response.status == 200 and response.body == b"passed"
        streams.open()
        assert streaming.read_body(head).body == b"first halfsecond one"
    assert running.wait() == 0
    running.expect_nothing_left()
