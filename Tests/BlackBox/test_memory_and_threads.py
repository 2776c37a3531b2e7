"""Memory, descriptors, threads and libraries of the server's processes."""

import contextlib
import os
import subprocess

import pytest
from harness import processes, serving
from harness.processes import wait_until
from harness.serving import DAEMON
from harness.wire import request_bytes

KIB = 1024


def test_one_thread_before_each_fork(server):
    running = server("hello:application", "--workers", 1)
    for pid in [running.pid, *running.titled("mold")]:
        assert processes.status_field(pid, "Threads") == "1"
    assert "while it was imported" not in running.log_text()


THREADED = """
import threading

done = threading.Event()
thread = threading.Thread(target=done.wait, name="harbour-pilot", daemon=True)
thread.start()


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"served"]
"""


def test_thread_of_the_application_is_named(server, site):
    """A thread started at import is not in the workers; that is said, with its name."""
    running = server("threaded", "--workers", 1, chdir=site(threaded=THREADED))
    running.wait_for_log(r"\[(warn|error)\].*harbour-pilot")
    assert running.get("/").body == b"served"


def test_thread_of_the_application_without_preload(server, site):
    """There it is where it should be, and no reason to warn."""
    running = server("threaded", "--workers", 1, "--no-preload", chdir=site(threaded=THREADED))
    assert running.get("/").body == b"served"
    assert "harbour-pilot" not in running.log_text()


def test_memory_of_the_supervisor(server):
    """At most 1 MB of its own, also after restarts (the program's pages are the page cache's)."""
    running = server("hello:application", "--workers", 2)
    for _ in range(3):
        old = running.worker_pids()
        running.signal(1)
        running.wait_for_workers(2, without=old)
    assert processes.private_dirty_bytes(running.pid) <= 1024 * KIB


def test_memory_of_an_idle_connection(server):
    """At most 2 KiB of anonymous memory each, after the server has had as many as 300 at once."""
    running = server(
        "hello:application", "--workers", 1, "--keep-alive", 120, "--max-keep-alive-requests", 0
    )
    worker = running.titled("front" if DAEMON else "worker")[0]
    own = max(5, sockets(worker))  # a front has its lanes besides

    def hold(count, stack):
        connections = [stack.enter_context(running.connect()) for _ in range(count)]
        for connection in connections:
            assert connection.request(headers={"Cookie": "c=" + "x" * 500}).body == b"hello"

    with contextlib.ExitStack() as warm_up:
        hold(300, warm_up)
    wait_until(lambda: sockets(worker) <= own, what="the connections to be closed")
    before = processes.anonymous_bytes(worker)
    with contextlib.ExitStack() as stack:
        hold(2000, stack)
        each = (processes.anonymous_bytes(worker) - before) / 2000
        assert sockets(worker) >= 2000
    print(f"{each:.0f} bytes for each idle connection")
    assert each <= 2 * KIB


def sockets(pid):
    return sum(1 for link in processes.descriptors(pid).values() if link.startswith("socket:"))


def test_memory_is_given_back_or_reused(server):
    """The same load again does not need more memory. One thread: each has an arena of its own."""
    running = server("responding:application", "--workers", 1, "--threads", 1)
    worker = running.worker_pids()[0]

    def load():
        with running.connect() as connection:
            for number in range(90):
                body = b"x" * (number * 3000)
                response = connection.request("POST", "/blocks?name=m", body=body)
                assert response.body == b"onetwothree"
            assert len(connection.request(target="/sized?size=1600000").body) == 1_600_000

    for _ in range(5):
        load()
    before = processes.anonymous_bytes(worker)
    for _ in range(20):
        load()
    assert processes.anonymous_bytes(worker) - before < 1024 * KIB


@pytest.mark.parametrize(
    "target", ["/single", "/blocks?name=d", "/fails-at-once", "/fails-later?name=d"])
@pytest.mark.parametrize("how", ["orderly", "reset"])
def test_no_descriptor_leaks(shared_server, target, how):
    """250 connections in each of eight ways: 2,000 altogether."""
    running = shared_server("responding:application", "--workers", 1, "--threads", 2)
    worker = running.worker_pids()[0]
    running.get("/single")
    wait_until(lambda: sockets(worker) <= 6, what="the connections to be closed")
    before = len(processes.descriptors(worker))
    supervisor_before = len(processes.descriptors(running.pid))
    for _ in range(250):
        with running.connect() as connection:
            connection.send(request_bytes(target=target))
            if how == "reset":
                connection.reset()
            else:
                connection.read_head()
    wait_until(
        lambda: len(processes.descriptors(worker)) <= before, what="the descriptors to be closed"
    )
    assert len(processes.descriptors(running.pid)) <= supervisor_before


def test_restarts_leak_no_descriptors(server):
    running = server("hello:application", "--workers", 2)

    def restart():
        old = running.worker_pids()
        running.signal(1)
        running.wait_for_workers(2, without=old)
        wait_until(
            lambda: len(processes.family(running.pid)) == 4 + DAEMON, what="the old ones to end")

    restart()
    before = len(processes.descriptors(running.pid))
    for _ in range(3):
        restart()
    assert len(processes.descriptors(running.pid)) <= before
    for pid in running.worker_pids():
        assert len(processes.descriptors(pid)) < 25


def test_descriptors_are_not_inherited_by_children(server, site):
    """A program that the application starts has neither the listening socket nor the clients'."""
    source = """
import os


def application(environ, start_response):
    command = "ls -l /proc/self/fd > " + environ["QUERY_STRING"]
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", command], dict(os.environ))
    os.waitpid(pid, 0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"spawned"]
"""
    directory = site(spawning=source)
    running = server("spawning", "--workers", 1, chdir=directory)
    assert running.get(f"/?{directory}/listing").body == b"spawned"
    assert "socket:" not in (directory / "listing").read_text()


FORBIDDEN = ("Foundation", "dispatch", "icu", "swiftCore", "swift_Concurrency")


def test_linked_libraries(server):
    """No Foundation, ICU, Dispatch or concurrency, in the files and in the running processes."""
    daemon = f"{serving.STAGE}/libexec/plimsoll/plimsolld"
    extension = f"{serving.STAGE}/lib/plimsoll/_plimsoll.abi3.so"
    for path in (daemon, extension):
        output = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
        for name in FORBIDDEN:
            assert name.lower() not in output.lower(), output
        assert "libpython" not in output
    running = server("hello:application", "--workers", 1)
    for process in processes.family(running.pid):
        with open(f"/proc/{process.pid}/maps", encoding="utf-8") as file:
            libraries = {os.path.basename(line.split()[-1]) for line in file if ".so" in line}
        for name in FORBIDDEN:
            assert not [one for one in libraries if name.lower() in one.lower()]
