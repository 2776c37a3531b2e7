#!/usr/bin/env python3
"""What slow clients cost the others in daemon mode: idle connections, slow heads, slow uploads and
slow readers are held while normal requests are measured.

The normal requests come from wrk on kept-alive connections, before the slow clients come and while
they are there, in turns. The slow clients move on once a second, a few bytes each.
"""

import argparse
import http.client
import json
import os
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import processes
import report
from run import WrongAnswer, wrk
from servers import PYTHON, ROOT, SERVE, Contender, Place, Running, free_port

TITLE = "## Slow clients in daemon mode"
APPLICATION = """
BIG = b"b" * 10_000_000


def application(environ, start_response):
    body = b"Hello, world!\\n"
    if environ["PATH_INFO"] == "/big":
        body = BIG
    elif environ["REQUEST_METHOD"] == "POST":
        body = str(len(environ["wsgi.input"].read())).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
UPLOAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n"
BIG = b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n"


def server(place):
    """One front, one worker; limits of time out of the way of what is held."""
    (place.directory / "slow_app.py").write_text(APPLICATION)
    return [
        *SERVE, "slow_app.py", "--chdir", str(place.directory), "--python", str(PYTHON),
        "--mode", "daemon",
        "--bind", f"127.0.0.1:{place.port}", "--workers", "1", "--threads", "4",
        "--keep-alive", "600", "--max-keep-alive-requests", "0", "--write-timeout", "600",
        "--request-read-timeout", "header=600 body=600", "--worker-connections", "8000",
    ]


class Crowd:
    """Slow clients of all kinds, moved on by one thread."""

    def __init__(self, port):
        self.port = port
        self.idle, self.heads, self.uploads, self.readers = [], [], [], []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._move, daemon=True)
        self.failure = None

    def connect(self, count, first, receive_buffer=None):
        """`count` connections, each of which begins with the bytes `first`."""
        opened = []
        for _ in range(count):
            client = socket.socket()
            if receive_buffer:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            client.connect(("127.0.0.1", self.port))
            client.sendall(first)
            opened.append(client)
        return opened

    def be_idle(self, count):
        """Connections of which each had one answer."""
        opened = []
        for begin in range(0, count, 50):
            batch = self.connect(min(50, count - begin), REQUEST)
            for client in batch:
                client.settimeout(20)
                if b"Hello" not in client.recv(4096):
                    raise WrongAnswer("an idle client got no answer")
            opened += batch
        self.idle += opened

    def come(self, heads, uploads, readers):
        """The slow ones; the readers have begun to read when this returns."""
        self.heads = self.connect(heads, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        self.uploads = self.connect(uploads, UPLOAD)
        self.readers = self.connect(readers, BIG, receive_buffer=4096)
        with selectors.DefaultSelector() as ready:
            for reader in self.readers:
                ready.register(reader, selectors.EVENT_READ)
            end = time.monotonic() + 60
            while ready.get_map():
                if time.monotonic() > end:
                    raise WrongAnswer(f"{len(ready.get_map())} slow readers got nothing")
                for key, _ in ready.select(1):
                    ready.unregister(key.fileobj)
        self._thread.start()

    def _move(self):
        while not self._stop.wait(1):
            try:
                for client in self.heads:
                    client.send(b"a")
                for client in self.uploads:
                    client.send(b"b" * 512)
                for client in self.readers:
                    client.setblocking(False)
                    try:
                        if not client.recv(2048):
                            raise WrongAnswer("a slow reader's response ended")
                    except BlockingIOError:
                        pass
            except (OSError, WrongAnswer) as error:
                self.failure = f"a slow client was lost: {error}"
                return

    def leave(self):
        """All go."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for client in self.idle + self.heads + self.uploads + self.readers:
            client.close()


def status(running):
    """What `plimsoll status --json` says."""
    done = subprocess.run(
        [str(ROOT / "stage" / "bin" / "plimsoll"), "status", "--json", "--pid",
         str(running.process.pid)], capture_output=True, text=True, timeout=20, check=True)
    return json.loads(done.stdout)


def private_bytes(pid):
    """Pages of one process that nobody else has."""
    memory = processes.memory_kib(pid)
    return (memory["Private_Dirty"] + memory["Private_Clean"]) * 1024


