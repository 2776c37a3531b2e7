"""The servers that are compared: how each is started with one process and one thread."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import processes

ROOT = Path(__file__).resolve().parent.parent
HELLO = ROOT / "examples" / "hello"
PYTHON = ROOT / ".venv-bench" / "bin" / "python"
APACHE_MODULES = Path("/usr/lib/apache2/modules")
# The command that serves; root has to say that it means it.
SERVE = [str(ROOT / "stage" / "bin" / "plimsoll"), "serve",
         *(["--user", "root"] if os.geteuid() == 0 else [])]


class CannotStart(Exception):
    """Why a server is not measured, in one sentence."""


@dataclass
class Place:
    """Where one server runs: its port and a directory that others may read."""

    port: int
    directory: Path


@dataclass
class Contender:
    """A server: its name, how it is started, and what a reader should know of the set-up."""

    name: str
    command: callable
    package: str
    note: str = ""
    environment: dict = field(default_factory=dict)
    debian: tuple = ()


def _script(text):
    """A command that runs a few lines of Python with the application imported."""

    def command(place):
        lines = f"import sys\nsys.path.insert(0, {str(HELLO)!r})\nimport hello\n{text}"
        return [str(PYTHON), "-c", lines.format(port=place.port)]

    return command


def _tool(name, *words):
    """A command of the virtual environment; {port} in a word is replaced."""

    def command(place):
        program = PYTHON.parent / name
        if not program.exists():
            raise CannotStart(f"{name} is not in {PYTHON.parent.parent.name}")
        return [str(program), *(word.format(port=place.port) for word in words)]

    return command


def plimsoll_command(port, *options):
    """`plimsoll serve` of the hello application: one worker, one thread."""
    return [
        *SERVE, "hello.py", "--chdir", str(HELLO), "--python", str(PYTHON),
        "--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", "1", *options,
    ]


def _plimsoll(place):
    # The other servers have no limit, or none here; 0 is no limit.
    return plimsoll_command(place.port, "--mode", "embedded", "--max-keep-alive-requests", "0")


def apache_command(place, threads, more=""):
    """Apache with one process and so many threads, and lines of configuration."""
    missing = [name for name in ("mpm_event", "authz_core", "wsgi")
               if not (APACHE_MODULES / f"mod_{name}.so").exists()]
    program = shutil.which("apache2", path="/usr/sbin:/usr/bin")
    if not program or missing:
        raise CannotStart("apache2-bin and libapache2-mod-wsgi-py3 are not installed")
    # Apache gives up root, and what it serves must be readable afterwards.
    shutil.copy(HELLO / "hello.py", place.directory)
    text = (ROOT / "bench" / "apache.conf").read_text().format(
        directory=place.directory, port=place.port, threads=threads, modules=APACHE_MODULES,
        more=more, identity="User www-data\nGroup www-data" if os.geteuid() == 0 else "")
    (place.directory / "apache.conf").write_text(text)
    return [program, "-f", str(place.directory / "apache.conf"), "-D", "FOREGROUND"]


def _apache(threads):
    return lambda place: apache_command(place, threads)


APACHE = ("apache2-bin", "libapache2-mod-wsgi-py3")
UWSGI = ("--master", "--processes", "1", "--chdir", str(HELLO), "--module", "hello",
         "--disable-logging", "--die-on-term", "--need-app")

CONTENDERS = {
    "plimsoll": Contender(
        "Plimsoll", _plimsoll, "",
        "`--mode embedded --workers 1 --threads 1`. PSS and CPU are of supervisor, mold "
        "and worker together."),
    "bjoern": Contender(
        "bjoern", _script("import bjoern\nbjoern.run(hello.application, '127.0.0.1', {port})"),
        "bjoern", "One process, one thread, by design; no supervisor."),
    "fastpysgi": Contender(
        "fastpysgi",
        _script("import fastpysgi\nfastpysgi.server.loglevel = 0\n"
                "fastpysgi.run(hello.application, '127.0.0.1', {port})"),
        "fastpysgi", "One process, one thread, by design; no supervisor."),
    "granian": Contender(
        "Granian",
        _tool("granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "{port}",
              "--workers", "1", "--blocking-threads", "1", "--no-ws", "--no-access-log",
              "--working-dir", str(HELLO), "hello:application"),
        "granian", "WSGI interface, 1 worker, 1 blocking thread; its I/O has a thread of its own."),
    "uwsgi": Contender(
        "uWSGI, http11-socket", _tool("uwsgi", "--http11-socket", "127.0.0.1:{port}", *UWSGI),
        "uwsgi", "Keeps connections alive, and a kept one holds the only handler: see the column"
        " “at once”. The other 63 connections wait, so its latency is that of one connection."),
    "uwsgi-http": Contender(
        "uWSGI, http router",
        _tool("uwsgi", "--http", "127.0.0.1:{port}", "--http-keepalive=60", *UWSGI),
        "uwsgi", "Its router process keeps the connections and hands each request to the worker."),
    "gunicorn": Contender(
        "gunicorn, gthread",
        _tool("gunicorn", "--bind", "127.0.0.1:{port}", "--worker-class", "gthread",
              "--workers", "1", "--threads", "1", "--keep-alive", "60",
              "--chdir", str(HELLO), "hello:application"),
        "gunicorn", "gthread with one thread, because its sync worker closes every connection."),
    "mod_wsgi": Contender(
        "mod_wsgi, event MPM, 1 thread", _apache(1), "",
        "Embedded mode, one Apache process, one handler thread. Apache closes kept-alive"
        " connections when all its threads are busy, which the client counts as read errors.",
        debian=APACHE),
    "mod_wsgi-65": Contender(
        "mod_wsgi, event MPM, 65 threads", _apache(65), "",
        "The same with a thread for every connection, so that it has none to close.",
        debian=APACHE),
}


class Running:
    """A started server. Ends with `stop()`, whatever happened in between."""

    def __init__(self, contender, place, core=None, preexec=None):
        command = contender.command(place)
        if not shutil.which(command[0]):
            raise CannotStart(f"{command[0]} does not exist")
        if core is not None:
            command = ["taskset", "-c", str(core), *command]
        self.log = place.directory / "server.log"
        self.port = place.port
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=place.directory,
                start_new_session=True, preexec_fn=preexec,
                env={**os.environ, **contender.environment, "PYTHONDONTWRITEBYTECODE": "1"})
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.stop()
            raise

    def _wait_until_it_listens(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                code = self.process.returncode
                raise CannotStart(f"it ended with code {code}: {self._last_line()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise CannotStart(f"it did not listen within {seconds} s: {self._last_line()}")

    def _last_line(self):
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else "its log is empty"

    def pids(self):
        """All processes of the server."""
        return processes.tree(self.process.pid)

    def stop(self):
        """Asks the server to end, then ends what is left of it."""
        members = self.pids()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        for pid in set(members) & set(self.pids()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(10)


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def version(contender):
    """The version of a contender, as its packages say: PyPI's, and Debian's."""
    told = []
    if contender.package:
        command = [str(PYTHON), "-m", "pip", "list", "--disable-pip-version-check"]
        found = re.search(rf"^{contender.package}\s+(\S+)", _output(command), re.M | re.I)
        told.append(found[1] if found else "not installed")
    if contender.debian:
        told.append(_output(
            ["dpkg-query", "-W", "-f", "${Package} ${Version}  ", *contender.debian]))
    return "; ".join(told) or _output(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]) or "unknown"


def _output(command):
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit("Run bench/run.py.")
