"""The memory that Plimsoll itself takes: supervisor, extension, idle connections.

Run as a program it prints what one more worker costs, measure by measure: see worker_cost.py.
"""

import os
import resource
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import processes
import worker_cost
from servers import (
    PYTHON, ROOT, CannotStart, Contender, Place, Running, free_port, plimsoll_command,
)

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: idle\r\nAccept: */*\r\n\r\n"
EXTENSION = ROOT / "stage" / "lib" / "plimsoll"


def _cost(figures):
    """What is private to a process: written pages (dirty), and unwritten ones of files that nobody
    else has mapped just now (clean), which the kernel can drop at any time."""
    return {
        "anonymous": figures["Anonymous"],
        "dirty": figures["Private_Dirty"],
        "clean": figures["Private_Clean"],
    }


def measure(idle):
    """All sections; a section that could not be measured holds its reason instead."""
    try:
        extension = _extension()
    except (CannotStart, OSError) as error:
        extension = str(error)
    try:
        supervisor, connections = _server(idle)
    except (CannotStart, OSError) as error:
        supervisor = connections = str(error)
    return {"extension": extension, "supervisor": supervisor, "connections": connections}


def _python_after(statement):
    """Memory of a Python process that ran `statement` and waits."""
    lines = f"import sys\n{statement}\nprint('ready', flush=True)\nsys.stdin.read()"
    process = subprocess.Popen(
        [str(PYTHON), "-c", lines], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(EXTENSION)})
    try:
        if process.stdout.readline() != "ready\n":
            errors = process.stderr.read().strip().splitlines() or ["no reason given"]
            raise CannotStart(f"`{statement}` failed: {errors[-1]}")
        return _cost(processes.memory_kib(process.pid))
    finally:
        process.communicate()


def _extension(rounds=7):
    """What `import _plimsoll` adds to a Python process: with minus without, medians, in KiB."""
    without, added = [], []
    for _ in range(rounds):
        without.append(_python_after("pass"))
        added.append(_python_after("import _plimsoll"))
    return {name: statistics.median(row[name] for row in added)
            - statistics.median(row[name] for row in without) for name in added[0]}


def _server(idle):
    """Supervisor's memory in KiB, and a worker's bytes per idle kept-alive connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room = hard - 200
    idle = min(idle, room) if hard != resource.RLIM_INFINITY else idle
    contender = Contender(
        "Plimsoll", lambda place: plimsoll_command(
            place.port, "--keep-alive", "600", "--worker-connections", str(idle + 100)), "")
    connections = []
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as name:
        running = Running(contender, Place(free_port(), Path(name)))
        try:
            # What the first connections make grow, tables and pools, is not what one costs.
            connections = _open(running.port, 100)
            supervisor = _cost(processes.memory_kib(running.process.pid))
            before = {pid: processes.memory_kib(pid) for pid in running.pids()}
            connections += _open(running.port, idle)
            worker = max(running.pids(), key=processes.open_descriptors)
            held = processes.open_descriptors(worker)
            if held < idle or worker not in before:
                raise CannotStart(f"no worker holds {idle} idle connections; the most is {held}")
            after = processes.memory_kib(worker)
            _request_all(connections[:100])
            grown = (after["Anonymous"] - before[worker]["Anonymous"]) * 1024
            return supervisor, {"count": idle, "bytes": grown / idle}
        finally:
            for connection in connections:
                connection.close()
            running.stop()


def _open(port, count):
    """Opens connections, with one answered request each."""
    opened = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), 10)
        opened.append(connection)
        if len(opened) % 50 == 0 or len(opened) == count:
            _request_all(opened[-50:])
    if count % 50:
        _request_all(opened[-(count % 50):])
    time.sleep(0.5)
    return opened


def _request_all(connections):
    """One request on each connection, answered completely."""
    for connection in connections:
        connection.sendall(REQUEST)
    waiting = {connection.fileno(): (connection, bytearray()) for connection in connections}
    poll = select.poll()
    for number in waiting:
        poll.register(number, select.POLLIN)
    end = time.monotonic() + 10
    while waiting:
        ready = poll.poll(max(0, end - time.monotonic()) * 1000)
        if not ready:
            raise CannotStart(f"{len(waiting)} of {len(connections)} connections got no answer")
        for number, _ in ready:
            connection, answer = waiting[number]
            block = connection.recv(65536)
            if not block:
                raise CannotStart("the server closed an idle connection")
            answer += block
            if answer.endswith(b"Hello, world!\n"):
                poll.unregister(number)
                del waiting[number]


if __name__ == "__main__":
    worker_cost.main(sys.argv[1:])
