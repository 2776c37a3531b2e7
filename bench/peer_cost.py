"""What one more worker of each server costs, and the section of docs/BENCHMARKS.md about it.

    (PSS of the whole server with 20 workers - PSS with 2) / 18

after 200 requests to each worker: every response tells which process made it, and a client whose
worker has had its share connects anew, until all have had theirs.
"""

import argparse
import os
import re
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import processes
import report
from servers import (
    APACHE_MODULES, HELLO, PYTHON, ROOT, SERVE, CannotStart, Contender, Place, Running, free_port,
    version,
)

SITE = ROOT / "examples" / "django-site"
FEW, MANY = 2, 20
REQUESTS = 200
TITLE = "## One more worker"

# Name, module with the application, its directory, what is asked for.
VIEWS = {
    "django": ("`/admin/login/` of the Django example", "mysite.wsgi", SITE, "/admin/login/"),
    "trivial": ("trivial view (`examples/hello`)", "hello", HELLO, "/"),
}


@dataclass
class Set:
    """A server with some workers: its command line, from (place, workers, path)."""

    name: str
    command: callable
    python: str
    package: str = ""
    note: str = ""


def _tool(name, *words):
    def command(place, workers, path):
        program = PYTHON.parent / name
        if not program.exists():
            raise CannotStart(f"{name} is not in {PYTHON.parent.parent.name}")
        return [str(program), *(word.format(port=place.port, workers=workers,
                                            app=place.directory / "app") for word in words)]

    return command


def _plimsoll(python):
    def command(place, workers, path):
        program = ROOT / f".venv-{python}" / "bin" / "python"
        if not program.exists():
            raise CannotStart(f"{program.parent.parent.name} does not exist")
        return [
            *SERVE, "worker_app",
            "--chdir", str(place.directory / "app"), "--python", str(program),
            "--mpm", "prefork", "--workers", str(workers), "--warm", path,
            "--keep-alive", "60", "--max-keep-alive-requests", "0",
            "--bind", f"127.0.0.1:{place.port}"]

    return command


def _apache(mpm, settings):
    def command(place, workers, path):
        program = shutil.which("apache2", path="/usr/sbin:/usr/bin")
        missing = [name for name in (f"mpm_{mpm}", "authz_core", "wsgi")
                   if not (APACHE_MODULES / f"mod_{name}.so").exists()]
        if not program or missing:
            raise CannotStart("apache2-bin and libapache2-mod-wsgi-py3 are not installed")
        application = place.directory / "app"
        packages = next((PYTHON.parent.parent / "lib").glob("python3.*/site-packages"))
        text = (ROOT / "bench" / "apache-workers.conf").read_text().format(
            directory=place.directory, port=place.port, modules=APACHE_MODULES, mpm=mpm,
            application=application,
            processes=settings.format(workers=workers, app=application, packages=packages),
            identity="User www-data\nGroup www-data" if os.geteuid() == 0 else "")
        (place.directory / "apache.conf").write_text(text)
        return [program, "-f", str(place.directory / "apache.conf"), "-D", "FOREGROUND"]

    return command


EMBEDDED = """ServerLimit {workers}
StartServers {workers}
MinSpareServers 1
MaxSpareServers {workers}
MaxRequestWorkers {workers}
MaxConnectionsPerChild 0
WSGIPythonPath {app}:{packages}"""
DAEMON = """ServerLimit 1
StartServers 1
ThreadLimit 64
ThreadsPerChild 64
MaxRequestWorkers 64
MinSpareThreads 64
MaxSpareThreads 64
WSGIDaemonProcess bench processes={workers} threads=1 python-path={app}:{packages}
WSGIProcessGroup bench"""
UWSGI = ("--master", "--processes", "{workers}", "--http11-socket", "127.0.0.1:{port}",
         "--chdir", "{app}", "--module", "worker_app", "--disable-logging", "--die-on-term",
         "--need-app", "--virtualenv", str(PYTHON.parent.parent))
GUNICORN = ("--bind", "127.0.0.1:{port}", "--worker-class", "sync", "--workers", "{workers}",
            "--chdir", "{app}", "--timeout", "120")
# The version of .venv-bench's Python, which its directories tell.
PEERS = next((path.name.removeprefix("python")
              for path in (PYTHON.parent.parent / "lib").glob("python3.*")), "?")

