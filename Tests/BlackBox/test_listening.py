"""Sockets that the server listens on: its own, several, Unix ones, and systemd's."""

import os
import signal
import socket
import stat
import sys

import pytest
from harness.serving import free_port
from harness.wire import Connection, request_bytes


@pytest.mark.parametrize(
    ("suffix", "mode"), [("", 0o660), ("?mode=0600", 0o600), ("?mode=0666", 0o666)])
def test_unix_socket(server, tmp_path, suffix, mode):
    path = str(tmp_path / "socket")
    running = server(
        "hello:application", "--workers", 2, "--bind", f"unix:{path}{suffix}", bind="none"
    )
    running.path = path
    assert stat.S_ISSOCK(os.stat(path).st_mode) and os.stat(path).st_mode & 0o777 == mode
    assert running.get("/").body == b"hello"
    old = running.worker_pids()
    running.signal(signal.SIGHUP)
    running.wait_for_workers(2, without=old)
    assert running.get("/").body == b"hello"
    running.stop()
    assert not os.path.exists(path)


def test_stale_unix_socket_is_replaced(server, tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    running = server("hello:application", "--workers", 1, "--bind", f"unix:{path}", bind="none")
    running.path = path
    assert running.get("/").body == b"hello"


def test_several_binds(server, tmp_path):
    ports = [free_port(), free_port()]
    path = str(tmp_path / "socket")
    running = server(
        "hello:application", "--workers", 2, "--bind", f"127.0.0.1:{ports[0]}",
        "--bind", f"127.0.0.1:{ports[1]}", "--bind", f"unix:{path}", bind="none",
    )
    for address in (("127.0.0.1", ports[0]), ("127.0.0.1", ports[1]), path):
        running.path, running.port = (address, None) if address == path else (None, address[1])
        assert running.get("/").body == b"hello"


def test_ipv6(server):
    port = free_port("::1")
    running = server("hello:application", "--workers", 1, "--bind", f"[::1]:{port}", bind="none")
    running.host, running.port = "::1", port
    assert running.get("/").body == b"hello"


ACTIVATE = """
import os, sys
count = int(sys.argv[1])
given = [int(fd) for fd in sys.argv[2 : 2 + count]]
high = [os.dup2(fd, 50 + i) for i, fd in enumerate(given)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
    os.close(fd)
os.environ["LISTEN_FDS"] = str(count)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2 + count], sys.argv[2 + count :])
"""


def test_sockets_from_systemd(server):
    """LISTEN_FDS: served from the first connection on, even one made before the start."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    numbers = [str(listener.fileno()) for listener in listeners]
    ports = [listener.getsockname()[1] for listener in listeners]
    early = Connection(("127.0.0.1", ports[0]))
    early.send(request_bytes())
    running = server(
        "hello:application", "--workers", 1, bind="none",
        wrapper=[sys.executable, "-c", ACTIVATE, "2", *numbers],
        pass_fds=[int(number) for number in numbers],
    )
    assert early.read_response().body == b"hello"
    early.close()
    for port in ports:
        running.port = port
        assert running.get("/").body == b"hello"
    environment = running_environment(running)
    assert "LISTEN_FDS" not in environment and "LISTEN_PID" not in environment
    running.stop()
    with Connection(("127.0.0.1", ports[0])):
        pass  # the sockets are systemd's, and stay open
    for listener in listeners:
        listener.close()


def running_environment(running):
    """The environment that the kernel shows for a worker; empty where its title overwrote it."""
    with open(f"/proc/{running.worker_pids()[0]}/environ", "rb") as file:
        return dict(
            entry.decode().split("=", 1) for entry in file.read().split(b"\0") if b"=" in entry
        )


def test_more_connections_than_a_worker_takes(server):
    """--worker-connections: the others wait, or go elsewhere, but are answered."""
    running = server(
        "hello:application", "--workers", 1, "--worker-connections", 10, "--keep-alive", 1
    )
    connections = [running.connect(timeout=30) for _ in range(30)]
    for connection in connections:
        connection.send(request_bytes(headers={"Connection": "close"}))
    for connection in connections:
        assert connection.read_response().body == b"hello"
        connection.close()
