#!/usr/bin/env python3
"""Runs the same load spike against Apache's process policy and against Plimsoll's default.

A few clients visit a site; suddenly many more do; then they are gone. What happens is shown second
by second, side by side. Python's standard library is all that is needed.
"""

import argparse
import asyncio
import contextlib
import os
import shlex
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import driver
from driver import BUSY, Client, Failed, Server, cpu_share_used, number, percentile

HERE = Path(__file__).resolve().parent
APACHE = "--policy apache --mpm prefork --preset stock-prefork --no-preload"
APPLICATION = ["app:application", "--chdir", str(HERE), "--python", sys.executable]
START_SECONDS = 60  # for the first page
MEMORY_EVERY = 5  # seconds; reading the memory of many processes takes time itself
STOCK_PROCESSES = 150  # MaxRequestWorkers of the stock prefork block
PROCESS_MB = 15  # a Python process without the application, roughly
LOOK_EARLY = 0.05  # seconds before the end of a second; the spike begins with a second


# What is measured.


@dataclass
class Sample:
    """The server at one moment. What could not be read is None."""

    processes: int | None = None
    busy: int | None = None
    memory_bytes: int | None = None


@dataclass
class Run:
    """What one server did."""

    name: str
    options: str
    requests: list = field(default_factory=list)
    samples: dict = field(default_factory=dict)  # by second
    import_seconds: dict = field(default_factory=dict)  # CPU time, by second
    imports: int = 0
    imports_unfinished: int = 0
    has_status: bool = True

    def answered_in(self, second):
        return [one for one in self.requests if not one.error and int(one.ended) == second]


# The server.


def sample_of(server, has_status, with_memory):
    """Workers, busy handlers and, when asked for, the memory of all processes together."""
    sample = Sample()
    status = server.status() if has_status else None
    if status is not None:
        sample.processes, sample.busy = count_busy(status)
    if status is None or with_memory:
        pids = server.pids()
        if status is None:
            sample.processes = sum(is_worker(pid) for pid in pids)
        if with_memory:
            sample.memory_bytes = sum(pss_bytes(pid) for pid in pids)
    return sample


def count_busy(status):
    """Processes and busy handlers in what `plimsoll status --json` says, ending ones included."""
    return len(status["workers"]), status["busy_handlers"] + status["graceful_handlers"]


def is_worker(pid):
    """Whether a process calls itself a worker, in ps."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"plimsoll: worker")
    return False


def pss_bytes(pid):
    """Memory of a process, pages that n processes share counted as one nth; 0 when it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def read_imports(path, run, began):
    """Puts the CPU time that the application's imports took into the run, by second."""
    begun, ended = set(), set()
    for line in path.read_text().splitlines() if path.exists() else ():
        when, pid, seconds, state = line.split()
        second = int(float(when) - began) if float(when) >= began else -1
        run.import_seconds[second] = run.import_seconds.get(second, 0) + float(seconds)
        begun.add(pid)
        if state == "end":
            ended.add(pid)
    run.imports, run.imports_unfinished = len(begun), len(begun - ended)


async def watch(server, run, began, end):
    """Looks at the server at the end of each second."""
    second = 0
    while second < end:
        await asyncio.sleep(began + second + 1 - LOOK_EARLY - time.monotonic())
        server.check()
        with_memory = (second + 1) % MEMORY_EVERY == 0
        run.samples[second] = await asyncio.to_thread(
            sample_of, server, run.has_status, with_memory)
        tell_progress(run, second, end)
        # Where the machine was too busy to look once a second, seconds stay empty.
        second = max(second + 1, int(time.monotonic() - began + LOOK_EARLY))


def tell_progress(run, second, end):
    processes = run.samples[second].processes
    line = f"{run.name}: second {second + 1} of {end}, {processes} processes"
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
    elif (second + 1) % 10 == 0:
        print(line, file=sys.stderr, flush=True)


