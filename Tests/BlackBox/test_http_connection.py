"""Connections: kept alive, pipelined, slow, idle, half closed; and the shape of responses."""

import contextlib
import re
import time
from email.utils import parsedate_to_datetime

import pytest
from harness.processes import wait_until
from harness.wire import Truncated, chunked, request_bytes


@pytest.fixture
def responding(shared_server, wrapping):
    return shared_server(f"responding:{wrapping}", "--workers", 1, "--threads", 4)


@pytest.fixture
def reading(shared_server, wrapping):
    return shared_server(f"reading:{wrapping}", "--workers", 1, "--threads", 4)


# Keep-alive.


def test_kept_alive_in_1_1(responding):
    with responding.connect() as connection:
        for _ in range(5):
            response = connection.request(target="/single")
            assert response.body == b"single" and response.keeps_alive


@pytest.mark.parametrize("value", ["close", "Close", "keep-alive, close", "x, close"])
def test_close_asked_for(responding, value):
    with responding.connect() as connection:
        response = connection.request(target="/single", headers={"Connection": value})
        assert response.body == b"single" and response.says_close
        connection.expect_end()


def test_closed_in_1_0(responding):
    with responding.connect() as connection:
        response = connection.request(target="/single", version="1.0")
        assert response.body == b"single" and not response.keeps_alive
        connection.expect_end()


def test_kept_alive_in_1_0_where_asked_for(shared_server):
    """Only where the length is known, so not inside the validator."""
    responding = shared_server("responding:application", "--workers", 1, "--threads", 4)
    with responding.connect() as connection:
        for _ in range(3):
            response = connection.request(
                target="/single", version="1.0", headers={"Connection": "keep-alive"}
            )
            assert response.body == b"single" and response["Connection"].lower() == "keep-alive"


def test_keep_alive_time(server):
    """An idle connection is closed after --keep-alive, without a byte."""
    running = server("hello:application", "--workers", 1, "--keep-alive", 1)
    with running.connect() as connection:
        assert connection.request().body == b"hello"
        begun = time.monotonic()
        connection.expect_end()
        assert time.monotonic() - begun > 0.5


def test_keep_alive_off(server):
    running = server("hello:application", "--workers", 1, "--keep-alive", 0)
    with running.connect() as connection:
        assert connection.request().says_close
        connection.expect_end()


def test_requests_per_connection(server):
    """The last answer of --max-keep-alive-requests says that it is the last."""
    running = server("hello:application", "--workers", 1, "--max-keep-alive-requests", 3)
    with running.connect() as connection:
        assert [connection.request().says_close for _ in range(3)] == [False, False, True]
        connection.expect_end()


# Pipelining.


def test_pipelined_requests_are_answered_in_order(reading):
    requests, bodies = b"", []
    for number in range(40):
        body = b"%d" % number * (number % 7)
        if number % 3 == 0:
            requests += request_bytes("GET", "/nothing")
            bodies.append(b"")
        elif number % 3 == 1:
            requests += request_bytes("POST", "/blocks", body=body)
            bodies.append(body)
        else:
            fields = {"Transfer-Encoding": "chunked"}
            requests += request_bytes("POST", "/blocks", fields, chunked(*([body] if body else [])))
            bodies.append(body)
    with reading.connect() as connection:
        connection.send(requests)
        for body in bodies:
            response = connection.read_response()
            assert response.status == 200
            assert f'"bytes": {len(body)}'.encode() in response.body


@pytest.mark.parametrize("threads", [1, 4])
def test_many_pipelined_requests(server, wrapping, threads):
    """More requests than any buffer holds, sent before the first answer is read."""
    running = server(
        f"hello:{wrapping}", "--workers", 1, "--threads", threads, "--max-keep-alive-requests", 0
    )
    count = 5000
    for _ in range(5):
        with running.connect(timeout=10) as connection:
            connection.send(request_bytes() * count)
            for _ in range(count):
                assert connection.read_response().body == b"hello"


def test_pipelined_behind_a_slow_one(responding, gate):
    """An answer that is ready waits for the one before it."""
    held = gate()
    with responding.connect() as connection:
        first = request_bytes(target=f"/gate?path={held.path}")
        connection.send(first + request_bytes(target="/single"))
        held.wait_for_visitor()
        assert connection.has_nothing_to_read()
        held.open()
        assert connection.read_response().body == b"passed"
        assert connection.read_response().body == b"single"


