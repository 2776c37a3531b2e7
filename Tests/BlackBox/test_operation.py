"""Operating the server: stopping it, what it tells of itself, and how work is shared out."""

import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import sys
import termios
import time

import pytest
from harness import processes, serving
from harness.serving import DAEMON
from harness.versions import numbered
from harness.wire import Connection, Truncated, request_bytes

# Stopping.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGWINCH])
def test_stops_after_the_requests_in_hand(server, gate, wrapping, number):
    held = gate()
    running = server(f"responding:{wrapping}", "--workers", 1, "--threads", 2)
    with running.connect() as connection:
        connection.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        running.signal(number)
        running.wait_for_notification("STOPPING=1")
        held.open()
        assert connection.read_response().body == b"passed"
        connection.expect_end()
    family = processes.family(running.pid)
    assert running.wait() == 0
    running.expect_nothing_left(family)


def test_stop_in_the_moment_requests_end(server, gate):
    """Whichever comes first, no connection is kept for another request."""
    for _ in range(8):
        gates = [gate() for _ in range(8)]
        options = ("--workers", 1, "--threads", 8, "--keep-alive", 60)
        running = server("responding:application", *options)
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(running.connect(timeout=10)) for _ in gates]
            for connection, held in zip(connections, gates, strict=True):
                connection.send(request_bytes(target=f"/gate?path={held.path}"))
            for held in gates:
                held.wait_for_visitor()
            running.signal(signal.SIGTERM)
            for held in gates:
                held.open()
            for connection in connections:
                assert connection.read_response().body == b"passed"
                connection.expect_end()
        assert running.wait(10) == 0


def test_idle_connections_do_not_delay_the_stop(server):
    running = server("hello:application", "--workers", 2, "--keep-alive", 60)
    with running.connect() as idle, running.connect() as silent:
        assert idle.request().body == b"hello"
        begun = time.monotonic()
        running.stop()
        assert time.monotonic() - begun < 10
        idle.expect_end()
        silent.expect_end()


def test_graceful_timeout_bounds_the_stop(server, gate):
    held = gate()
    running = server(
        "responding:application", "--workers", 1, "--graceful-timeout", 1,
        "--interrupt-timeout", 0)
    with running.connect() as connection:
        connection.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        family = processes.family(running.pid)
        running.signal(signal.SIGTERM)
        assert running.wait(15) == 0
        running.expect_nothing_left(family)
        with pytest.raises((Truncated, ConnectionError)):
            connection.read_response()


def test_large_response_is_finished_before_the_stop(server):
    running = server("responding:application", "--workers", 1, "--threads", 1)
    with running.connect(receive_buffer=4096) as connection:
        connection.send(request_bytes(target="/sized?size=16000000"))
        head = connection.read_head()
        running.signal(signal.SIGTERM)
        running.wait_for_notification("STOPPING=1")
        assert len(connection.read_body(head).body) == 16_000_000
    assert running.wait() == 0


def test_port_is_free_after_the_stop(server):
    first = server("hello:application", "--workers", 1)
    with first.connect() as connection:
        connection.request()
        first.stop()
    options = ("--workers", 1, "--bind", f"127.0.0.1:{first.port}")
    second = server("hello:application", *options, bind="none")
    second.port = first.port
    assert second.get("/").body == b"hello"


# Names, numbers, notifications.


def test_process_titles(server):
    running = server("hello:application", "--workers", 2)
    assert re.match("plimsoll: (supervisor|master)", processes.title(running.pid))
    assert len(running.titled("mold")) == 1
    assert len(running.worker_pids()) == 2
    assert len(running.titled("front")) == DAEMON
    assert len(processes.family(running.pid)) == 4 + DAEMON
    assert all("hello" in processes.title(pid) for pid in running.worker_pids())


def test_name_in_titles(server):
    running = server("hello:application", "--workers", 1, "--name", "harbour")
    assert "harbour" in processes.title(running.worker_pids()[0])


def test_pid_file(server, tmp_path):
    path = tmp_path / "server.pid"
    running = server("hello:application", "--workers", 1, "--pid", path)
    assert path.read_text().strip() == str(running.pid)
    running.stop()
    assert not path.exists()


def test_stale_pid_file_is_taken_over(server, tmp_path):
    path = tmp_path / "server.pid"
    path.write_text("4194300\n")
    running = server("hello:application", "--workers", 1, "--pid", path)
    assert path.read_text().strip() == str(running.pid)