def one_round(options):
    """Started fresh: normal requests alone, then memory, then normal requests beside the crowd."""
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as name:
        running = Running(Contender("Plimsoll", server, ""), Place(free_port(), Path(name)))
        crowd = Crowd(running.port)
        everywhere = ",".join(str(core) for core in sorted(os.sched_getaffinity(0)))

        def measure():
            return wrk(running.port, options.seconds, options.connections, everywhere)

        try:
            wrk(running.port, 1, options.connections, everywhere)
            alone = measure()
            front = status(running)["fronts"][0]["pid"]
            # What the first connections make grow, tables and pools, is not what one costs.
            crowd.be_idle(100)
            before = private_bytes(front)
            crowd.be_idle(options.idle)
            idle_bytes = (private_bytes(front) - before) / max(1, options.idle)
            crowd.come(options.heads, options.uploads, options.readers)
            time.sleep(2)
            seen = status(running)
            beside = measure()
            if crowd.failure:
                raise WrongAnswer(crowd.failure)
            check = http.client.HTTPConnection("127.0.0.1", running.port, timeout=5)
            check.request("GET", "/")
            if check.getresponse().status != 200:
                raise WrongAnswer("a normal request failed")
            return {
                "alone": alone, "beside": beside, "idle_bytes": idle_bytes,
                "busy": seen["busy_handlers"], "connections": seen["connections"]["total"],
                "front_bytes": private_bytes(front),
            }
        finally:
            crowd.leave()
            running.stop()


def section(options, rounds, seconds, load):
    """The section of the page."""
    def median(figure):
        return statistics.median(figure(one) for one in rounds)

    lines = [
        TITLE, "",
        "Written by `bench/slow_clients.py`. One front, one worker with four threads. Held all the"
        f" time: {options.idle:,} idle kept-alive connections, {options.heads} request heads of"
        f" which a byte comes each second, {options.uploads} uploads (512 bytes a second),"
        f" {options.readers} readers of 10 MB (2 KiB a second). Normal requests: wrk with"
        f" {options.connections} kept-alive connections for {options.seconds} s, before the others"
        f" come and beside them; medians of {len(rounds)} rounds.", "",
        *report.circumstances(seconds, load), "",
        "| normal requests | alone | beside the slow ones |", "| --- | ---: | ---: |",
    ]
    for name, figure in (
        ("p99 ms", lambda one: one["p99_us"] / 1000), ("p50 ms", lambda one: one["p50_us"] / 1000),
        ("requests/s", lambda one: one["requests"] / one["duration_us"] * 1e6),
    ):
        alone, beside = (median(lambda one, at=at: figure(one[at])) for at in ("alone", "beside"))
        lines.append(f"| {name} | {alone:,.2f} | {beside:,.2f} |")
    ratio = median(lambda one: one["beside"]["p99_us"] / one["alone"]["p99_us"])
    lines += [
        "",
        f"- p99 beside them is **{ratio:.2f} ×** the p99 alone (median over the rounds).",
        f"- Handler threads that the slow clients hold: **{max(one['busy'] for one in rounds)}**"
        f" (`plimsoll status --json`, with {median(lambda one: one['connections']):,.0f}"
        " connections).",
        f"- An idle connection takes **{median(lambda one: one['idle_bytes']):,.0f} bytes** of the"
        " front's private memory; the whole front has"
        f" {median(lambda one: one['front_bytes']) / 1048576:.1f} MiB beside everything.", "",
    ]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="rounds; the median counts (3)")
    parser.add_argument("--seconds", type=int, default=5, help="length of a measurement (5)")
    parser.add_argument("--connections", type=int, default=8, help="normal connections (8)")
    parser.add_argument("--idle", type=int, default=5000, help="idle connections (5000)")
    parser.add_argument("--heads", type=int, default=500, help="slow request heads (500)")
    parser.add_argument("--uploads", type=int, default=200, help="slow uploads (200)")
    parser.add_argument("--readers", type=int, default=200, help="slow readers of 10 MB (200)")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "BENCHMARKS.md")
    options = parser.parse_args()
    needed = options.idle + options.heads + options.uploads + options.readers + 1000
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        sys.exit(f"{needed} descriptors are needed, and {hard} are allowed (ulimit -Hn).")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    began, load = time.time(), os.getloadavg()[0]
    rounds = []
    for number in range(options.rounds):
        one = one_round(options)
        rounds.append(one)
        print(f"round {number + 1}  p99 alone {one['alone']['p99_us'] / 1000:.2f} ms, beside"
              f" {one['beside']['p99_us'] / 1000:.2f} ms; busy handlers {one['busy']};"
              f" {one['idle_bytes']:.0f} bytes per idle connection", flush=True)
    lines = section(options, rounds, time.time() - began, load)
    report.replace_section(options.output, TITLE, lines)
    print(f"Written: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
