"""The server under test: started, watched, signalled and stopped, with nothing left behind."""

import contextlib
import ctypes
import itertools
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

from . import processes
from .interpreters import REPOSITORY
from .processes import wait_until
from .wire import Connection

APPS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "apps")
# More options for every server: which mode it is tried in, where a test does not say it.
TEST_OPTIONS = os.environ.get("PLIMSOLL_TEST_OPTIONS", "--mode embedded").split()
DAEMON = "daemon" in TEST_OPTIONS
# Root has to say that the application may run as root.
AS_ROOT = ["--user", "root"] if os.geteuid() == 0 else []
STAGE = os.path.abspath(os.environ.get("PLIMSOLL_STAGE", os.path.join(REPOSITORY, "stage")))
START_DEADLINE = 40.0
STOP_DEADLINE = 40.0

_used_ports = set()


def names_user(words):
    """Whether a command line says itself who runs the application."""
    return any(word == "-u" or word.startswith("--user") for word in words)


def free_port(host="127.0.0.1"):
    """A port that nobody listens on now, never the same one twice."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in itertools.count():
        with socket.socket(family) as probe:
            probe.bind((host, 0))
            port = probe.getsockname()[1]
        if port not in _used_ports:
            _used_ports.add(port)
            return port


_libc = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


def _end_with_the_tests():
    """Between fork and exec: should the tests die, the kernel tells the server to stop."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class DidNotStart(AssertionError):
    """The server ended or stayed silent instead of becoming ready."""