# Responses.


def test_date_and_server_once(responding):
    response = responding.get("/single")
    assert len(response.all("Date")) == 1 and len(response.all("Server")) == 1
    date = parsedate_to_datetime(response["Date"])
    assert re.fullmatch(
        r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT",
        response["Date"],
    )
    assert abs(date.timestamp() - time.time()) < 30
    assert "plimsoll" in response["Server"].lower()


def test_own_date_and_server(responding):
    """Fields of the application replace the server's."""
    response = responding.get("/own-date")
    assert response.all("Date") == ["Thu, 01 Jan 1970 00:00:00 GMT"]
    assert response.all("Server") == ["own"]


def test_date_moves_on(responding):
    """The cached Date is not older than a second or two."""
    first = responding.get("/single")["Date"]
    wait_until(lambda: responding.get("/single")["Date"] != first, 5, "a new Date")


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_one_block_gets_its_length(shared_server, version):
    responding = shared_server("responding:application", "--workers", 1, "--threads", 4)
    response = responding.request(target="/single", version=version)
    assert response.framing == "length" and response.body == b"single"


def test_unknown_length_is_chunked(responding):
    with responding.connect() as connection:
        response = connection.request(target="/blocks")
        assert response.framing == "chunked" and response.body == b"onetwothree"
        assert connection.request(target="/single").body == b"single"


def test_unknown_length_in_1_0_ends_with_the_connection(responding):
    with responding.connect() as connection:
        fields = {"Connection": "keep-alive"}
        response = connection.request(target="/blocks", version="1.0", headers=fields)
        assert response.framing == "close" and response.body == b"onetwothree"
        assert "keep-alive" not in (response["Connection"] or "").lower()


@pytest.mark.parametrize(
    "target", ["/single", "/blocks", "/list", "/write", "/sized?size=1600", "/nothing",
               "/declared?length=6&blocks=abc,def"])
def test_head_is_get_without_body(responding, target):
    with responding.connect() as connection:
        head = connection.request("HEAD", target)
        body = connection.request("GET", target)
        assert head.status == body.status == 200
        if head["Content-Length"] is not None and body["Content-Length"] is not None:
            assert head["Content-Length"] == body["Content-Length"]
        assert head.body == b""
        assert connection.request(target="/single").body == b"single"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("body", ["", "&body=1"])
def test_no_body_with(responding, status, body):
    with responding.connect() as connection:
        response = connection.request(target=f"/status?status={status.replace(' ', '+')}{body}")
        assert response.status == int(status[:3]) and response.reason == status[4:]
        assert response["Transfer-Encoding"] is None
        assert connection.request(target="/single").body == b"single"


# 100-continue.


def expecting(target, length, expectation="100-continue", **more):
    fields = {"Expect": expectation, "Content-Length": str(length), **more}
    return request_bytes("POST", target, fields)


@pytest.mark.parametrize("length", [5, 300_000])
def test_continue_when_the_application_reads(reading, length):
    body = b"x" * length
    with reading.connect() as connection:
        connection.send(expecting("/blocks", length))
        interim = connection.read_head()
        assert interim.status == 100 and not interim.all("Content-Length")
        response = connection.send(body).read_response()
        assert response.status == 200 and f'"bytes": {length}' in response.text


def test_continue_before_a_chunked_body(reading):
    with reading.connect() as connection:
        fields = {"Expect": "100-continue", "Transfer-Encoding": "chunked"}
        connection.send(request_bytes("POST", "/blocks", fields))
        assert connection.read_head().status == 100
        for block in (b"5\r\nhe", b"llo\r\n", b"5\r\nworld\r\n0", b"\r\n\r\n"):
            connection.send(block).wait_until_consumed()
        assert '"bytes": 10' in connection.read_response().text


@pytest.mark.embedded("the front answers 100-continue")
def test_no_continue_when_the_application_does_not_read(responding):
    with responding.connect() as connection:
        response = connection.send(expecting("/single", 5)).read_response()  # refuses a 100
        assert response.status == 200 and response.body == b"single"
        if response.says_close:
            connection.expect_end()
        else:  # the body may still come, and must not be taken for a request
            connection.send(b"hello" + request_bytes(target="/list"))
            assert connection.read_response().body == b"onetwo"