def test_notifications(server, site):
    """READY=1 was waited for by the fixture."""
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 1, chdir=directory)
    running.signal(signal.SIGHUP)
    running.wait_for_notification("RELOADING=1")
    running.wait_for_notification("READY=1")
    running.signal(signal.SIGTERM)
    running.wait_for_notification("STOPPING=1")
    assert running.wait() == 0


def alarming(text):
    """Lines that would worry an operator."""
    bad = re.compile(r"\[(warn|error|crit)\]|Traceback")
    return [line for line in text.splitlines() if bad.search(line)]


def test_start_says_what_was_decided(server):
    running = server("hello:application", "--workers", 2)
    text = running.log_text()
    assert str(running.port) in text and sys.executable in text
    assert text.count("\n") < 12, "a few lines"
    assert not alarming(text)


def test_nothing_alarming_in_the_life_of_a_server(server):
    running = server("hello:application", "--workers", 2)
    for _ in range(10):
        running.get("/")
    old = running.worker_pids()
    running.signal(signal.SIGHUP)
    running.wait_for_workers(2, without=old)
    running.stop()
    assert not alarming(running.log_text())


# Concurrency.


def test_threads_run_at_once(server, gate, wrapping):
    """As many requests at a time as there are threads, on new and on kept connections."""
    gates = [gate() for _ in range(4)]
    running = server(f"responding:{wrapping}", "--workers", 1, "--threads", 4)
    connections = [running.connect() for _ in gates]
    for connection in connections:
        assert connection.request(target="/single").body == b"single"
    for connection, held in zip(connections, gates, strict=True):
        connection.send(request_bytes(target=f"/gate?path={held.path}"))
    for held in gates:
        held.wait_for_visitor()
    for connection, held in zip(connections, gates, strict=True):
        held.open()
        assert connection.read_response().body == b"passed"
        connection.close()


def test_static_files_while_all_threads_are_busy(server, gate, tmp_path):
    (tmp_path / "f.txt").write_text("file")
    held = gate()
    running = server(
        "responding:application", "--workers", 1, "--threads", 1, "--static", f"/s={tmp_path}"
    )
    with running.connect() as connection:
        connection.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        for _ in range(3):
            assert running.get("/s/f.txt").body == b"file"
        held.open()
        assert connection.read_response().body == b"passed"


def test_waiting_requests_are_answered_when_a_thread_is_free(server, gate):
    held = gate()
    running = server("responding:application", "--workers", 1, "--threads", 1)
    connections = [running.connect() for _ in range(10)]
    with running.connect() as first:
        first.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        for connection in connections:
            connection.send(request_bytes(target="/single"))
        held.open()
        assert first.read_response().body == b"passed"
    for connection in connections:
        assert connection.read_response().body == b"single"
        connection.close()


def test_busy_worker_leaves_connections_to_an_idle_one(server, gate):
    """Two workers with one thread each: one stuck request does not hold up others for long."""
    held = gate()
    running = server("responding:application", "--workers", 2, "--threads", 1)
    with running.connect() as first:
        first.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        for _ in range(10):
            assert running.request(target="/single", timeout=5).body == b"single"
        held.open()
        assert first.read_response().body == b"passed"


def test_resizing_the_terminal_does_not_stop_the_server():
    """The kernel sends WINCH then; only one that somebody sends is a graceful stop."""
    port = serving.free_port()
    words = [
        os.path.join(serving.STAGE, "bin", "plimsoll"), "serve", "busy:application", "--chdir",
        str(serving.APPS), "--bind", f"127.0.0.1:{port}", "--workers", "1",
        "--python", sys.executable, *serving.AS_ROOT,
    ]
    process, terminal = pty.fork()
    if process == 0:
        os.execv(words[0], words)
    said = b""
    try:
        while b"serving busy:application at" not in said:
            said += os.read(terminal, 4096)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        with Connection(("127.0.0.1", port)) as connection:
            for _ in range(20):
                assert connection.request("GET", "/plain").body == b"plain"
        os.kill(process, signal.SIGTERM)
        while b"stopped" not in said:
            said += os.read(terminal, 4096)
        assert b"SIGWINCH" not in said
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    finally:
        os.close(terminal)