class Server:
    """One `plimsoll serve`, ready to answer when the constructor returns.

    `bind` is None for a free loopback port, "unix" for a socket in `directory`, or "none" where
    `options` say it all. Options may come as one text each or as single words.
    """

    def __init__(
        self, app, *options, python=None, bind=None, directory, chdir=APPS, stage=STAGE,
        wrapper=(), pass_fds=(), wait=True, **env,
    ):
        os.makedirs(directory, exist_ok=True)
        self.directory = str(directory)
        self.error_log = os.path.join(self.directory, "stderr.log")
        self.output_log = os.path.join(self.directory, "stdout.log")
        self.host, self.port, self.path = "127.0.0.1", None, None
        words = [os.path.join(stage, "bin", "plimsoll"), "serve"]
        words += TEST_OPTIONS
        words += [app] if app is not None else []
        if bind is None:
            self.port = free_port()
            words += ["--bind", f"127.0.0.1:{self.port}"]
        elif bind == "unix":
            self.path = os.path.join(self.directory, "s")
            words += ["--bind", f"unix:{self.path}"]
        if chdir is not None:
            words += ["--chdir", str(chdir)]
        if python != "unset":
            words += ["--python", python or sys.executable]
        options = [str(option) for option in options]
        words += options if names_user(options) else AS_ROOT + options
        # Tests count workers, and know which process is the mold; those of reforking say so.
        if not any("--refork-after" in word for word in words):
            words += ["--refork-after", "0"]
        self.command = words
        # An abstract socket: reachable for every user, and gone with the descriptor.
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"\0plimsoll-test-{os.getpid()}-{time.monotonic_ns()}"
        self._notify.bind(name)
        self.notifications = []
        environment = {
            key: value for key, value in os.environ.items()
            if key not in ("VIRTUAL_ENV", "PYTHONPATH", "LISTEN_FDS", "LISTEN_PID", "NOTIFY_SOCKET")
        }
        environment["NOTIFY_SOCKET"] = "@" + name[1:]
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        environment.update({key: str(value) for key, value in env.items()})
        with open(self.error_log, "ab") as errors, open(self.output_log, "ab") as output:
            self.process = subprocess.Popen(
                [*wrapper, *words], stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                start_new_session=True, env=environment, pass_fds=pass_fds,
                preexec_fn=_end_with_the_tests,
            )
        self.pid = self.process.pid
        self.stopped = False
        self.logged_before = 0
        if wait:
            try:
                self.wait_until_ready()
                # The server is ready with its first worker; a test counts on those it asked for.
                if "--workers" in words:
                    least = words[words.index("--workers") + 1].split("-")[0]
                    self.wait_for_workers(int(least))
            except BaseException:
                self.kill()
                raise

    # Readiness.

    def wait_until_ready(self, deadline=START_DEADLINE):
        """Returns when the server said READY=1; fails when it ended, or said nothing in time."""
        try:
            self.wait_for_notification("READY=1", deadline)
        except AssertionError as error:
            raise DidNotStart(f"{error}\n{self.log_text()}") from None
        return self

    def wait_for_notification(self, line, deadline=15.0):
        """Returns when the server sent this line to NOTIFY_SOCKET; each one counts once."""
        end = time.monotonic() + deadline
        watch = os.pidfd_open(self.pid) if self.process.poll() is None else None
        try:
            while True:
                if line in self.notifications:
                    self.notifications.remove(line)
                    return
                waiting = [self._notify] + ([watch] if watch is not None else [])
                ready, _, _ = select.select(waiting, [], [], max(0, end - time.monotonic()))
                if self._notify in ready:
                    self.notifications += self._notify.recv(8192).decode().split("\n")
                elif watch in ready or (watch is None and not ready):
                    raise AssertionError(
                        f"the server ended with {self.process.wait(5)} before it said {line}"
                    )
                elif not ready:
                    raise AssertionError(f"no {line} in {deadline} s")
        finally:
            if watch is not None:
                os.close(watch)

    # Talking to it.

    @property
    def address(self):
        return self.path if self.path else (self.host, self.port)

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def connect(self, **options):
        return Connection(self.address, **options)

    def request(self, method="GET", target="/", headers=(), body=b"", version="1.1", **options):
        """One request on a connection of its own."""
        with self.connect(**options) as connection:
            return connection.request(method, target, headers, body, version)

    def get(self, target="/", headers=()):
        return self.request("GET", target, headers)

    # Watching it.

    def log_text(self):
        with open(self.error_log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def output_text(self):
        with open(self.output_log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_for_log(self, pattern, deadline=15.0, text=None):
        """The first match of a regular expression in the error log (or what `text` reads)."""
        read = text or self.log_text
        try:
            return wait_until(lambda: re.search(pattern, read(), re.M), deadline, f"/{pattern}/")
        except AssertionError as error:
            raise AssertionError(f"{error} in the log:\n{read()[-6000:]}") from None

    def titled(self, role):
        """Numbers of the processes that call themselves `plimsoll: ROLE…`, oldest first."""
        found = sorted(processes.family(self.pid), key=lambda process: (process.start, process.pid))
        return [p.pid for p in found if processes.title(p.pid).startswith(f"plimsoll: {role}")]

    def worker_pids(self):
        return self.titled("worker")

    def wait_for_workers(self, count, without=(), deadline=15.0):
        """The workers' numbers, once there are exactly `count` and none of `without`."""

        def complete():
            pids = self.worker_pids()
            return pids if len(pids) == count and not set(pids) & set(without) else None

        return wait_until(complete, deadline, f"{count} workers, none of {without}")

    # Ending it.

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, deadline=STOP_DEADLINE):
        """The exit code of the server, once it ended by itself."""
        code = self.process.wait(deadline)
        self.stopped = True
        return code

    def stop(self, code=0):
        """Stops the server with TERM and asserts its exit code and that no process is left."""
        if self.stopped:
            return
        family = processes.family(self.pid)
        try:
            self.signal(signal.SIGTERM)
            found = self.wait()
            assert found == code, f"exit code {found} instead of {code}\n{self.log_text()[-4000:]}"
            self.expect_nothing_left(family)
        finally:
            self.kill(family)

    def expect_nothing_left(self, family=()):
        """Asserts that every process of the server is gone."""
        members = set(family) | processes.family(self.pid)

        def left():
            alive = {p for p in members | processes.family(self.pid) if p.is_alive}
            return not alive or None

        try:
            wait_until(left, 3.0, "the processes to end")
        except AssertionError:
            rest = [(p.pid, processes.title(p.pid)) for p in members if p.is_alive]
            raise AssertionError(f"left behind: {rest}\n{self.log_text()[-4000:]}") from None

    def kill(self, family=()):
        """Ends whatever is left of this server, and only that."""
        members = set(family) | processes.family(self.pid)
        if self.process.poll() is None:
            self.process.kill()
        for member in members:
            if member.is_alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member.pid, signal.SIGKILL)
        self.process.wait(10)
        self._notify.close()
        self.stopped = True


def run_to_its_end(*words, chdir=None, deadline=40.0, stage=STAGE, **env):
    """Runs `plimsoll` with these words; it should end by itself: (code, standard error, output)."""
    words = [str(word) for word in words]
    if words[:1] == ["serve"] and not names_user(words):
        words[1:1] = AS_ROOT
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    environment.update({key: str(value) for key, value in env.items()})
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [os.path.join(stage, "bin", "plimsoll"), *words],
            stdin=subprocess.DEVNULL, stdout=output, stderr=errors, env=environment,
            cwd=chdir or APPS, start_new_session=True,
        )
        try:
            code = process.wait(deadline)
            ended = True
        except subprocess.TimeoutExpired:
            ended = False
        left = processes.family(process.pid)
        for member in left:
            if member.is_alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member.pid, signal.SIGKILL)
        process.wait(10)
        errors.seek(0)
        output.seek(0)
        text = errors.read().decode("utf-8", "replace")
        assert ended, f"`plimsoll {' '.join(words)}` did not end in {deadline} s:\n{text}"
        return code, text, output.read().decode("utf-8", "replace")