def test_no_continue_in_1_0(reading):
    """A 1.0 client does not know interim responses (RFC 9110, section 10.1.1)."""
    with reading.connect() as connection:
        fields = {"Expect": "100-continue", "Content-Length": "5"}
        connection.send(request_bytes("POST", "/blocks", fields, b"hello", version="1.0"))
        assert '"bytes": 5' in connection.read_response().text


def test_continue_is_left_out_when_the_body_is_there(reading):
    """Either answer is right, and the response follows."""
    with reading.connect() as connection:
        connection.send(expecting("/blocks", 5) + b"hello")
        head = connection.read_head()
        if head.status == 100:
            head = connection.read_head()
        assert '"bytes": 5' in connection.read_body(head).text


@pytest.mark.parametrize("expectation", ["200-ok", "100-continue, x", "something=else"])
def test_other_expectations(shared_server, expectation):
    server = shared_server("counting:application", "--workers", 1)
    before = int(server.get("/count").body)
    with server.connect() as connection:
        response = connection.send(expecting("/", 5, expectation) + b"hello").read_response()
        assert response.status == 417
    assert int(server.get("/count").body) == before


# Requests in pieces.


def test_byte_by_byte(reading):
    request = request_bytes("POST", "/blocks", {"X-Field": "value"}, b"hello")
    with reading.connect() as connection:
        for byte in request:
            connection.send(bytes([byte])).wait_until_consumed()
        assert '"bytes": 5' in connection.read_response().text


@pytest.mark.parametrize("kind", ["length", "chunked"])
def test_split_at_every_position(reading, kind):
    if kind == "length":
        request = request_bytes("POST", "/blocks", {"X": "y"}, b"hello")
    else:
        body = chunked(b"he", b"llo", trailers="T: t\r\n")
        request = request_bytes("POST", "/blocks", {"Transfer-Encoding": "chunked"}, body)
    for position in range(1, len(request)):
        with reading.connect() as connection:
            connection.send(request[:position]).wait_until_consumed()
            response = connection.send(request[position:]).read_response()
            assert response.status == 200 and '"bytes": 5' in response.text, f"split at {position}"


def test_two_requests_split_at_every_position(reading):
    """On one connection, so that what is left over from one read begins the next request."""
    pair = request_bytes("POST", "/blocks", body=b"abc") + request_bytes("GET", "/nothing")
    connection = reading.connect()
    for position in range(1, len(pair)):
        connection.send(pair[:position]).wait_until_consumed()
        connection.send(pair[position:])
        assert '"bytes": 3' in connection.read_response().text
        last = connection.read_response()
        assert '"bytes": 0' in last.text
        if not last.keeps_alive or position % 40 == 0:
            connection.close()
            connection = reading.connect()
    connection.close()


# Slow clients.


TIMES = "header=1-2,MinRate=500 body=1,MinRate=500"


@pytest.fixture
def impatient(shared_server):
    return shared_server(
        "reading:application", "--workers", 1, "--threads", 1, "--request-read-timeout", TIMES
    )


