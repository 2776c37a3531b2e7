"""PEP 3333: start_response, bodies, close(), errors; and what of it the client sees."""

import contextlib
import os
import platform
import threading

import pytest
from harness.processes import wait_until
from harness.wire import Truncated, request_bytes

WRITE = {"x86_64": "1", "aarch64": "64"}.get(platform.machine())  # the system call's number


@pytest.fixture
def responding(shared_server, wrapping):
    return shared_server(f"responding:{wrapping}", "--workers", 1, "--threads", 4)


@pytest.fixture
def plain(shared_server):
    """For what wsgiref.validate itself would stop."""
    return shared_server("responding:application", "--workers", 1, "--threads", 4)


@pytest.fixture
def full_log(tmp_path):
    """An error log that is a pipe: `fill()` leaves no room in it, `drain()` reads it for good."""
    path = tmp_path / "full-log"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = FullLog(path, reader)
    yield log
    log.drain()


class FullLog:
    def __init__(self, path, reader):
        self.path = path
        self.reader = reader
        self.text = b""

    def fill(self):
        writer = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"." * 4096)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b".")
        os.close(writer)

    def drain(self):
        if self.reader is None:
            return
        os.set_blocking(self.reader, True)
        threading.Thread(target=self._read, args=[self.reader], daemon=True).start()
        self.reader = None

    def _read(self, reader):
        while data := os.read(reader, 65_536):
            self.text += data
        os.close(reader)


def closed(server, name):
    return int(server.get(f"/closed?name={name}").body)


def wait_until_closed(server, name):
    wait_until(lambda: closed(server, name), what=f"close() of {name}")
    assert closed(server, name) == 1


def still_works(server):
    assert server.get("/single").body == b"single"


# Bodies.


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/single", b"single"),
        ("/list", b"onetwo"),
        ("/blocks?name=content", b"onetwothree"),
        ("/nothing", b""),
        ("/write?name=content", b"written twice and returned"),
        ("/late", b"late"),
        ("/sized?size=3200000", b"0123456789abcdef" * 200_000),
        ("/declared?name=content&length=6&blocks=abc,def", b"abcdef"),
        ("/declared?name=content&length=0&blocks=", b""),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_bodies(responding, target, body, version):
    response = responding.request(target=target, version=version)
    assert response.status == 200 and response.body == body


@pytest.mark.parametrize(
    ("target", "body"), [("/tuple", b"onetwo"), ("/closing-list", b"with close")])
def test_odd_iterables(responding, target, body):
    assert responding.get(target).body == body


def test_status_and_fields(responding):
    response = responding.get("/fields")
    assert response.reason == "Ça va"
    assert response.all("Set-Cookie") == ["a=1", "b=2"]
    assert response["X-One"] == "1" and response["X-Latin"] == "caf\xe9"


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "404 Not Found", "418 I'm a teapot",
                                    "500 Own", "599 Made Up"])
def test_statuses(responding, status):
    response = responding.get("/status?body=1&status=" + status.replace(" ", "+"))
    assert (response.status, response.reason) == (int(status[:3]), status[4:])
    assert response.body == b"body"


@pytest.mark.parametrize("how", ["clear", "replace"])
def test_list_that_is_changed_while_it_is_sent(plain, how):
    """The response is the list as it was returned: nothing is read from blocks that are gone."""
    workers = plain.worker_pids()
    size = 30_000_000
    with plain.connect(receive_buffer=4096) as connection:
        connection.send(request_bytes(target=f"/long-list?size={size}&name={how}"))
        head = connection.read_head()
        assert plain.get(f"/change-list?name={how}&how={how}").body == b"changed"
        body = connection.read_body(head).body
    assert head["Content-Length"] == str(size + 10)
    assert body == b"A" * size + b"B" * 10
    still_works(plain)
    assert plain.worker_pids() == workers


def test_many_blocks(responding):
    response = responding.get("/big-blocks?name=many&count=200")
    assert response.body == b"".join(bytes([65 + i % 26]) * 65_536 for i in range(200))


def test_wide_heads(responding):
    """A head of 40 KB goes out whole."""
    response = responding.get("/many-fields?count=40")
    assert response.status == 200 and len(response.fields) >= 41


def test_head_over_its_bound(responding):
    """A head over 64 KB is refused as a whole, not cut."""
    response = responding.get("/many-fields?count=200")
    assert response.status == 500 and response["X-0"] is None
    still_works(responding)


