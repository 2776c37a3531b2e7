#!/usr/bin/env python3
"""Runs the Django site in 256 MB: one client, then 150, under Apache's policy and Plimsoll's.

What happens is shown second by second, side by side, and drawn into an SVG file. Root is needed for
the memory control group. The script needs Python's standard library only, the site needs Django.
"""

import argparse
import asyncio
import os
import shlex
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import chart
import driver
from driver import BUSY, Client, Failed, Server, cpu_share_used, number, percentile
from memory_group import MemoryGroup

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
SITE = HERE.parent / "django-site"
PATH = "/slow/"
MB = 1 << 20
LOOK_EVERY = 0.25  # seconds between two looks at the group
START_SECONDS = 60  # for the first page
WAIT_AFTER_ERROR = 0.5  # seconds until a client tries again
# What can be compared: name and options of `plimsoll serve`.
CHOICES = {
    "apache": ("Apache's policy, prefork",
               "--policy apache --mpm prefork --preset stock-prefork --no-preload"),
    "default": ("Plimsoll's default", ""),
    "prefork": ("Plimsoll, 150 processes", "--mpm prefork --workers 1-150 --warm /slow/"),
}


@dataclass
class Look:
    """The group at one moment."""

    when: float  # seconds since the clock started
    usage_bytes: int
    processes: int
    oom_kills: int


@dataclass
class Run:
    """What one server did."""

    name: str
    options: str
    requests: list = field(default_factory=list)
    looks: list = field(default_factory=list)
    ended: float | None = None  # when the server ended by itself

    def looks_in(self, second):
        return [one for one in self.looks if int(one.when) == second]

    def answered_in(self, second):
        return [one for one in self.requests if not one.error and int(one.ended) == second]


class Watch(threading.Thread):
    """Looks at the group while a server runs, until `stop()`."""

    def __init__(self, group, server, run, began):
        super().__init__()
        self.group, self.server, self.run_of, self.began = group, server, run, began
        self.stopping = threading.Event()

    def run(self):
        group, run = self.group, self.run_of
        while not self.stopping.wait(LOOK_EVERY):
            when = time.monotonic() - self.began
            run.looks.append(
                Look(when, group.usage_bytes, len(group.pids), group.oom_kills))
            if run.ended is None and self.server.process.poll() is not None:
                run.ended = when

    def stop(self):
        self.stopping.set()
        self.join()


# The clients.


async def visit(client, until):
    """Asks again and again until that second, each time as soon as the answer is there."""
    try:
        while client.now() < until:
            request = await client.ask()
            if request.error:
                await asyncio.sleep(WAIT_AFTER_ERROR)
    finally:
        client.hang_up()