@pytest.mark.parametrize("sent", [b"G", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_slow_head(impatient, sent):
    with impatient.connect() as connection:
        response = connection.send(sent).read_response()
        assert response.status == 408 and response.says_close
        connection.expect_end()


def test_trickling_head(impatient):
    """A client that keeps sending, below the minimum rate, lasts no longer than the maximum."""
    begun = time.monotonic()
    with impatient.connect() as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        connection.socket.settimeout(0.1)
        while time.monotonic() - begun < 15:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.send(b"X: y\r\n")
            with contextlib.suppress(TimeoutError):
                if not connection._more():
                    break
            if connection.received:
                break
        connection.socket.settimeout(15)
        assert connection.read_response().status == 408
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("kind", ["length", "chunked"])
def test_slow_body(impatient, kind):
    fields = {"Content-Length": "100"} if kind == "length" else {"Transfer-Encoding": "chunked"}
    start = b"abc" if kind == "length" else b"5\r\nab"
    with impatient.connect() as connection:
        response = connection.send(request_bytes("POST", "/all", fields) + start).read_response()
        assert response.status == 408 and response.says_close
        connection.expect_end()


def test_connection_without_a_request(impatient):
    """Nothing sent at all: closed in time, with a 408 or without a byte."""
    with impatient.connect() as connection:
        if connection._more():
            assert connection.read_response().status == 408
        connection.expect_end()


def test_slow_clients_hold_no_thread(impatient):
    """One thread, many clients in the middle of their head or body; others are answered at once."""
    with contextlib.ExitStack() as stack:
        for number in range(40):
            connection = stack.enter_context(impatient.connect())
            if number % 2:
                connection.send(b"GET / HTTP/1.1\r\nHost: lo")
            else:
                connection.send(request_bytes("POST", "/all", {"Content-Length": "100"}) + b"abc")
            connection.wait_until_consumed()
        for _ in range(5):
            assert impatient.get("/nothing").status == 200


def test_client_that_does_not_read(server):
    """One thread; its response is larger than any socket buffer; others are served meanwhile."""
    running = server("responding:application", "--workers", 1, "--threads", 1)
    with running.connect(receive_buffer=4096) as stalled:
        stalled.send(request_bytes(target="/sized?size=20000000"))
        head = stalled.read_head()
        for _ in range(3):
            assert running.get("/single").body == b"single"
        stalled.socket.settimeout(60)
        assert stalled.read_body(head).body == b"0123456789abcdef" * (20_000_000 // 16)


def test_write_time(server):
    """A client that stops reading is let go after --write-timeout."""
    running = server("responding:application", "--workers", 1, "--threads", 2, "--write-timeout", 1)
    worker = running.worker_pids()[0]
    with running.connect(receive_buffer=4096) as stalled:
        stalled.send(request_bytes(target="/sized?size=20000000"))
        head = stalled.read_head()
        port = stalled.socket.getsockname()[1]
        wait_until(lambda: not established(running.port, port), 15, "the server to give up")
        with pytest.raises(Truncated):
            stalled.read_body(head)
    assert running.worker_pids() == [worker]


def established(server_port, client_port):
    """Whether the kernel still has the server's end of a connection in state ESTABLISHED."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in file:
            parts = line.split()
            local, remote = parts[1], parts[2]
            if local.endswith(f":{server_port:04X}") and remote.endswith(f":{client_port:04X}"):
                return parts[3] == "01"
    return False


# Clients that leave.


@pytest.mark.parametrize("target", ["/single", "/blocks", "/sized?size=3000000"])
def test_half_closed_client_gets_its_answer(responding, target):
    with responding.connect() as connection:
        connection.send(request_bytes(target=target)).half_close()
        assert connection.read_response().status == 200
        connection.expect_end()


def test_half_closed_while_the_application_works(responding, gate):
    held = gate()
    with responding.connect() as connection:
        connection.send(request_bytes(target=f"/gate?path={held.path}")).half_close()
        held.open()
        assert connection.read_response().body == b"passed"


@pytest.mark.parametrize("sent", [b"", b"GET", request_bytes("POST", "/", {"Content-Length": "9"})])
@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
def test_client_leaves_early(shared_server, sent, how):
    """The application does not run for an unfinished request, and nothing else suffers."""
    server = shared_server("counting:application", "--workers", 1)
    before = int(server.get("/count").body)
    for _ in range(10):
        with server.connect() as connection:
            connection.send(sent).wait_until_consumed()
            getattr(connection, how)()
            if how == "half_close":
                while connection._more():
                    pass
    assert int(server.get("/count").body) == before


def test_refused_body_is_still_read_to_the_answer(server):
    """A client in the middle of a large upload sees the 413, not a reset (lingering close)."""
    running = server("reading:application", "--workers", 1, "--limit-request-body", 1000)
    for _ in range(5):
        with running.connect() as connection:
            connection.send(request_bytes("POST", "/all", {"Content-Length": "3000000"}))
            connection.send_as_far_as_possible(b"x" * 300_000)
            assert connection.read_response().status == 413


def test_many_connections_at_once(responding):
    """More connections than threads by far, all of them served in turn."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(responding.connect()) for _ in range(300)]
        for _ in range(2):
            for connection in connections:
                connection.send(request_bytes(target="/single"))
            for connection in connections:
                assert connection.read_response().body == b"single"


def test_no_delay_between_head_and_body(responding):
    """Streamed answers do not wait for the client's delayed acknowledgements (40 ms each).

    The best of several rounds, so that a busy machine does not matter.
    """
    rounds = []
    with responding.connect() as connection:
        for _ in range(5):
            begun = time.monotonic()
            for _ in range(10):
                assert connection.request(target="/blocks").body == b"onetwothree"
            rounds.append(time.monotonic() - begun)
    assert min(rounds) < 10 * 0.035