LONG_HEAD = """
def application(environ, start_response):
    fields = [("Content-Type", "text/plain"), ("X-Long", "x" * int(environ["QUERY_STRING"]))]
    start_response("200 OK", fields)
    return [b"whole"]
"""
# Its status line, its fields, and what stands between name and value.
LONG_HEAD_BYTES = len(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Long: \r\n")


@pytest.mark.parametrize(("setting", "most"), [("1024", 1024), ("32K", 32_768), ("90000", 90_000)])
def test_head_at_its_bound(server, site, setting, most):
    """--header-buffer-size, to the byte; the log names the header and the setting."""
    running = server(
        "long_head", "--workers", 1, "--header-buffer-size", setting,
        chdir=site(long_head=LONG_HEAD))
    for more in (-1, 0):
        length = most - LONG_HEAD_BYTES + more
        response = running.get(f"/?{length}")
        assert response.status == 200 and len(response["X-Long"]) == length
        assert response.body == b"whole"
    response = running.get(f"/?{most - LONG_HEAD_BYTES + 1}")
    assert response.status == 500 and response["X-Long"] is None
    running.wait_for_log(rf'"X-Long" makes the response head larger than {most} bytes.*'
                         r"--header-buffer-size")
    assert running.get("/?1").status == 200


# Streaming.


def test_each_block_is_visible_at_once(responding, wrapping):
    names = [f"stream-{wrapping}-{i}" for i in range(3)]
    with responding.connect() as connection:
        connection.send(request_bytes(target=f"/stream?name={wrapping}-s&events={','.join(names)}"))
        head = connection.read_head()
        assert head["Transfer-Encoding"] == "chunked"
        assert connection.read_chunk() == b"first"
        for name in names:
            responding.get(f"/trigger?name={name}")
            assert connection.read_chunk() == name.encode()
        assert connection.read_chunk() == b""


def test_each_block_is_visible_at_once_in_1_0(responding, wrapping):
    name = f"stream-1.0-{wrapping}"
    with responding.connect() as connection:
        target = f"/stream?name={wrapping}-old&events={name}"
        connection.send(request_bytes(target=target, version="1.0"))
        head = connection.read_head()
        assert head["Transfer-Encoding"] is None and head["Content-Length"] is None
        assert connection._exactly(5) == b"first"
        responding.get(f"/trigger?name={name}")
        assert connection.read_body(head).body == name.encode()


def test_written_block_is_visible_at_once(responding, wrapping):
    name = f"write-{wrapping}"
    with responding.connect() as connection:
        connection.send(request_bytes(target=f"/write-waits?name={name}"))
        connection.read_head()
        assert connection.read_chunk() == b"first"
        responding.get(f"/trigger?name={name}")
        assert connection.read_chunk() == b"second"
        assert connection.read_chunk() == b""


# close().


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "shape", ["blocks", "write", "fails-first", "fails-later", "close-fails", "never-starts",
              "declared?length=3&blocks=abcdef", "declared?length=300&blocks=abc",
              "status?status=204+No+Content", "status?status=304+Not+Modified&body=1",
              "raises?error=SystemExit&late=0", "raises?error=SystemExit&late=2",
              "raises?error=GeneratorExit&late=1", "big-blocks?count=50"])
def test_close_is_called_once(responding, shape, method, wrapping):
    name = f"{wrapping}-{method}-{shape}".replace("?", "-").replace("&", "-").replace("=", "-")
    name = name.replace("+", "-").replace("/", "-")
    target = f"/{shape}{'&' if '?' in shape else '?'}name={name}"
    with responding.connect() as connection:
        connection.send(request_bytes(method, target))
        try:
            connection.read_response(method)
        except Truncated:
            pass
    wait_until_closed(responding, name)
    still_works(responding)
    assert closed(responding, name) == 1


@pytest.mark.parametrize("how", ["close", "reset"])
def test_close_is_called_when_the_client_left(responding, wrapping, how):
    name = f"left-{wrapping}-{how}"
    with responding.connect(receive_buffer=4096) as connection:
        connection.send(request_bytes(target=f"/endless?name={name}"))
        connection.read_head()
        connection.read_chunk()
        getattr(connection, how)()
    wait_until_closed(responding, name)
    still_works(responding)


# Content-Length of the application.


@pytest.mark.parametrize(
    ("length", "blocks", "body"),
    [(3, "abcdef", b"abc"), (3, "abc,def", b"abc"), (4, "abc,def", b"abcd"), (3, "abc,,", b"abc")])
def test_more_than_declared_is_cut(responding, wrapping, length, blocks, body):
    with responding.connect() as connection:
        target = f"/declared?name=over&length={length}&blocks={blocks}"
        response = connection.request(target=target)
        assert response.framing == "length" and response.body == body
        if response.keeps_alive:
            connection.send(request_bytes(target="/single"))
            if connection._more() or connection.received:
                assert connection.read_response().body == b"single"


