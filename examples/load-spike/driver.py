"""What the scripts of this directory share: servers that they start, and clients that ask."""

import asyncio
import contextlib
import ctypes
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

STAGED = Path(__file__).resolve().parent.parent.parent / "stage" / "bin" / "plimsoll"
REQUEST = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
STOP_SECONDS = 40  # for a server to end by itself
PR_SET_PDEATHSIG = 1  # prctl(2)
BUSY = 0.1  # share of the CPU time above which the machine is not idle
NICE = 5  # the servers': clients on the same machine are not to be measured themselves


class Failed(Exception):
    """Why nothing could be measured, in one sentence."""


@dataclass
class Request:
    """One request of one client; times in seconds since the clock started."""

    sent: float
    ended: float
    error: str = ""  # empty: it was answered
    is_first: bool = False  # of a client that came with the spike

    @property
    def seconds(self):
        return self.ended - self.sent


def percentile(values, share):
    """The value that this share of all values is not above; None without values."""
    if not values:
        return None
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def number(value, factor=1.0, digits=0):
    return "-" if value is None else f"{value * factor:,.{digits}f}"


def cpu_share_used():
    """How much of the machine's CPU time is used, in one second before anything was started."""
    def ticks():
        with open("/proc/stat", encoding="ascii") as file:
            values = [int(word) for word in file.readline().split()[1:9]]
        return sum(values), values[3] + values[4]  # proc(5): idle and iowait

    (total, idle), _ = ticks(), time.sleep(1)
    later_total, later_idle = ticks()
    return 1 - (later_idle - idle) / max(1, later_total - total)


# What is said.


def add_program(parser):
    """The option --program; `check_program` looks at what became of it."""
    found = str(STAGED) if STAGED.exists() else shutil.which("plimsoll")
    parser.add_argument("--program", default=found, help="the plimsoll program")


def check_program(parser, options):
    if not options.program or not os.access(options.program, os.X_OK):
        parser.error(f"the plimsoll program is not there ({options.program or STAGED}); "
                     "run `make stage`, or say --program")


def print_seconds(runs, columns, row, marks, end):
    """A line for each second with a row of every run, and lines between them at `marks`, pairs of a
    second and a text."""
    wide = sum(width for _, width in columns)
    heads = "".join(f"{name:>{width}}" for name, width in columns)
    print("       " + "".join(f" | {run.name:^{wide}.{wide}}" for run in runs))
    print(" second" + f" | {heads}" * len(runs))
    for second in range(end):
        for when, text in marks:
            if second == when:
                print(f"------- {text} " + "-" * ((wide + 3) * len(runs) - len(text) - 2))
        print(f"{second + 1:>7}" + "".join(f" | {row(run, second)}" for run in runs))


def print_summary(names, tables, width):
    """What each run did: one column of `width` for each, of pairs of a title and a value."""
    print(f"\n{'':30}" + "".join(f"{name[:width - 2]:>{width}}" for name in names))
    for lines in zip(*tables):
        print(f"{lines[0][0]:30}" + "".join(f"{value:>{width}}" for _, value in lines))
    print("\nSpike: requests sent during it. One without an answer counts with the time it waited.")


# The server.


class Server:
    """One `plimsoll serve`, in a session of its own, ended by `stop()` whatever happened."""

    def __init__(self, program, words, directory, environment, wrapper=()):
        self.program = program
        self.pid_file = directory / "pid"
        self.log = directory / "server.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [
            *wrapper, program, "serve", "--bind", f"127.0.0.1:{self.port}",
            *(["--user", "root"] if os.geteuid() == 0 else []),
            "--pid", str(self.pid_file), *words,
        ]
        library = ctypes.CDLL(None)

        def before_exec():
            library.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # should this script be killed
            os.nice(NICE)

        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": "1"},
                preexec_fn=before_exec)

    def last_words(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return "\n  ".join(["Its log ends with:", *lines[-8:]]) if lines else "Its log is empty."

    def check(self):
        """Fails when the server has ended."""
        code = self.process.poll()
        if code is not None:
            raise Failed(f"The server ended with exit code {code}. {self.last_words()}")

    def pids(self):
        """Every process of the server's session, and what descends from the server."""
        stats = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError):
                    text = Path(f"/proc/{name}/stat").read_text(errors="replace")
                    fields = text[text.rindex(")") + 2 :].split()
                    if fields[0] != "Z":
                        stats[int(name)] = int(fields[1]), int(fields[3])
        found = {pid for pid, (_, session) in stats.items() if session == self.process.pid}
        while more := {pid for pid, (parent, _) in stats.items() if parent in found} - found:
            found |= more
        return found

    def status(self):
        """What `plimsoll status --json` says; None where the program does not know it."""
        command = [self.program, "status", "--json", "--pid", str(self.pid_file)]
        try:
            done = subprocess.run(command, capture_output=True, timeout=10)
            return json.loads(done.stdout) if done.returncode == 0 else None
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return None

    def stop(self):
        """Asks the server to end, waits, and then ends what is left of it."""
        members = self.pids()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        for pid in members & self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


# The clients.


class Client:
    """One visitor: asks for a page, reads it for a while, asks again, on a kept connection."""

    def __init__(self, port, run, began, options, path="/"):
        self.port, self.run, self.began, self.options = port, run, began, options
        self.request = REQUEST % path.encode()
        self.reader = self.writer = None

    def now(self):
        return time.monotonic() - self.began

    async def visit(self, until, at_once):
        """Visits until that second, and finishes the request that is on its way then."""
        try:
            if not at_once:
                await asyncio.sleep(random.uniform(0, self.options.think))
            is_first = at_once
            while self.now() < until:
                await self.ask(is_first)
                is_first = False
                await asyncio.sleep(self.options.think * random.uniform(0.5, 1.5))
        finally:
            self.hang_up()

    async def ask(self, is_first=False):
        request = Request(self.now(), 0, "no answer by the end", is_first)
        try:
            async with asyncio.timeout(self.options.timeout):
                await self.exchange()
            request.error = ""
        except TimeoutError:
            request.error = "time-out"
            self.hang_up()
        except (OSError, EOFError, ValueError) as error:
            request.error = str(error) or type(error).__name__
            self.hang_up()
        finally:
            request.ended = self.now()
            self.run.requests.append(request)
        return request

    async def exchange(self):
        # A server may close a connection on which nothing is asked; asyncio may not know it yet.
        if self.writer is not None and (self.writer.is_closing() or self.has_arrived()):
            self.hang_up()
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(self.request)
        try:
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            raise EOFError("connection closed without an answer") from None
        status, *fields = head.split("\r\n")
        values = {name.lower(): value.strip() for name, _, value in
                  (line.partition(":") for line in fields)}
        try:
            await self.reader.readexactly(int(values.get("content-length", "0")))
        except asyncio.IncompleteReadError:
            raise EOFError("answer cut off") from None
        if status.split()[1] != "200":
            raise ValueError(f"status {status.split()[1]}")
        if values.get("connection", "").lower() == "close":
            self.hang_up()

    def has_arrived(self):
        """Whether something came while nothing was asked: the end of the connection."""
        poll = select.poll()
        poll.register(self.writer.get_extra_info("socket").fileno(), select.POLLIN)
        return self.reader.at_eof() or bool(poll.poll(0))

    def hang_up(self):
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None
