"""PEP 3333: wsgi.input, in all its ways of reading, with all sizes of body."""

import hashlib
import json
import os
import time

import pytest
from harness.processes import wait_until
from harness.serving import DAEMON
from harness.wire import chunked, request_bytes

LINES = b"first\nsecond line\n\nfourth, without end"


@pytest.fixture
def reading(shared_server, wrapping):
    return shared_server(f"reading:{wrapping}", "--workers", 1, "--threads", 4)


@pytest.fixture
def plain(shared_server):
    """For calls that wsgiref.validate forbids, though everybody makes them."""
    return shared_server("reading:application", "--workers", 1, "--threads", 4)


def post(server, how, body, coding="length"):
    if coding == "length":
        response = server.request("POST", how, body=body)
    else:
        step = max(1, len(body) // 7)
        blocks = [body[i : i + step] for i in range(0, len(body), step)]
        fields = {"Transfer-Encoding": "chunked"}
        response = server.request("POST", how, fields, chunked(*blocks))
    assert response.status == 200, response.body
    return json.loads(response.body)


WAYS = {
    "/minus-one": [LINES],
    "/blocks?size=7": [LINES[i : i + 7] for i in range(0, len(LINES), 7)],
    "/blocks?size=1000": [LINES],
    "/bounded-lines?size=100": LINES.splitlines(keepends=True),
    "/bounded-lines?size=4": [b"firs", b"t\n", b"seco", b"nd l", b"ine\n", b"\n", b"four", b"th, ",
                              b"with", b"out ", b"end"],
    "/readlines": LINES.splitlines(keepends=True),
    "/iterate": LINES.splitlines(keepends=True),
    "/zero?size=100": [b"", LINES],
    "/after-end?size=100": [LINES, b"", b"", b""],
    "/nothing": [],
}
WAYS_NOT_IN_PEP = {"/all": [LINES], "/lines": LINES.splitlines(keepends=True)}


@pytest.mark.parametrize("coding", ["length", "chunked"])
@pytest.mark.parametrize("how", WAYS)
def test_ways_of_reading(reading, how, coding):
    pieces = post(reading, how, LINES, coding)["pieces"]
    assert [piece.encode("latin-1") for piece in pieces] == WAYS[how]


@pytest.mark.parametrize("coding", ["length", "chunked"])
@pytest.mark.parametrize("how", WAYS_NOT_IN_PEP)
def test_ways_that_everybody_uses(plain, how, coding):
    pieces = post(plain, how, LINES, coding)["pieces"]
    assert [piece.encode("latin-1") for piece in pieces] == WAYS_NOT_IN_PEP[how]


def test_hint_of_readlines(reading):
    """At least `hint` bytes in whole lines, or everything; the hint may be ignored (PEP 3333)."""
    pieces = post(reading, "/readlines-hint?size=8", LINES)["pieces"]
    assert pieces in (["first\n", "second line\n"], LINES.decode().splitlines(keepends=True))


@pytest.mark.parametrize("how", ["/minus-one", "/blocks?size=9", "/iterate", "/readlines",
                                 "/bounded-lines?size=9"])
def test_without_a_body(reading, how):
    """End of file at once, without waiting for the client."""
    answer = json.loads(reading.request("GET", how).body)
    assert answer["bytes"] == 0


@pytest.mark.parametrize("coding", ["length", "chunked"])
@pytest.mark.parametrize("size", [1, 4095, 4096, 8192, 65_536, 131_071, 131_072, 131_073, 300_001])
def test_sizes(reading, size, coding):
    """Around the sizes of buffers, and around the bound between memory and file."""
    body = os.urandom(size)
    answer = post(reading, "/blocks?size=8192", body, coding)
    assert answer["bytes"] == size and answer["sha256"] == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_ten_megabytes(server, wrapping, coding, tmp_path):
    """Through a temporary file that has no name, and is gone afterwards."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    running = server(
        f"reading:{wrapping}", "--workers", 1, "--threads", 1, "--temp-dir", directory
    )
    body = os.urandom(10_000_000)
    with running.connect(timeout=60) as connection:
        fields = {"Transfer-Encoding": "chunked"} if coding == "chunked" else {}
        coded = body
        if coding == "chunked":
            coded = chunked(*[body[i : i + 99_999] for i in range(0, len(body), 99_999)])
        for _ in range(2):
            response = connection.request("POST", "/blocks?size=65536", fields, coded)
            answer = json.loads(response.body)
            assert answer["sha256"] == hashlib.sha256(body).hexdigest()
        links = json.loads(connection.request("GET", "/descriptors").body)["links"]
    assert list(directory.iterdir()) == []
    assert not [link for link in links if "deleted" in link and str(directory) in link]


def test_temporary_file_is_really_used(server, gate, tmp_path):
    """A large body that the client has not finished lies in the directory, not in memory."""
    directory = tmp_path / "temporary"
    directory.mkdir()
    running = server(
        "reading:application", "--workers", 1, "--threads", 1, "--temp-dir", directory
    )
    pid = running.titled("front" if DAEMON else "worker")[0]

    def links():
        found = []
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
            except OSError:
                continue
        return [link for link in found if str(directory) in link]

    with running.connect() as connection:
        connection.send(request_bytes("POST", "/blocks", {"Content-Length": "1000000"}))
        connection.send(b"x" * 900_000).wait_until_consumed()
        wait_until(links, what="an unlinked file in the temporary directory")
        assert list(directory.iterdir()) == []
        connection.send(b"x" * 100_000)
        assert json.loads(connection.read_response().body)["bytes"] == 1_000_000
    wait_until(lambda: not links(), what="the file to be closed")


@pytest.mark.parametrize("size", [10, 500_000])
def test_unread_body_is_not_taken_for_a_request(reading, size):
    """The application reads nothing; the next request on the connection is the next one sent."""
    body = (b"GET /blocks HTTP/1.1\r\nHost: localhost\r\n\r\n" * (size // 40 + 1))[:size]
    with reading.connect() as connection:
        first = connection.request("POST", "/nothing", body=body)
        assert json.loads(first.body)["bytes"] == 0
        if first.says_close:
            connection.expect_end()
        else:
            second = connection.request("POST", "/blocks", body=b"second")
            assert json.loads(second.body)["pieces"] == ["second"]
            connection.half_close().expect_end()


def test_partly_read_body(reading):
    with reading.connect() as connection:
        connection.request("POST", "/zero?size=3", body=b"abcdefgh")
        answer = json.loads(connection.request("POST", "/blocks", body=b"second").body)
        assert answer["pieces"] == ["second"]


@pytest.mark.embedded("the front reads the body before")
def test_client_leaves_while_the_application_reads(server, wrapping):
    """With 100-continue the application reads from the client itself; a lost client is an error
    in its read, never a short body."""
    running = server(f"reading:{wrapping}", "--workers", 1, "--threads", 2)
    with running.connect() as connection:
        fields = {"Expect": "100-continue", "Content-Length": "1000"}
        connection.send(request_bytes("POST", "/blocks", fields))
        assert connection.read_head().status == 100
        connection.send(b"x" * 500).wait_until_consumed()
    running.wait_for_log("reading failed: ")
    assert running.request("POST", "/blocks", body=b"ok").status == 200


def test_broken_chunks_while_the_application_reads(server):
    running = server("reading:application", "--workers", 1, "--threads", 2)
    with running.connect() as connection:
        fields = {"Expect": "100-continue", "Transfer-Encoding": "chunked"}
        connection.send(request_bytes("POST", "/blocks", fields))
        assert connection.read_head().status == 100
        connection.send(b"5\r\nhello\r\nnonsense\r\n")
        assert connection.read_response().status in (400, 500)
        connection.expect_end()


def test_uploads_in_parallel(reading):
    """Bodies do not mix."""
    bodies = [bytes([65 + i]) * 200_000 for i in range(12)]
    connections = [reading.connect() for _ in bodies]
    try:
        for connection, body in zip(connections, bodies, strict=True):
            connection.send(request_bytes("POST", "/blocks", {"Content-Length": str(len(body))}))
        for start in range(0, 200_000, 50_000):
            for connection, body in zip(connections, bodies, strict=True):
                connection.send(body[start : start + 50_000])
        for connection, body in zip(connections, bodies, strict=True):
            answer = json.loads(connection.read_response().body)
            assert answer["sha256"] == hashlib.sha256(body).hexdigest()
    finally:
        for connection in connections:
            connection.close()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("size", [10, 100_000, 400_000])
def test_uploads_that_arrive_while_every_handler_is_busy(server, gate, threads, size):
    """They are collected meanwhile, wait in order, and nothing of them is lost or mixed up."""
    running = server("busy:application", "--workers", 1, "--threads", threads)
    gates = [gate() for _ in range(threads)]
    blockers = [running.connect() for _ in range(threads)]
    for blocker, closed in zip(blockers, gates):
        blocker.send(b"GET /gate HTTP/1.1\r\nHost: x\r\nX-Gate: " + closed.path.encode() +
                     b"\r\n\r\n")
        closed.wait_for_visitor()
    uploads = []
    for number in range(6):
        body = bytes([65 + number]) * size
        upload = running.connect()
        upload.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        upload.send(body[: size // 2])
        uploads.append((upload, body))
    for upload, body in uploads:
        # The second half, and the next request right behind it.
        upload.send(body[size // 2:] + b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n")
    for closed in gates:
        closed.open()
    for upload, body in uploads:
        assert upload.read_response().body == body
        assert upload.read_response().body == b"plain"
    for blocker in blockers:
        assert blocker.read_response().body == b"passed"


def test_upload_completed_while_busy_after_a_static_file(server, gate, tmp_path):
    """Whether a request is for the application is decided by its own head, not the one before."""
    (tmp_path / "s.txt").write_text("static")
    running = server(
        "busy:application", "--workers", 1, "--threads", 1, "--static", f"/static={tmp_path}"
    )
    closed = gate()
    busy, upload, file, posted = (running.connect() for _ in range(4))
    busy.send(b"GET /gate HTTP/1.1\r\nHost: x\r\nX-Gate: " + closed.path.encode() + b"\r\n\r\n")
    closed.wait_for_visitor()
    upload.send(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + b"z" * 97)
    posted.send(b"POST /static/s.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")
    upload.wait_until_consumed()
    posted.wait_until_consumed()
    assert file.request("GET", "/static/s.txt").body == b"static"
    upload.send(b"zzz")
    posted.send(b"bc")
    assert posted.read_response().status == 405
    closed.open()
    assert busy.read_response().body == b"passed"
    assert upload.read_response().body == b"z" * 100


@pytest.mark.embedded("the front answers 100-continue")
def test_response_survives_a_body_that_is_not_read(server):
    """With `Connection: close` as well, the body is read before the socket is closed."""
    running = server("busy:application", "--workers", 1, "--threads", 1)
    for _ in range(5):
        with running.connect() as connection:
            connection.send(
                b"POST /large?200000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                b"Expect: 100-continue\r\nContent-Length: 3000000\r\n\r\n"
            )
            connection.send_as_far_as_possible(b"y" * 3_000_000)
            assert connection.read_response().body == b"x" * 200_000


def test_clients_that_make_a_handler_wait_do_not_get_the_worker_killed(server):
    """They have time limits of their own; `--timeout` is for the application."""
    running = server("busy:application", "--workers", 1, "--threads", 3, "--timeout", 1)
    workers = running.worker_pids()
    reader = running.connect(receive_buffer=4096)
    reader.send(b"GET /stream?3000000 HTTP/1.1\r\nHost: x\r\n\r\n")
    writer = running.connect()
    writer.send(
        b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    )
    assert writer.read_head().status == 100
    end = time.monotonic() + 3
    while time.monotonic() < end:
        assert running.get("/sleep?200").body == b"200"
    assert running.worker_pids() == workers
    writer.send(b"12345")
    assert writer.read_response().body == b"12345"