SETS = {
    **{f"plimsoll-{python}": Set(
        "**Plimsoll**", _plimsoll(python), python, note="`--mpm prefork --warm PATH`")
       for python in ("3.11", "3.12", "3.13")},
    "gunicorn": Set("gunicorn, sync", _tool("gunicorn", *GUNICORN, "worker_app"), PEERS,
                    "gunicorn"),
    "gunicorn-preload": Set(
        "gunicorn, sync, preload", _tool("gunicorn", *GUNICORN, "--preload", "worker_app"), PEERS,
        "gunicorn", "`--preload`"),
    "uwsgi": Set("uWSGI", _tool("uwsgi", *UWSGI), PEERS, "uwsgi",
                 "forks after the import, as it does by default"),
    "uwsgi-lazy": Set("uWSGI, lazy-apps", _tool("uwsgi", *UWSGI, "--lazy-apps"), PEERS, "uwsgi",
                      "`--lazy-apps`"),
    "granian": Set(
        "Granian",
        _tool("granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "{port}",
              "--workers", "{workers}", "--blocking-threads", "1", "--no-ws", "--no-access-log",
              "--working-dir", "{app}", "worker_app:application"),
        PEERS, "granian", "1 blocking thread; its I/O has threads of its own"),
    "mod_wsgi-embedded": Set(
        "mod_wsgi, embedded, prefork", _apache("prefork", EMBEDDED), "3.11", "mod_wsgi",
        "the Apache process is the worker"),
    "mod_wsgi-daemon": Set(
        "mod_wsgi, daemon", _apache("event", DAEMON), "3.11", "mod_wsgi",
        "`WSGIDaemonProcess`, 1 thread; one Apache process in front"),
}


# MARK: measuring


def cost(key, view):
    """What one more worker costs, in KiB, and how evenly the requests came."""
    few, many = (_server(SETS[key], view, workers) for workers in (FEW, MANY))
    return {
        "pss": (many["pss"] - few["pss"]) / (MANY - FEW),
        "private": many["private"], "few": few["pss"], "many": many["pss"],
        "requests": many["requests"],
    }


def _server(contender, view, workers):
    _, module, directory, path = VIEWS[view]
    with tempfile.TemporaryDirectory(prefix="plimsoll-bench-") as name:
        place = Place(free_port(), Path(name))
        application = _copy(directory, place.directory)
        running = Running(Contender(
            contender.name, lambda place: contender.command(place, workers, path), "",
            environment={"BENCH_APPLICATION": module, "PYTHONPATH": str(application),
                         "SITE_DATA": str(application)}), place)
        try:
            counts = _load(running, path, workers)
            figures = [processes.memory_kib(pid) for pid in counts]
            return {
                "pss": processes.pss_kib(running.pids()),
                "private": statistics.median(
                    one["Private_Dirty"] + one["Private_Clean"] for one in figures),
                "requests": (min(counts.values()), max(counts.values())),
            }
        except OSError as error:
            raise CannotStart(f"a request failed: {error}; {running._last_line()}") from error
        finally:
            running.stop()


def _copy(directory, place):
    """The application where a server that has given up root can read it and write beside it."""
    target = place / "app"
    shutil.copytree(directory, target, ignore=shutil.ignore_patterns(
        "static", "media", "db.sqlite3*", "secret-key.txt*", "__pycache__"))
    shutil.copy(ROOT / "bench" / "worker_app.py", target)
    # Made once: every server finds the same bytecode, and none has memory left from compiling.
    subprocess.run([str(PYTHON), "-m", "compileall", "-q", str(target)], check=True)
    place.chmod(0o755)
    for path in [target, *target.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)
    return target


