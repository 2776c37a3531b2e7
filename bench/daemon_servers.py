"""The servers that are compared with daemon mode: a process without Python before one with it."""

import os
import shutil

from servers import (
    APACHE, HELLO, PYTHON, ROOT, CannotStart, Contender, apache_command, plimsoll_command,
)


def _plimsoll(*options):
    def command(place):
        return plimsoll_command(
            place.port, "--mode", "daemon", "--max-keep-alive-requests", "0", *options)

    return command


def _mod_wsgi(threads):
    """Apache with a thread for each client, so that it closes none, and one process of Python."""
    def command(place):
        lines = (f"WSGISocketPrefix {place.directory}/wsgi\n"
                 f"WSGIDaemonProcess hello processes=1 threads={threads}\n"
                 "WSGIProcessGroup hello\n")
        return apache_command(place, 65, lines)

    return command


# Both are started by a shell that waits for them, so that one signal ends both; nginx once there is
# somebody behind it.
PAIR = """
{server} & server=$!
while ! test -S {socket}; do sleep 0.05; done
{nginx} & front=$!
trap 'kill -TERM $server $front' TERM INT
wait
wait
"""


def _behind_nginx(server, upstream, location):
    """nginx before a server on the Unix socket {socket}."""
    def command(place):
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
        if not nginx:
            raise CannotStart("nginx is not installed")
        program = PYTHON.parent / server[0]
        if not program.exists():
            raise CannotStart(f"{server[0]} is not in {PYTHON.parent.parent.name}")
        socket = place.directory / "python.sock"
        # The workers of nginx give up root; the socket is for everybody in this directory.
        conf = place.directory / "nginx.conf"
        conf.write_text((ROOT / "bench" / "nginx.conf").read_text().format(
            directory=place.directory, port=place.port, socket=socket, upstream=upstream,
            location=location, identity="user www-data;" if os.geteuid() == 0 else ""))
        words = [str(program), *(word.format(socket=socket) for word in server[1:])]
        front = [nginx, "-c", str(conf), "-e", str(place.directory / "nginx.log")]
        return ["sh", "-c", PAIR.format(
            socket=socket, server=" ".join(words), nginx=" ".join(front))]

    return command


def _gunicorn(kind, *options):
    return ("gunicorn", "--bind", "unix:{socket}", "--umask", "0", "--worker-class", kind,
            "--workers", "1", *options, "--chdir", str(HELLO), "hello:application")


KEPT = "proxy_pass http://python; proxy_http_version 1.1; proxy_set_header Connection \"\";"
CLOSED = "proxy_pass http://python;"
EVENT = ("Apache's event MPM has 65 threads in one process, so that it closes no kept connection;"
          " `WSGIDaemonProcess processes=1 threads={}`.")

CONTENDERS = {
    "plimsoll": Contender(
        "Plimsoll, 1 thread", _plimsoll(), "",
        "`--mode daemon --workers 1 --threads 1`: one front, one worker. Supervisor and mold count"
        " in memory and CPU."),
    "plimsoll-threads": Contender(
        "Plimsoll, default threads", _plimsoll("--threads", "1-15"), "",
        "`--mode daemon --workers 1 --threads 1-15`: threads are started where requests wait."),
    "mod_wsgi": Contender(
        "mod_wsgi, daemon mode, 1 thread", _mod_wsgi(1), "", EVENT.format(1),
        debian=APACHE),
    "mod_wsgi-15": Contender(
        "mod_wsgi, daemon mode, 15 threads", _mod_wsgi(15), "",
        EVENT.format(15) + " 15 is its default.", debian=APACHE),
    "nginx-uwsgi": Contender(
        "nginx → uWSGI",
        _behind_nginx(
            ("uwsgi", "--socket", "{socket}", "--chmod-socket=666", "--master", "--processes", "1",
             "--chdir", str(HELLO), "--module", "hello", "--disable-logging", "--die-on-term",
             "--need-app", "--listen", "100"),
            "", "include /etc/nginx/uwsgi_params; uwsgi_pass python;"),
        "uwsgi", "One nginx worker; the uwsgi protocol over a Unix socket, which has no keep-alive;"
        " one process, one thread.", debian=("nginx",)),
    "nginx-gunicorn": Contender(
        "nginx → gunicorn, gthread",
        _behind_nginx(
            _gunicorn("gthread", "--threads", "1", "--keep-alive", "60"), "keepalive 64;", KEPT),
        "gunicorn", "One nginx worker with 64 kept connections over a Unix socket; one worker, one"
        " thread.", debian=("nginx",)),
    "nginx-gunicorn-sync": Contender(
        "nginx → gunicorn, sync", _behind_nginx(_gunicorn("sync"), "", CLOSED),
        "gunicorn", "The same with gunicorn's default worker, which keeps no connection.",
        debian=("nginx",)),
}
