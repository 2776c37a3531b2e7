#!/usr/bin/env python3
"""What clients that keep their connections open and pause do to new ones, under the three MPMs.

40 clients ask, read the page for a while, and ask again on the same connection; meanwhile new
clients come, each with one request. Eight handlers serve them all. Under Apache's policy prefork
and worker behave as httpd's; by default they make room. Printed as a Markdown table.
"""

import argparse
import http.client
import random
import select
import sys
import tempfile
import threading
import time
from pathlib import Path

from servers import PYTHON, ROOT, SERVE, CannotStart, Contender, Place, Running, free_port

SITE = ROOT / "examples" / "load-spike"
SHAPES = [
    ("apache", "prefork", 8, 1), ("apache", "worker", 8, 1), ("apache", "worker", 2, 4),
    ("loadline", "prefork", 8, 1), ("loadline", "worker", 8, 1), ("loadline", "worker", 2, 4),
    ("loadline", "event", 8, 1), ("loadline", "event", 2, 4),
]
PROMPT = 1.0  # seconds within which a new client should have its page
GIVES_UP = 10.0  # seconds after which a client does


class Visits:
    """What the clients saw: seconds until each answer, None where there was none."""

    def __init__(self):
        self.lock = threading.Lock()
        self.kept, self.new = [], []
        self.closed = 0  # connections that the server closed while they were idle

    def add(self, where, began, answered):
        with self.lock:
            where.append((time.monotonic() - began) if answered else None)


def has_ended(connection):
    """Whether the server closed a connection on which nothing is asked."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])


def ask(connection):
    """Whether a page came."""
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        return response.status == 200 and bool(response.read())
    except (OSError, http.client.HTTPException):
        connection.close()  # the next request opens it again
        return False


def keep_visiting(port, visits, end, options, choice):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVES_UP)
    end.wait(choice.uniform(0, options.think))
    while not end.is_set():
        if has_ended(connection):
            connection.close()
            with visits.lock:
                visits.closed += 1
        began = time.monotonic()
        visits.add(visits.kept, began, ask(connection))
        end.wait(options.think * choice.uniform(0.5, 1.5))
    connection.close()


def visit_once(port, visits):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVES_UP)
    began = time.monotonic()
    visits.add(visits.new, began, ask(connection))
    connection.close()


def command(policy, mpm, workers, threads):
    if policy == "apache":
        number = ["--start-servers", str(workers), "--max-request-workers", str(workers * threads)]
    else:
        number = ["--workers", str(workers)]

    def build(place):
        return [
            *SERVE, "app:application",
            "--chdir", str(SITE), "--python", str(PYTHON), "--bind", f"127.0.0.1:{place.port}",
            "--policy", policy, "--mpm", mpm, *number, "--threads", str(threads),
            "--max-keep-alive-requests", "100",
        ]

    return build


def measure(shape, options):
    """One server under the whole load; the visits."""
    contender = Contender(" ".join(map(str, shape)), command(*shape), "", environment={
        "SPIKE_IMPORT_SECONDS": "0", "SPIKE_IMPORT_MB": "0", "SPIKE_VIEW_MS": str(options.view_ms)})
    visits, end, choice = Visits(), threading.Event(), random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as name:
        running = Running(contender, Place(free_port(), Path(name)))
        clients = []
        try:
            first_page(running.port)
            for number in range(options.clients):
                clients.append(threading.Thread(target=keep_visiting, args=(
                    running.port, visits, end, options, random.Random(f"{options.seed} {number}"))))
            for client in clients:
                client.start()
            last = time.monotonic() + options.seconds
            while time.monotonic() < last:
                time.sleep(choice.expovariate(options.arrivals))
                clients.append(threading.Thread(target=visit_once, args=(running.port, visits)))
                clients[-1].start()
            end.set()
            for client in clients:
                client.join()
        finally:
            end.set()
            running.stop()
    return visits


def first_page(port):
    """Returns when the server serves."""
    deadline = time.monotonic() + 20
    while not ask(http.client.HTTPConnection("127.0.0.1", port, timeout=GIVES_UP)):
        if time.monotonic() > deadline:
            raise CannotStart("no page within 20 s")
        time.sleep(0.05)


def share(times, limit):
    """The share of requests, in percent, that were answered within so many seconds."""
    return 100 * sum(one is not None and one <= limit for one in times) / max(1, len(times))


def percentile(times, part):
    """In ms; a request without an answer took as long as its client waited."""
    values = sorted(GIVES_UP if one is None else one for one in times)
    return values[min(len(values) - 1, int(len(values) * part))] * 1000 if values else 0


def row(shape, visits, options):
    both = visits.kept + visits.new
    answered = sum(one is not None for one in both)
    return (
        f"| {shape[0]} | {shape[1]}, {shape[2]} × {shape[3]} | {answered / options.seconds:.1f} "
        f"| {percentile(both, 0.5):,.0f} ms | {percentile(both, 0.99):,.0f} ms "
        f"| {share(visits.new, PROMPT):.0f} % of {len(visits.new)} "
        f"| {percentile(visits.new, 0.5):,.0f} ms | {len(both) - answered} | {visits.closed} |")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--clients", type=int, default=40, help="that keep their connections (40)")
    add("--think", type=float, default=1.0, help="seconds between their requests (1)")
    add("--arrivals", type=float, default=5.0, help="new clients each second (5)")
    add("--seconds", type=float, default=20.0, help="for each server (20)")
    add("--view-ms", type=float, default=20, help="how long a page takes (20)")
    add("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{options.clients} clients that ask every {options.think:g} s and keep their connections"
          f", {options.arrivals:g} new ones a second, {options.seconds:g} s; a page takes "
          f"{options.view_ms:g} ms; clients give up after {GIVES_UP:g} s.\n")
    print("| policy | MPM, processes × threads | answers/s | p50 | p99 "
          f"| new clients served within {PROMPT:g} s | their p50 | unanswered | closed idle |")
    print("| --- | --- " + "| ---: " * 7 + "|")
    for shape in SHAPES:
        try:
            print(row(shape, measure(shape, options), options), flush=True)
        except CannotStart as error:
            sys.exit(f"starvation.py: {' '.join(map(str, shape))}: {error}")


if __name__ == "__main__":
    main()