def _load(running, path, workers, seconds=300):
    """Asks until every worker has answered its share; returns the answers of each process."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n".encode()
    counts, clients = {}, {}
    poll = select.poll()
    end = time.monotonic() + seconds

    def connect():
        client = socket.create_connection(("127.0.0.1", running.port), 30)
        client.sendall(request)
        clients[client.fileno()] = (client, bytearray())
        poll.register(client, select.POLLIN)

    def close(client):
        poll.unregister(client)
        del clients[client.fileno()]
        client.close()

    try:
        for _ in range(workers):
            connect()
        while len(counts) < workers or min(counts.values()) < REQUESTS:
            if time.monotonic() > end:
                raise CannotStart(
                    f"after {seconds} s {len(counts)} of {workers} workers had answered, one of"
                    f" them {min(counts.values(), default=0)} requests")
            for number, _ in poll.poll(1000):
                client, answer = clients[number]
                block = client.recv(65536)
                answer += block
                pid, keeps = _worker(answer, ended=not block)
                if pid is None:
                    if not block:  # Closed without an answer: uWSGI and Apache do when idle.
                        close(client)
                        connect()
                    continue
                counts[pid] = counts.get(pid, 0) + 1
                answer.clear()
                if keeps and counts[pid] < REQUESTS:
                    client.sendall(request)
                else:
                    close(client)
                    connect()
        return counts
    finally:
        for client, _ in list(clients.values()):
            client.close()


def _worker(answer, ended):
    """(the process that made a whole answer or None, whether the connection stays)."""
    head, separator, body = bytes(answer).partition(b"\r\n\r\n")
    if not separator:
        return None, False
    if b" 200 " not in head.split(b"\r\n", 1)[0]:
        raise CannotStart(f"it answered {head.splitlines()[0].decode('latin-1')}")
    length = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
    if length and len(body) < int(length[1]) or not length and not ended:
        return None, False
    closes = ended or re.search(rb"(?i)\nconnection: *close", head)
    return int(re.search(rb"(?i)\nx-worker: *(\d+)", head)[1]), not closes


# MARK: the table


def section(figures, failures, seconds, load):
    """Lines of Markdown."""
    lines = [
        TITLE, "",
        f"Written by `make bench-memory`; do not edit. Memory of one more worker with one thread:"
        f" (PSS of the whole server with {MANY} workers − PSS with {FEW}) ÷ {MANY - FEW}, after at"
        f" least {REQUESTS} requests to each worker, in MB of 1,000 KiB; *private* is the median"
        " of what a worker shares with nobody (USS).", "",
        *report.circumstances(seconds, load),
    ]
    for view, (title, *_) in VIEWS.items():
        rows = [key for key in SETS if (key, view) in figures or (key, view) in failures]
        if not rows:
            continue
        ours = [figures[key, view]["pss"] for key in rows
                if key.startswith("plimsoll") and (key, view) in figures]
        lines += [
            "", f"**{title}**", "",
            "| server | Python | one more worker | private | whole server,"
            f" {FEW} workers | {MANY} workers | Plimsoll's worker on"
            f" {SETS[rows[0]].python} is | requests to a worker |",
            "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        for key in rows:
            lines.append(_row(key, view, figures, failures, ours))
    lines += ["", "| server | version | set-up |", "| --- | --- | --- |"]
    rows = [f"| {SETS[key].name.strip('*')} | {version(SETS[key].package or 'plimsoll')} |"
            f" {SETS[key].note or 'each worker imports the application'} |"
            for key in SETS if any((key, view) in figures for view in VIEWS)]
    return lines + list(dict.fromkeys(rows))


def _row(key, view, figures, failures, ours):
    name = f"| {SETS[key].name} | {SETS[key].python} |"
    if (key, view) in failures:
        return f"{name} not measured: {failures[key, view].replace('|', '/')} |" + " |" * 5
    row = figures[key, view]
    ratio = f"{ours[0] / row['pss'] * 100:.0f} %" if ours and row["pss"] > 0 else "–"
    return (f"{name} {row['pss'] / 1000:.2f} | {row['private'] / 1000:.2f} |"
            f" {row['few'] / 1000:.1f} | {row['many'] / 1000:.1f} |"
            f" {'–' if key.startswith('plimsoll') else ratio} |"
            f" {row['requests'][0]}–{row['requests'][1]} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", default=",".join(SETS), help="some of: %(default)s")
    parser.add_argument("--views", default=",".join(VIEWS), help="some of: %(default)s")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "BENCHMARKS.md")
    options = parser.parse_args()
    for words, known in ((options.servers, SETS), (options.views, VIEWS)):
        unknown = [word for word in words.split(",") if word not in known]
        if unknown:
            parser.error(f"{unknown[0]} is not known; known are {', '.join(known)}")
    began, load = time.time(), os.getloadavg()[0]
    figures, failures = {}, {}
    for view in options.views.split(","):
        for key in options.servers.split(","):
            try:
                row = figures[key, view] = cost(key, view)
            except (CannotStart, OSError, subprocess.SubprocessError) as error:
                failures[key, view] = str(error)
                print(f"{view:8} {key:18} not measured, because {error}", flush=True)
                continue
            print(f"{view:8} {key:18} {row['pss']:8.0f} KiB of one more worker,"
                  f" {row['private']:8.0f} private", flush=True)
    lines = section(figures, failures, time.time() - began, load)
    report.replace_section(options.output, TITLE, lines)
    print(f"Written: {options.output}")
    return 1 if any(key.startswith("plimsoll") for key, _ in failures) else 0


if __name__ == "__main__":
    sys.exit(main())
