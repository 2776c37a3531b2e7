"""Long uploads that a worker gets while they arrive (`--stream-uploads`, in daemon mode)."""

import contextlib
import hashlib
import os
import signal

import pytest
from harness.processes import wait_until
from harness.wire import chunked, request_bytes

pytestmark = pytest.mark.embedded("these say themselves that they are in daemon mode")

MEMORY = 16_384
STREAMED = ["--mode", "daemon", "--stream-uploads", "--body-memory", MEMORY]
APPLICATION = """
import hashlib
import os

PLAIN = [("Content-Type", "text/plain")]


def note(environ, text):
    with open(environ["HTTP_X_NOTE"], "a") as file:
        file.write(text + "\\n")


def digest(data):
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}".encode()


def echo(environ):
    while block := environ["wsgi.input"].read(1000):
        yield block


def application(environ, start_response):
    path, body = environ["PATH_INFO"], environ["wsgi.input"]
    if path == "/refuse":
        start_response("413 Content Too Large", PLAIN)
        return [b"too large"]
    if path == "/echo":
        start_response("200 OK", PLAIN)
        return echo(environ)
    if path == "/begin":
        data = body.read(int(environ["QUERY_STRING"]))
        note(environ, f"{len(data)} of {environ.get('CONTENT_LENGTH')}")
        try:
            data += body.read()
        except OSError as error:
            note(environ, f"failed: {error}")
            raise
        note(environ, "whole")
        answer = digest(data)
    elif path == "/digest":
        answer = digest(body.read())
    elif path == "/lines":
        answer = digest(b"".join(body))
    else:
        answer = str(os.getpid()).encode()
    start_response("200 OK", PLAIN + [("Content-Length", str(len(answer)))])
    return [answer]
"""


def digest(data):
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}"


@pytest.fixture
def uploading(server, site):
    directory = site(uploading=APPLICATION)
    return lambda *options, **more: server(
        "uploading", *STREAMED, *options, chdir=directory, **more)


class Note:
    """What the application says, line by line."""

    def __init__(self, path):
        self.path = path

    def wait_for(self, beginning):
        def found():
            text = self.path.read_text() if self.path.exists() else ""
            return [line for line in text.splitlines() if line.startswith(beginning)]

        return wait_until(found, what=f"the application to say {beginning}")[0]


@pytest.fixture
def note(tmp_path):
    return Note(tmp_path / "note")


def head(target, size, coding, note=None):
    """The head of an upload of `size` bytes."""
    fields = [("X-Note", str(note.path))] if note else []
    if coding == "chunked":
        return request_bytes("POST", target, [*fields, ("Transfer-Encoding", "chunked")])
    return request_bytes("POST", target, [*fields, ("Content-Length", str(size))])


def coded(data, coding):
    """A part of a body, which others follow."""
    return b"%x\r\n%s\r\n" % (len(data), data) if coding == "chunked" else data


def end(coding):
    return b"0\r\n\r\n" if coding == "chunked" else b""


both = pytest.mark.parametrize("coding", ["length", "chunked"])


@both
def test_the_application_reads_while_the_upload_arrives(uploading, note, coding):
    running = uploading("--workers", 1, "--threads", 1)
    first, rest = os.urandom(50_000), os.urandom(300_000)
    size = len(first) + len(rest)
    with running.connect() as connection:
        connection.send(head("/begin?40000", size, coding, note) + coded(first, coding))
        said = note.wait_for("40000 of")
        assert said == f"40000 of {size if coding == 'length' else None}"
        connection.send(coded(rest, coding) + end(coding))
        response = connection.read_response()
        assert response.text == digest(first + rest)
        # It was whole before it was answered: the connection goes on.
        assert connection.request().status == 200