async def first_page(server, run, options):
    """Returns when the server has answered for the first time."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        server.check()
        trial = Run(run.name, "")
        client = Client(server.port, trial, time.monotonic(), options)
        await client.ask()
        client.hang_up()
        if not trial.requests[0].error:
            return
        if time.monotonic() > deadline:
            raise Failed(f"No page in {START_SECONDS} s: {trial.requests[0].error}. "
                         f"{server.last_words()}")
        await asyncio.sleep(0.1)


async def load(server, run, options):
    """The spike, from the first page on; returns when the clock started."""
    await first_page(server, run, options)
    run.has_status = server.status() is not None
    began = time.monotonic()
    spike, after, end = phases(options)
    tasks = [asyncio.create_task(watch(server, run, began, end))]

    def visitors(count, until, at_once):
        for _ in range(count):
            client = Client(server.port, run, began, options)
            tasks.append(asyncio.create_task(client.visit(until, at_once)))

    try:
        visitors(options.quiet_clients, end, at_once=False)
        waiting = asyncio.create_task(asyncio.sleep(spike))
        await asyncio.wait({tasks[0], waiting}, return_when=asyncio.FIRST_COMPLETED)
        visitors(options.clients, after, at_once=True)
        await tasks[0]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return began


def phases(options):
    """When the spike begins, when it ends, and when all ends, in seconds."""
    spike = options.quiet
    return spike, spike + options.seconds, spike + options.seconds + options.after


def measure(name, words, options):
    """Runs the spike against one server."""
    run = Run(name, words)
    with tempfile.TemporaryDirectory(prefix="plimsoll-spike-") as directory:
        imports = Path(directory) / "imports"
        server = Server(options.program, [*APPLICATION, *shlex.split(words)], Path(directory), {
            "SPIKE_IMPORT_SECONDS": str(options.import_seconds),
            "SPIKE_IMPORT_MB": str(options.import_mb),
            "SPIKE_VIEW_MS": str(options.view_ms),
            "SPIKE_IMPORT_LOG": str(imports),
        })
        try:
            began = asyncio.run(load(server, run, options))
        finally:
            # A second Ctrl-C does not keep the server from being stopped.
            handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                server.stop()
            finally:
                signal.signal(signal.SIGINT, handler)
        read_imports(imports, run, began)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return run


# The report.


COLUMNS = [("procs", 6), ("busy", 5), ("req/s", 6), ("p50 ms", 7), ("p99 ms", 7), ("import", 7)]


def row(run, second):
    """One second of one server, as wide as the columns."""
    sample = run.samples.get(second, Sample())
    times = [one.seconds for one in run.answered_in(second)]
    cells = [
        number(sample.processes), number(sample.busy), str(len(times)),
        number(percentile(times, 0.5), 1000), number(percentile(times, 0.99), 1000),
        number(run.import_seconds.get(second, 0), digits=2),
    ]
    return "".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, COLUMNS))


def print_seconds(runs, options):
    spike, after, end = phases(options)
    marks = [(spike, f"{options.clients} more clients"), (after, "they are gone")]
    driver.print_seconds(runs, COLUMNS, row, marks, end)
    print("Processes and busy handlers at the end of each second; times of the requests answered\n"
          "in it; import: CPU seconds that processes spent importing the application.")
    if not all(run.has_status for run in runs):
        print("Busy handlers are unknown: this program has no `plimsoll status --json`.")


def summary(run, options, errors):
    """What one server did, as pairs of a title and a value."""
    spike, after, _ = phases(options)
    during = [one for one in run.requests if spike <= one.sent < after]
    times = [one.seconds for one in during]
    counts = {error: sum(one.error == error for one in run.requests) for error in errors}
    processes = [one.processes for one in run.samples.values() if one.processes is not None]
    memory = [one.memory_bytes for one in run.samples.values() if one.memory_bytes is not None]
    first = [one for one in run.requests if one.is_first]
    prompt = sum(not one.error and one.seconds <= 1 for one in first)
    imports = f"{run.imports} import{'s' * (run.imports != 1)}"
    if run.imports_unfinished:
        imports += f", {run.imports_unfinished} unfinished"
    return [
        ("most processes", number(max(processes, default=None))),
        ("requests answered", number(len(run.requests) - sum(counts.values()))),
        ("newcomers served within 1 s", f"{prompt} of {len(first)}"),
        ("spike: median", number(percentile(times, 0.5), 1000) + " ms"),
        ("spike: p99", number(percentile(times, 0.99), 1000) + " ms"),
        ("spike: longest", number(max(times, default=None), 1000) + " ms"),
        ("errors", number(sum(counts.values()))),
        *((f"  {error[:30]}", number(count)) for error, count in counts.items()),
        ("CPU spent in imports", number(sum(run.import_seconds.values()), digits=1) + " s"),
        ("", imports),
        ("most memory (sum of PSS)", number(max(memory, default=None), 1e-6) + " MB"),
    ]


def print_summary(runs, options):
    errors = sorted({one.error for run in runs for one in run.requests if one.error})
    tables = [summary(run, options, errors) for run in runs]
    driver.print_summary([run.name for run in runs], tables, 34)


def check_memory(options):
    """Fails before a machine is driven into swapping."""
    text = Path("/proc/meminfo").read_text()
    available = next(int(line.split()[1]) for line in text.splitlines()
                     if line.startswith("MemAvailable:")) / 1000
    needed = options.max_processes * (options.import_mb + PROCESS_MB)
    if needed > available * 0.8:
        most = max(1, int(available * 0.8 / (options.import_mb + PROCESS_MB)))
        raise Failed(
            f"Apache's policy may start {options.max_processes} processes, which take about "
            f"{needed:,.0f} MB; {available:,.0f} MB are available. Say --max-processes {most} to "
            "stay below that.")


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Runs the same load spike against Apache's process policy and against "
        "Plimsoll's default, and shows both second by second.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add = parser.add_argument
    add("--clients", type=int, default=60, help="clients that come suddenly")
    add("--quiet-clients", type=int, default=2, help="clients that are there all the time")
    add("--think", type=float, default=1.0, help="seconds between a client's requests, on average")
    add("--quiet", type=int, default=5, help="seconds before the spike")
    add("--seconds", type=int, default=30, help="seconds of the spike")
    add("--after", type=int, default=10, help="seconds after the spike")
    add("--timeout", type=float, default=60.0, help="seconds after which a client gives up")
    add("--view-ms", type=float, default=50, help="how long a page waits")
    add("--import-seconds", type=float, default=0.5, help="CPU time of the application's import")
    add("--import-mb", type=float, default=30, help="memory that the import fills")
    add("--max-processes", type=int, default=STOCK_PROCESSES,
        help="--max-request-workers for Apache's policy")
    add("--left", default=APACHE, help="options of the first server")
    add("--right", default="", help="options of the second server; none: the default")
    add("--only", choices=["left", "right"], help="run only one of them")
    driver.add_program(parser)
    options = parser.parse_args()
    driver.check_program(parser, options)
    return options


def called(words):
    """What a server with these options is called in tables."""
    return {APACHE: "Apache's policy, prefork", "": "Plimsoll's default"}.get(words, words)


def main():
    options = parse_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sides = []
    if options.only != "right":
        words = options.left
        if words == APACHE:
            if options.max_processes != STOCK_PROCESSES:
                words += f" --max-request-workers {options.max_processes}"
            check_memory(options)
        sides.append((called(options.left), words))
    if options.only != "left":
        sides.append((called(options.right), options.right))
    print(f"Import: {options.import_seconds:g} s of CPU, {options.import_mb:g} MB. A page waits "
          f"{options.view_ms:g} ms. {options.quiet_clients} clients, then {options.clients} more, "
          f"each asks every {options.think:g} s. {os.cpu_count()} CPUs.")
    if (busy := cpu_share_used()) > BUSY:
        print(f"Others use {busy:.0%} of this machine's CPU time, and distort the figures.")
    for name, words in sides:
        print(f"  {name}: plimsoll serve app:application {words}".rstrip())
    print(flush=True)
    runs = [measure(name, words, options) for name, words in sides]
    print_seconds(runs, options)
    print_summary(runs, options)


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"spike.py: {failed}")
    except KeyboardInterrupt:
        sys.exit("\nspike.py: interrupted; the servers are stopped.")