@pytest.mark.parametrize("blocks", ["abc", "abc,def", ""])
def test_less_than_declared_ends_the_connection(responding, blocks):
    with responding.connect() as connection:
        connection.send(request_bytes(target=f"/declared?name=under&length=100&blocks={blocks}"))
        connection.send(request_bytes(target="/single"))
        try:
            response = connection.read_response()
        except Truncated:
            return
        assert response.status == 500, "only before the head is out may it be an error page"
    still_works(responding)


# Errors.


@pytest.mark.parametrize(
    "target",
    ["/fails-at-once", "/fails-first?name=e1", "/start-twice", "/never-starts?name=e2",
     "/returns?what=None", "/returns?what=int", "/returns?what=strs", "/returns?what=ints",
     "/returns?what=str"])
def test_error_before_the_first_byte(responding, target):
    response = responding.get(target)
    assert response.status == 500
    assert b"Traceback" not in response.body and b"failed" not in response.body
    still_works(responding)


@pytest.mark.parametrize(
    "what", ["no-headers", "status-int", "status-short", "status-words", "headers-none",
             "header-not-pair", "value-int", "value-not-latin", "length-words", "length-negative",
             "length-twice"])
def test_start_response_called_wrongly(responding, what):
    assert responding.get(f"/bad-start?what={what}").status == 500
    still_works(responding)


def test_traceback_is_logged_once_with_its_request(server):
    running = server("responding:application", "--workers", 1)
    assert running.get("/fails-at-once?marker").status == 500
    running.wait_for_log("RuntimeError: failed at once")
    text = running.log_text()
    assert text.count("\nRuntimeError: failed at once\n") == 1
    assert text.count("Traceback (most recent call last)") == 1
    assert "/fails-at-once" in text, "the log does not say which request it was"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_failure_in_mid_stream(responding, version):
    """Part of the body, then the end of the connection without a valid last chunk."""
    with responding.connect() as connection:
        connection.send(request_bytes(target="/fails-later?name=mid", version=version))
        if version == "1.1":
            with pytest.raises(Truncated):
                connection.read_response()
            assert connection.ended
        else:
            # The connection's end is the only framing of 1.0: all that can be seen is this end.
            assert connection.read_response().body.startswith(b"block 0")
    still_works(responding)


@pytest.mark.parametrize(
    "error", ["SystemExit", "sys.exit", "KeyboardInterrupt", "GeneratorExit", "MemoryError",
              "RecursionError", "BaseException", "StopIteration"])
@pytest.mark.parametrize("late", ["", "&late=0"])
def test_exceptions_end_the_request_and_not_the_server(responding, error, late):
    workers = responding.worker_pids()
    if error == "StopIteration" and late:
        pytest.skip("inside a generator it becomes a RuntimeError, tested elsewhere")
    assert responding.get(f"/raises?name=x&error={error}{late}").status == 500
    still_works(responding)
    assert responding.worker_pids() == workers


@pytest.mark.parametrize("error", ["SystemExit", "KeyboardInterrupt", "GeneratorExit"])
def test_exceptions_in_mid_stream(responding, error):
    workers = responding.worker_pids()
    with responding.connect() as connection:
        connection.send(request_bytes(target=f"/raises?name=y&error={error}&late=2"))
        with pytest.raises(Truncated):
            connection.read_response()
    still_works(responding)
    assert responding.worker_pids() == workers


def test_exc_info_before_the_head(responding):
    response = responding.get("/exc-info-before")
    assert (response.status, response.reason) == (500, "Noticed")
    assert response["X-First"] is None and response["X-Second"] == "yes"
    assert response.body == b"noticed"


def test_exc_info_after_the_head(server, wrapping):
    running = server(f"responding:{wrapping}", "--workers", 1)
    with running.connect() as connection:
        connection.send(request_bytes(target="/exc-info-after"))
        head = connection.read_head()
        assert head.status == 200
        with pytest.raises(Truncated):
            connection.read_body(head)
    running.wait_for_log("ValueError: noticed too late")
    still_works(running)


NOT_EXC_INFO = {
    "empty": "AssertionError",  # what sys.exc_info() gives outside of an except clause
    "no-exception": "TypeError",
    "no-class": "TypeError",
    "no-type": "TypeError",
    "numbers": "TypeError",
    "no-traceback": "TypeError",
    "short": "TypeError",
}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("what", NOT_EXC_INFO)
def test_exc_info_without_an_exception_is_refused(plain, what, late):
    workers = plain.worker_pids()
    name = f"odd-{what}-{late}"
    with plain.connect() as connection:
        target = f"/exc-info-odd?what={what}&name={name}{'&late=1' if late else ''}"
        connection.send(request_bytes(target=target))
        head = connection.read_head()
        assert head.status == (200 if late else 500)
        if late:
            with pytest.raises(Truncated):
                connection.read_body(head)
    assert plain.get(f"/closed?name={name}").text.startswith(NOT_EXC_INFO[what])
    assert plain.worker_pids() == workers