@both
@pytest.mark.parametrize("size", [MEMORY - 1, MEMORY, MEMORY + 1, 65_536, 1_000_000])
@pytest.mark.parametrize("target", ["/digest", "/lines"])
def test_bodies_arrive_whole(uploading, coding, size, target):
    running = uploading("--workers", 1)
    body = os.urandom(size)
    blocks = [body[i : i + 7000] for i in range(0, size, 7000)]
    sent = head(target, size, coding) + (chunked(*blocks) if coding == "chunked" else body)
    with running.connect() as connection:
        # In two parts that are received apart, and then twice at once.
        connection.send(sent[: size // 2]).wait_until_consumed()
        connection.send(sent[size // 2 :])
        assert connection.read_response().text == digest(body)
        connection.send(sent + request_bytes())
        response = connection.read_response()
        assert response.text == digest(body)
        assert connection.read_response().status == 200


def test_an_answer_before_the_upload_is_whole(uploading):
    """It ends the connection, since nobody knows where the next request begins."""
    running = uploading("--workers", 1, "--threads", 1)
    with running.connect() as connection:
        connection.send(head("/refuse", 1_000_000, "length") + b"x" * 50_000)
        response = connection.read_response()
        assert response.status == 413 and response.body == b"too large" and response.says_close
        connection.send_as_far_as_possible(b"x" * 1000)
        connection.expect_end()
    assert running.get("/").status == 200


def test_a_response_that_streams_while_the_upload_does(uploading):
    running = uploading("--workers", 1, "--threads", 1)
    blocks = [os.urandom(20_000) for _ in range(5)]
    with running.connect() as connection:
        connection.send(head("/echo", 100_000, "length") + blocks[0])
        assert connection.read_head().status == 200
        seen = b""
        for number, block in enumerate(blocks):
            if number > 0:
                connection.send(block)
            while len(seen) < 20_000 * (number + 1):
                seen += connection.read_chunk()
        assert connection.read_chunk() == b""
        assert seen == b"".join(blocks)
        connection.expect_end()


@both
@pytest.mark.parametrize("way", ["end", "reset"])
def test_a_client_that_leaves(uploading, note, coding, way):
    """The application is told where it reads, and its thread is free."""
    running = uploading("--workers", 1, "--threads", 1)
    with running.connect() as connection:
        connection.send(head("/begin?1000", 1_000_000, coding, note) + coded(b"x" * 50_000, coding))
        note.wait_for("1000 of")
        connection.close() if way == "end" else connection.reset()
    assert "failed" in note.wait_for("failed")
    assert running.get("/").status == 200


def test_an_upload_that_is_too_slow(uploading, note):
    running = uploading(
        "--workers", 1, "--threads", 1, "--request-read-timeout", "header=20 body=1")
    with running.connect() as connection:
        connection.send(head("/begin?1000", 1_000_000, "length", note) + b"x" * 50_000)
        note.wait_for("1000 of")
        response = connection.read_response()
        assert response.status == 408 and response.says_close
        connection.expect_end()
    note.wait_for("failed")
    assert running.get("/").status == 200


@pytest.mark.parametrize(
    ("more", "status"), [(b"no chunk\r\n", 400), (b"30d40\r\n" + b"x" * 200_000 + b"\r\n", 413)])
def test_an_upload_that_is_refused_on_its_way(uploading, note, more, status):
    running = uploading("--workers", 1, "--threads", 1, "--limit-request-body", 200_000)
    with running.connect() as connection:
        connection.send(head("/begin?1000", 0, "chunked", note) + coded(b"x" * 50_000, "chunked"))
        note.wait_for("1000 of None")
        connection.send_as_far_as_possible(more)
        response = connection.read_response()
        assert response.status == status and response.says_close
    note.wait_for("failed")
    assert running.get("/").status == 200


def test_one_that_is_too_long_is_refused_before(uploading):
    running = uploading("--workers", 1, "--limit-request-body", 200_000)
    with running.connect() as connection:
        connection.send_as_far_as_possible(head("/digest", 200_001, "length") + b"x" * 50_000)
        assert connection.read_response().status == 413


@both
def test_what_a_dead_worker_had_not_begun_is_answered_by_another(uploading, coding):
    """All that came is in the file, so it can be given to another one, and go on there."""
    running = uploading("--workers", 1, "--threads", 2)
    worker = running.worker_pids()[0]
    assert running.get("/").text == str(worker)
    first, rest = os.urandom(100_000), os.urandom(100_000)
    os.kill(worker, signal.SIGSTOP)
    with running.connect(timeout=30) as connection:
        connection.send(head("/digest", 200_000, coding) + coded(first, coding))
        connection.wait_until_consumed()
        os.kill(worker, signal.SIGKILL)
        running.wait_for_workers(1, without=[worker])
        connection.send(coded(rest, coding) + end(coding))
        assert connection.read_response().text == digest(first + rest)
    assert " 502" not in running.log_text()


def test_a_worker_that_dies_with_an_upload(uploading, note):
    running = uploading("--workers", 1, "--threads", 1)
    worker = running.worker_pids()[0]
    with running.connect() as connection:
        connection.send(head("/begin?1000", 1_000_000, "length", note) + b"x" * 50_000)
        note.wait_for("1000 of")
        os.kill(worker, signal.SIGKILL)
        response = connection.read_response()
        assert response.status == 502 and response.says_close
    assert running.get("/").status == 200


def test_a_front_that_dies_with_an_upload(uploading, note):
    running = uploading("--workers", 1, "--threads", 1)
    worker, (front,) = running.worker_pids()[0], running.titled("front")
    with running.connect() as connection:
        connection.send(head("/begin?1000", 1_000_000, "length", note) + b"x" * 50_000)
        note.wait_for("1000 of")
        os.kill(front, signal.SIGKILL)
        note.wait_for("failed")
    wait_until(
        lambda: [pid for pid in running.titled("front") if pid != front], what="another front")
    assert running.get("/").text == str(worker)


def test_uploads_that_wait_for_a_thread(uploading, note):
    """They go on arriving in the queue; those that are whole there are like any others."""
    running = uploading("--workers", 1, "--threads", 1)
    body = os.urandom(300_000)
    with contextlib.ExitStack() as stack:
        holder = stack.enter_context(running.connect())
        holder.send(head("/begin?1000", 50_000, "length", note) + body[:40_000])
        note.wait_for("1000 of")
        waiting = [stack.enter_context(running.connect()) for _ in range(3)]
        for one in waiting:
            one.send(head("/digest", len(body), "length") + body[:100_000]).wait_until_consumed()
        for one in waiting[:2]:
            one.send(body[100_000:]).wait_until_consumed()
        waiting[0].send(request_bytes())
        holder.send(body[40_000:50_000])
        assert holder.read_response().text == digest(body[:50_000])
        for one in waiting[:2]:
            assert one.read_response().text == digest(body)
        # The thread is with the third now.
        waiting[2].send(body[100_000:])
        assert waiting[2].read_response().text == digest(body)
        assert waiting[0].read_response().status == 200


def test_what_the_server_answers_itself_is_not_handed_on(uploading, site):
    running = uploading(
        "--workers", 1, "--threads", 1, "--status-path", "/status", "--static",
        f"/files={os.path.dirname(__file__)}")
    for target, status in [("/status", 405), ("/files/none", 405), ("/files/conftest.py", 405)]:
        with running.connect() as connection:
            connection.send(head(target, 100_000, "length") + b"x" * 50_000).wait_until_consumed()
            assert connection.has_nothing_to_read()
            connection.send(b"x" * 50_000)
            assert connection.read_response().status == status


def test_without_the_setting_the_application_gets_whole_bodies(server, site, note):
    running = server(
        "uploading", "--mode", "daemon", "--workers", 1, "--body-memory", MEMORY,
        chdir=site(uploading=APPLICATION))
    with running.connect() as connection:
        connection.send(head("/begin?1000", 100_000, "length", note) + b"x" * 99_999)
        connection.wait_until_consumed()
        assert running.get("/").status == 200 and not note.path.exists()
        connection.send(b"x")
        assert connection.read_response().status == 200