async def first_page(server, options):
    """Returns when the server has answered for the first time."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        server.check()
        client = Client(server.port, Run("", ""), time.monotonic(), options, PATH)
        request = await client.ask()
        client.hang_up()
        if not request.error:
            return
        if time.monotonic() > deadline:
            raise Failed(f"No page in {START_SECONDS} s: {request.error}. {server.last_words()}")
        await asyncio.sleep(0.1)


async def load(server, group, run, options):
    """One client from the first page on, all of them during the spike."""
    await first_page(server, options)
    began = time.monotonic()
    spike, after, end = phases(options)
    watch = Watch(group, server, run, began)
    watch.start()
    tasks = []

    def visitors(count, until):
        for _ in range(count):
            client = Client(server.port, run, began, options, PATH)
            tasks.append(asyncio.create_task(visit(client, until)))

    try:
        visitors(1, end)
        for second in range(end):
            if second == spike:
                visitors(options.clients - 1, after)
            await asyncio.sleep(max(0, began + second + 1 - time.monotonic()))
            tell_progress(run, second, end)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        watch.stop()


def tell_progress(run, second, end):
    line = f"{run.name}: second {second + 1} of {end}"
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="" if second + 1 < end else "\n", file=sys.stderr, flush=True)
    elif (second + 1) % 10 == 0:
        print(line, file=sys.stderr, flush=True)


def phases(options):
    """When the spike begins, when it ends, and when all ends, in seconds."""
    spike = options.quiet
    return spike, spike + options.seconds, spike + options.seconds + options.after


def measure(choice, options):
    """Runs the spike against one server, in a group of its own."""
    name, text = CHOICES[choice]
    run = Run(name, text)
    words = ["mysite.wsgi", "--chdir", str(SITE), "--python", options.python, *shlex.split(text)]
    with tempfile.TemporaryDirectory(prefix="plimsoll-spike-") as directory:
        group = MemoryGroup(options.megabytes * MB)
        server = None
        try:
            environment = {"SITE_DATA": directory}
            server = Server(options.program, words, Path(directory), environment, group.wrapper)
            asyncio.run(load(server, group, run, options))
        finally:
            try:
                if server is not None:
                    server.stop()
            finally:
                group.remove()
    return run


# The report.


COLUMNS = [("MB", 5), ("procs", 6), ("killed", 7), ("req/s", 6), ("p99 ms", 8)]


def figures(run, second):
    """One second: memory in MB, processes, all that were killed, requests answered, p99 in s."""
    looks = run.looks_in(second)
    times = [one.seconds for one in run.answered_in(second)]
    return (
        max((one.usage_bytes / MB for one in looks), default=None),
        looks[-1].processes if looks else None,
        looks[-1].oom_kills if looks else None,
        len(times),
        percentile(times, 0.99),
    )


def row(run, second):
    """One second of one server, as wide as the columns."""
    *whole, p99 = figures(run, second)
    cells = [*map(number, whole), number(p99, 1000)]
    return "".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, COLUMNS))


def print_seconds(runs, options):
    spike, after, end = phases(options)
    marks = [(spike, f"{options.clients} clients"), (after, "1 client")]
    driver.print_seconds(runs, COLUMNS, row, marks, end)
    print("Most memory of each second; processes at its end, the supervisor included; processes "
          "that the\nkernel has killed so far; requests answered in the second, and how long "
          "they took.")


def summary(run, options):
    """What one server did, as pairs of a title and a value."""
    spike, after, _ = phases(options)
    during = [one for one in run.requests if spike <= one.sent < after]
    answered = [one for one in run.requests if not one.error and spike <= one.ended < after]
    times = [one.seconds for one in during]
    unanswered = [one for one in during if one.error.startswith("no answer")]
    failed = sum(bool(one.error) for one in during) - len(unanswered)
    return [
        ("spike: requests/s", number(len(answered) / options.seconds, digits=1)),
        ("spike: median", number(percentile(times, 0.5), 1000) + " ms"),
        ("spike: p99", number(percentile(times, 0.99), 1000) + " ms"),
        ("spike: longest", number(max(times, default=None), 1000) + " ms"),
        ("failed requests", number(failed)),
        ("without an answer by the end", number(len(unanswered))),
        ("most processes", number(max((one.processes for one in run.looks), default=None))),
        ("most memory", number(max((one.usage_bytes for one in run.looks), default=None), 1 / MB)
         + f" of {options.megabytes} MB"),
        ("killed by the kernel (OOM)", number(run.looks[-1].oom_kills if run.looks else None)),
        ("the server itself", "served to the end" if run.ended is None
         else f"was killed after {run.ended:.0f} s"),
    ]


def print_summary(runs, options):
    driver.print_summary([run.name for run in runs], [summary(run, options) for run in runs], 28)


def draw(runs, options):
    """The chart, as the text of an SVG file."""
    spike, after, end = phases(options)
    colours = [list(CHOICES).index(one) for one in options.servers]
    points = [[figures(run, second) for second in range(end)] for run in runs]

    def lines(column):
        return [(colour, [(second + 0.5, one[column]) for second, one in enumerate(seconds)])
                for colour, seconds in zip(colours, points)]

    def looks(value):
        return [(colour, [(one.when, value(one)) for one in run.looks])
                for colour, run in zip(colours, runs)]

    clients = f"1 → {options.clients} clients on {PATH}"
    return chart.draw(
        f"The Django site in {options.megabytes} MB, {clients}",
        [*zip(colours, (run.name for run in runs))], end,
        [(spike, f"{options.clients} clients"), (after, "1 client")],
        [
            chart.Panel("Memory, MB", looks(lambda one: one.usage_bytes / MB), height=150,
                        limit=(options.megabytes, f"limit {options.megabytes} MB")),
            chart.Panel("Processes", looks(lambda one: one.processes)),
            chart.Panel("Requests answered per second", lines(3)),
            chart.Panel("Latency p99, s", lines(4), is_logarithmic=True),
        ])


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Runs the Django site in a memory control group while 150 clients come, under "
        "Apache's process policy and under Plimsoll's; shows and draws each second.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("servers", nargs="*", default=["apache", "default"], metavar="SERVER",
        help=f"what to compare: {', '.join(CHOICES)}")
    add("--clients", type=int, default=150, help="clients during the spike")
    add("--megabytes", type=int, default=256, help="limit of the control group")
    add("--quiet", type=int, default=5, help="seconds before the spike, with one client")
    add("--seconds", type=int, default=30, help="seconds of the spike")
    add("--after", type=int, default=10, help="seconds after the spike, with one client")
    add("--timeout", type=float, default=60.0, help="seconds after which a client gives up")
    add("--svg", default="memory.svg", help="file for the chart")
    driver.add_program(parser)
    site = TOP / ".venv" / "bin" / "python"
    add("--python", default=str(site) if site.exists() else sys.executable,
        help="the Python that has Django; 3.12 and newer share more memory")
    options = parser.parse_args()
    for one in options.servers:
        if one not in CHOICES:
            parser.error(f"there is no server {one!r}; choose from {', '.join(CHOICES)}")
    driver.check_program(parser, options)
    return options


def main():
    options = parse_arguments()
    MemoryGroup(options.megabytes * MB).remove()  # fails now, not after the first minute
    print(f"{options.megabytes} MB; {PATH} waits 0.2 s; 1 client, then {options.clients}, each "
          f"asks again at once. {os.cpu_count()} CPUs.")
    if (busy := cpu_share_used()) > BUSY:
        print(f"Others use {busy:.0%} of this machine's CPU time, and distort the figures.")
    for one in options.servers:
        name, text = CHOICES[one]
        print(f"  {name}: plimsoll serve mysite.wsgi {text}".rstrip())
    print(flush=True)
    runs = [measure(one, options) for one in options.servers]
    print_seconds(runs, options)
    print_summary(runs, options)
    Path(options.svg).write_text(draw(runs, options), encoding="utf-8")
    print(f"\nThe chart is in {options.svg}.")


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"memory.py: {failed}")
    except KeyboardInterrupt:
        sys.exit("\nmemory.py: interrupted; the servers are stopped.")