@pytest.mark.parametrize(
    ("what", "raised"),
    [("text", "ValueError: made of text"), ("class-only", "ValueError: "),
     ("makes-none", "TypeError: ")])
def test_exc_info_with_what_makes_an_exception(plain, what, raised):
    """The value may also be what the class is called with, as in old programs."""
    workers = plain.worker_pids()
    early = plain.get(f"/exc-info-odd?what={what}")
    assert (early.status, early.body) == (500, b"odd")
    with plain.connect() as connection:
        connection.send(request_bytes(target=f"/exc-info-odd?what={what}&name={what}&late=1"))
        with pytest.raises(Truncated):
            connection.read_response()
    assert plain.get(f"/closed?name={what}").text.startswith(raised)
    assert plain.worker_pids() == workers


def test_error_in_close(responding):
    """The response is complete by then, and stays so."""
    with responding.connect() as connection:
        response = connection.request(target="/close-fails?name=broken-close")
        assert response.status == 200 and response.body == b"complete"
    still_works(responding)


@pytest.mark.parametrize(
    "target",
    ["/fails-at-once", "/fails-later?name=log", "/returns?what=None", "/close-fails?name=log",
     "/declared?name=log&length=2&blocks=abc", "/declared?name=log&length=9&blocks=abc"])
def test_full_log_stalls_only_the_thread_that_writes(server, full_log, target):
    """Nobody reads the pipe that the error log is: the others must still get the GIL."""
    running = server(
        "responding:application", "--workers", 1, "--threads", 3,
        "--error-logfile", full_log.path)
    full_log.fill()
    with running.connect() as stalled:
        stalled.send(request_bytes(target=target, headers=[("Connection", "close")]))
        try:
            wait_until(lambda: writes_to_a_pipe(running), what="a thread that writes the log")
            for _ in range(3):
                still_works(running)
        finally:
            full_log.drain()
        try:
            stalled.read_response()
        except Truncated:
            pass
    path = target.split("?")[0].encode()
    wait_until(lambda: b" GET " + path in full_log.text, what="the line in the log")


def writes_to_a_pipe(server):
    """Whether a thread of the one worker is inside write(2) to its standard error."""
    pid = server.worker_pids()[0]
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/syscall") as file:
            if file.read().split()[:2] == [WRITE, "0x2"]:
                return True
    return False


# Fields that may not be.


INJECTIONS = {
    "CR LF in a value": "field=X&value=a%0D%0AInjected:+yes",
    "LF in a value": "field=X&value=a%0AInjected:+yes",
    "CR in a value": "field=X&value=a%0DInjected:+yes",
    "NUL in a value": "field=X&value=a%00b",
    "control byte in a value": "field=X&value=a%01b",
    "CR LF in a name": "field=X%0D%0AInjected:+yes%0D%0AY&value=b",
    "colon in a name": "field=X:Injected&value=b",
    "space in a name": "field=X+Y&value=b",
    "empty name": "field=&value=b",
    "CR LF in the status": "status=200+OK%0D%0AInjected:+yes&field=X",
    "LF in the status": "status=200+OK%0AInjected:+yes&field=X",
}


@pytest.mark.parametrize("name", INJECTIONS)
def test_header_injection(responding, name):
    response = responding.get(f"/raw-field?{INJECTIONS[name]}")
    assert response.status == 500
    assert response["Injected"] is None and response["X"] is None
    assert b"Injected" not in response.body
    still_works(responding)


@pytest.mark.parametrize(
    "field", ["Connection", "connection", "Keep-Alive", "Transfer-Encoding", "TE", "Trailer",
              "Upgrade", "Proxy-Authenticate", "Proxy-Authorization"])
def test_hop_by_hop_fields(responding, field):
    response = responding.get(f"/raw-field?field={field}&value=close")
    assert response.status == 500
    still_works(responding)


# wsgi.errors.


def test_errors_go_to_the_error_log(server, wrapping):
    running = server(f"responding:{wrapping}", "--workers", 1)
    assert running.get("/errors").body == b"logged"
    for line in ("written to errors \u20ac", "line one", "line two", "printed to errors"):
        running.wait_for_log(line)
    assert running.get("/prints").body == b"printed"
    running.wait_for_log("printed to standard error")


def test_errors_in_a_log_file(server, tmp_path):
    path = tmp_path / "error.log"
    running = server("responding:application", "--workers", 1, "--error-logfile", path)
    for target in ("/errors", "/prints", "/fails-at-once"):
        running.get(target)
    for line in ("line one", "printed to errors", "printed to standard error", "failed at once"):
        running.wait_for_log(line, text=path.read_text)
