"""Operating the server: signals, restarts, deaths, logs, sockets, users, Pythons."""

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time

import pytest
from harness import interpreters, processes
from harness.load import Load
from harness.processes import wait_until
from harness.serving import free_port
from harness.wire import Connection, Truncated, request_bytes

NUMBERED = """
import os

VERSION = "{version}"


def application(environ, start_response):
    body = f"{{VERSION}} {{os.getpid()}}".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""


def numbered(version):
    return NUMBERED.format(version=version)


def version_served(server):
    return server.get("/").text.split()[0]


# Stopping.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGWINCH])
def test_stops_after_the_requests_in_hand(server, gate, wrapping, number):
    held = gate()
    running = server(f"responding:{wrapping}", "--workers", 1, "--threads", 2)
    with running.connect() as connection:
        connection.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        running.signal(number)
        running.wait_for_notification("STOPPING=1")
        held.open()
        assert connection.read_response().body == b"passed"
        connection.expect_end()
    family = processes.family(running.pid)
    assert running.wait() == 0
    running.expect_nothing_left(family)


def test_stop_in_the_moment_requests_end(server, gate):
    """Whichever comes first, no connection is kept for another request."""
    for _ in range(8):
        gates = [gate() for _ in range(8)]
        options = ("--workers", 1, "--threads", 8, "--keep-alive", 60)
        running = server("responding:application", *options)
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(running.connect(timeout=10)) for _ in gates]
            for connection, held in zip(connections, gates, strict=True):
                connection.send(request_bytes(target=f"/gate?path={held.path}"))
            for held in gates:
                held.wait_for_visitor()
            running.signal(signal.SIGTERM)
            for held in gates:
                held.open()
            for connection in connections:
                assert connection.read_response().body == b"passed"
                connection.expect_end()
        assert running.wait(10) == 0


def test_idle_connections_do_not_delay_the_stop(server):
    running = server("hello:application", "--workers", 2, "--keep-alive", 60)
    with running.connect() as idle, running.connect() as silent:
        assert idle.request().body == b"hello"
        begun = time.monotonic()
        running.stop()
        assert time.monotonic() - begun < 10
        idle.expect_end()
        silent.expect_end()


def test_graceful_timeout_bounds_the_stop(server, gate):
    held = gate()
    running = server("responding:application", "--workers", 1, "--graceful-timeout", 1)
    with running.connect() as connection:
        connection.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        family = processes.family(running.pid)
        running.signal(signal.SIGTERM)
        assert running.wait(15) == 0
        running.expect_nothing_left(family)
        with pytest.raises((Truncated, ConnectionError)):
            connection.read_response()


def test_large_response_is_finished_before_the_stop(server):
    running = server("responding:application", "--workers", 1, "--threads", 1)
    with running.connect(receive_buffer=4096) as connection:
        connection.send(request_bytes(target="/sized?size=16000000"))
        head = connection.read_head()
        running.signal(signal.SIGTERM)
        running.wait_for_notification("STOPPING=1")
        assert len(connection.read_body(head).body) == 16_000_000
    assert running.wait() == 0


def test_port_is_free_after_the_stop(server):
    first = server("hello:application", "--workers", 1)
    with first.connect() as connection:
        connection.request()
        first.stop()
    options = ("--workers", 1, "--bind", f"127.0.0.1:{first.port}")
    second = server("hello:application", *options, bind="none")
    second.port = first.port
    assert second.get("/").body == b"hello"


# Restarting.


def restart(server, directory, version, name="numbered"):
    """Installs a version, restarts, and returns when fresh connections get it from new workers."""
    old = server.worker_pids()
    (directory / f"{name}.py").write_text(numbered(version))
    server.signal(signal.SIGHUP)
    server.wait_for_notification("RELOADING=1")
    server.wait_for_notification("READY=1", 30)
    wait_until(lambda: version_served(server) == str(version), 20, f"version {version}")
    server.wait_for_workers(len(old), without=old, deadline=40)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_restart_loads_the_new_code(server, site, number):
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 2, chdir=directory)
    assert version_served(running) == "1"
    pid = running.pid
    (directory / "numbered.py").write_text(numbered(2))
    running.signal(number)
    wait_until(lambda: version_served(running) == "2", 20, "version 2")
    assert running.process.poll() is None and running.pid == pid


def restarts_under_load(server, site, count, broken):
    directory = site(numbered=numbered(0))
    running = server("numbered", "--workers", 2, "--threads", 2, chdir=directory)
    with Load(running.address, keep_alive=3, fresh=2) as load:
        load.wait_for_answers(100)
        for version in range(1, count + 1):
            restart(running, directory, version)
            load.wait_for_answers(20)
            assert not load.failures, f"restart {version}: {load.failures[0]}"
            if version == broken:
                break_and_keep_serving(running, directory, load)
                assert not load.failures, f"broken version: {load.failures[0]}"
    assert load.failures == []
    versions = {body.split()[0] for body in load.seen}
    assert versions == {str(v).encode() for v in range(count + 1)}
    return load


def break_and_keep_serving(running, directory, load):
    workers = running.worker_pids()
    before = len(running.log_text())
    (directory / "numbered.py").write_text("def application(:\n")
    running.signal(signal.SIGHUP)
    running.wait_for_log("SyntaxError", 20, text=lambda: running.log_text()[before:])
    running.wait_for_log(
        "(keep|old|still|previous|continu).*serv|serv.*(old|still|previous|continu)", 20,
        text=lambda: running.log_text()[before:],
    )
    load.wait_for_answers(50)
    assert running.worker_pids() == workers
    assert running.log_text()[before:].count("\nSyntaxError: ") == 1


def test_restarts_under_load_lose_nothing(server, site):
    restarts_under_load(server, site, count=5, broken=3)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_fifty_restarts_under_load_lose_nothing(server, site):
    load = restarts_under_load(server, site, count=50, broken=25)
    print(f"{load.answers} answers, {len(load.failures)} failures")


@pytest.mark.parametrize(
    ("source", "needle"),
    [("raise ValueError('broken import')\n", "ValueError: broken import"),
     ("import nonexistent_package\n", "No module named 'nonexistent_package'"),
     ("other = 1\n", "application"), ("application = 1\n", "callable")])
def test_broken_version_is_reported_and_the_old_one_serves(server, site, source, needle):
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 1, chdir=directory)
    workers = running.worker_pids()
    before = len(running.log_text())
    (directory / "numbered.py").write_text(source)
    running.signal(signal.SIGHUP)
    running.wait_for_log(re.escape(needle), text=lambda: running.log_text()[before:])
    assert version_served(running) == "1"
    assert running.worker_pids() == workers
    restart(running, directory, 2)
    assert version_served(running) == "2"


def test_kept_connection_gets_a_last_answer_after_a_restart(server, site):
    """An idle kept-alive client is not cut off in the middle of its next request."""
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 1, "--keep-alive", 30, chdir=directory)
    with running.connect() as connection:
        assert connection.request().text.startswith("1 ")
        (directory / "numbered.py").write_text(numbered(2))
        running.signal(signal.SIGHUP)
        wait_until(lambda: version_served(running) == "2", 20, "version 2")
        last = connection.request()
        assert last.status == 200 and last.text.startswith("1 ") and last.says_close
        connection.expect_end()


def test_request_in_hand_survives_a_restart(server, gate):
    held = gate()
    running = server("responding:application", "--workers", 1, "--threads", 2)
    old = running.worker_pids()
    with running.connect() as connection:
        connection.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        running.signal(signal.SIGHUP)
        wait_until(lambda: int(running.get("/pid").body) not in old, 20, "a new worker")
        held.open()
        assert connection.read_response().body == b"passed"
    running.wait_for_workers(1, without=old)


def test_several_restarts_at_once(server, site):
    """Signals that arrive during a restart are not lost, and do no harm."""
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 2, chdir=directory)
    for version in range(2, 8):
        (directory / "numbered.py").write_text(numbered(version))
        running.signal(signal.SIGHUP)
    wait_until(lambda: version_served(running) == "7", 20, "the last version")
    wait_until(lambda: len(running.worker_pids()) == 2, 40, "two workers")
    assert len(running.titled("mold")) == 1


def test_stop_during_a_restart(server, site):
    directory = site(slow="import time\ntime.sleep(1)\n" + numbered(1))
    running = server("slow", "--workers", 1, chdir=directory)
    running.signal(signal.SIGHUP)
    running.wait_for_notification("RELOADING=1")
    running.stop()


def test_reload_picks_up_a_change(server, site):
    """Of the application itself and of what it imports; a broken change is reported and survived."""
    source = numbered("{parts.VALUE}").replace('VERSION = "', 'VERSION = f"')
    directory = site(numbered="import parts\n" + source, parts="VALUE = 1\n")
    running = server("numbered", "--workers", 1, "--reload", chdir=directory)
    assert version_served(running) == "1"
    (directory / "parts.py").write_text("VALUE = 2\n")
    wait_until(lambda: version_served(running) == "2", 20, "version 2")
    good = (directory / "numbered.py").read_text()
    (directory / "numbered.py").write_text("syntax error\n")
    running.wait_for_log("SyntaxError")
    assert version_served(running) == "2"
    (directory / "numbered.py").write_text(good.replace('VERSION = f"', 'VERSION = f"mended-'))
    wait_until(lambda: version_served(running) == "mended-2", 20, "the mended version")


def test_reload_watches_extra_files(server, site, tmp_path):
    extra = tmp_path / "settings.ini"
    extra.write_text("1")
    source = f"from wsgiref.simple_server import demo_app\nV = open({str(extra)!r}).read()\n"
    source += "def application(e, s):\n    s('200 OK', [('Content-Type', 'text/plain')])\n"
    source += "    return [V.encode()]\n"
    directory = site(reading_settings=source)
    running = server(
        "reading_settings", "--workers", 1, "--reload", "--reload-extra-file", extra, chdir=directory
    )
    assert running.get("/").text == "1"
    extra.write_text("22")
    wait_until(lambda: running.get("/").text == "22", 20, "the new settings")


# Workers that die.


MORTAL = """
import ctypes
import os
import re
import time


def stuck_in_this_function():
    time.sleep(1000)


def busy_in_this_function():
    while True:
        pass


def holding_the_lock_in_this_function():
    re.match("(a+)+$", "a" * 60 + "b")


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/segfault":
        ctypes.string_at(0)
    elif path == "/exit":
        os._exit(3)
    elif path == "/abort":
        os.abort()
    elif path == "/stuck":
        stuck_in_this_function()
    elif path == "/busy":
        busy_in_this_function()
    elif path == "/lock":
        holding_the_lock_in_this_function()
    elif path == "/slowly":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return slowly()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


def slowly():
    for _ in range(8):
        time.sleep(0.4)
        yield b"x"
"""


@pytest.fixture
def mortal(server, site):
    directory = site(mortal=MORTAL)
    return lambda *options: server("mortal", *options, chdir=directory)


def test_killed_worker_is_replaced_and_explained(mortal):
    running = mortal("--workers", 2)
    workers = running.worker_pids()
    os.kill(workers[0], signal.SIGKILL)
    running.wait_for_log(rf"worker.*\b{workers[0]}\b.*(SIGKILL|signal 9|killed)|\b{workers[0]}\b.*SIGKILL")
    pids = running.wait_for_workers(2, without=[workers[0]])
    assert workers[1] in pids
    assert int(running.get("/").body) in pids


@pytest.mark.parametrize(
    ("target", "explanation"),
    [("/segfault", "SIGSEGV|signal 11|[Ss]egmentation"), ("/abort", "SIGABRT|signal 6|[Aa]bort"),
     ("/exit", r"(exit|code|status)\D*3\b")])
def test_worker_that_dies_in_a_request(mortal, target, explanation):
    running = mortal("--workers", 1)
    worker = running.worker_pids()[0]
    with running.connect() as connection:
        with pytest.raises((Truncated, ConnectionError)):
            connection.request(target=target)
    running.wait_for_log(rf"\b{worker}\b.*({explanation})|({explanation}).*\b{worker}\b")
    running.wait_for_workers(1, without=[worker])
    assert running.get("/").status == 200


def test_workers_that_keep_dying_do_not_stop_the_server(mortal):
    """Replaced with back-off; and served again as soon as the cause is gone."""
    running = mortal("--workers", 1)
    for _ in range(4):
        try:
            running.get("/exit")
        except (Truncated, ConnectionError):
            pass
    assert running.get("/").status == 200


@pytest.mark.parametrize(
    ("target", "function"),
    [("/stuck", "stuck_in_this_function"), ("/busy", "busy_in_this_function"),
     ("/lock", "holding_the_lock_in_this_function")])
def test_stuck_worker_is_replaced_with_its_stack(mortal, target, function):
    running = mortal("--workers", 1, "--threads", 2, "--timeout", 1)
    worker = running.worker_pids()[0]
    with running.connect() as connection:
        connection.send(request_bytes(target=target))
        running.wait_for_log(function)
        running.wait_for_log(rf"\b{worker}\b.*(time|stuck)|(time|stuck).*\b{worker}\b")
        running.wait_for_workers(1, without=[worker], deadline=20)
        try:
            assert connection.read_response().status >= 500
        except (Truncated, ConnectionError):
            pass
    assert running.get("/").status == 200


def test_slow_progress_is_not_stuck(mortal):
    """8 blocks, 0.4 s apart, under a limit of 1 s."""
    running = mortal("--workers", 1, "--timeout", 1)
    worker = running.worker_pids()
    assert running.get("/slowly").body == b"x" * 8
    assert running.worker_pids() == worker


def test_max_requests_loses_nothing(server, site):
    directory = site(numbered=numbered(1))
    running = server(
        "numbered", "--workers", 2, "--threads", 2, "--max-requests", 60,
        "--max-requests-jitter", 20, chdir=directory,
    )
    with Load(running.address, keep_alive=2, fresh=2) as load:
        wait_until(lambda: len(load.seen) >= 8 or load.failures, 40, "eight workers to have served")
    assert load.failures == []
    wait_until(lambda: len(running.worker_pids()) == 2, what="two workers")


def test_supervisor_outlives_a_killed_mold(server, site):
    """The mold is forked from by need; a new one is made, and a restart still works."""
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 2, chdir=directory)
    mold = running.titled("mold")[0]
    os.kill(mold, signal.SIGKILL)
    running.wait_for_log(rf"\b{mold}\b")
    assert version_served(running) == "1"
    os.kill(running.worker_pids()[0], signal.SIGKILL)
    wait_until(lambda: len(running.worker_pids()) == 2, 20, "two workers")
    restart(running, directory, 2)


def test_workers_end_with_their_supervisor(server):
    """A supervisor that is killed leaves nobody behind who holds the port."""
    running = server("hello:application", "--workers", 2)
    family = processes.family(running.pid)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    wait_until(lambda: not any(p.is_alive for p in family), what="every process to end")


# Names, numbers, notifications.


def test_process_titles(server):
    running = server("hello:application", "--workers", 2)
    assert re.match("plimsoll: (supervisor|master)", processes.title(running.pid))
    assert len(running.titled("mold")) == 1
    assert len(running.worker_pids()) == 2
    assert len(processes.family(running.pid)) == 4
    assert all("hello" in processes.title(pid) for pid in running.worker_pids())


def test_name_in_titles(server):
    running = server("hello:application", "--workers", 1, "--name", "harbour")
    assert "harbour" in processes.title(running.worker_pids()[0])


def test_pid_file(server, tmp_path):
    path = tmp_path / "server.pid"
    running = server("hello:application", "--workers", 1, "--pid", path)
    assert path.read_text().strip() == str(running.pid)
    running.stop()
    assert not path.exists()


def test_stale_pid_file_is_taken_over(server, tmp_path):
    path = tmp_path / "server.pid"
    path.write_text("4194300\n")
    running = server("hello:application", "--workers", 1, "--pid", path)
    assert path.read_text().strip() == str(running.pid)


def test_notifications(server, site):
    """READY=1 was waited for by the fixture."""
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 1, chdir=directory)
    running.signal(signal.SIGHUP)
    running.wait_for_notification("RELOADING=1")
    running.wait_for_notification("READY=1")
    running.signal(signal.SIGTERM)
    running.wait_for_notification("STOPPING=1")
    assert running.wait() == 0


def alarming(text):
    """Lines that would worry an operator; that it all runs as root worries only in tests."""
    lines = [line for line in text.splitlines() if "runs as root" not in line]
    return [line for line in lines if re.search(r"\[(warn|error|crit)\]|Traceback", line)]


def test_start_says_what_was_decided(server):
    running = server("hello:application", "--workers", 2)
    text = running.log_text()
    assert str(running.port) in text and sys.executable in text
    assert text.count("\n") < 12, "a few lines"
    assert not alarming(text)


def test_nothing_alarming_in_the_life_of_a_server(server):
    running = server("hello:application", "--workers", 2)
    for _ in range(10):
        running.get("/")
    old = running.worker_pids()
    running.signal(signal.SIGHUP)
    running.wait_for_workers(2, without=old)
    running.stop()
    assert not alarming(running.log_text())


# Logs.


COMBINED = (
    r'^127\.0\.0\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] '
    r'"GET /single\?q=1 HTTP/1\.1" 200 6 "http://from/" "agent \\"quoted\\""$')


def test_access_log_combined(server, tmp_path, wrapping):
    path = tmp_path / "access.log"
    running = server(f"responding:{wrapping}", "--workers", 1, "--access-logfile", path)
    headers = {"Referer": "http://from/", "User-Agent": 'agent "quoted"'}
    running.request(target="/single?q=1", headers=headers)
    running.wait_for_log(COMBINED, text=path.read_text)


def test_access_log_on_standard_output(server):
    running = server("responding:application", "--workers", 1, "--access-logfile", "-")
    running.get("/single?stdout")
    running.wait_for_log(r'"GET /single\?stdout HTTP/1\.1" 200', text=running.output_text)


def test_access_log_format(server, tmp_path):
    path = tmp_path / "access.log"
    running = server(
        "responding:application", "--workers", 1, "--access-logfile", path, "--access-logformat",
        "%a|%m|%U|%q|%H|%>s|%b|%B|%D|%T|%P|%X|%{X-In}i|%{Content-Type}o|%{X-None}i|%%",
    )
    running.request("POST", "/single?q=1", {"X-In": "in"}, b"body")
    match = running.wait_for_log(
        r"^127\.0\.0\.1\|POST\|/single\|\?q=1\|HTTP/1\.1\|200\|6\|6\|(\d+)\|(\d+)\|(\d+)\|([-+X])"
        r"\|in\|text/plain\|-\|%$", text=path.read_text,
    )
    assert int(match[1]) < 30_000_000 and int(match[3]) in running.worker_pids()


def test_access_log_measures_the_time(server, gate, tmp_path):
    """%D is microseconds, and covers the whole request."""
    path, held = tmp_path / "access.log", gate()
    running = server(
        "responding:application", "--workers", 1, "--access-logfile", path,
        "--access-logformat", "%U %D",
    )
    with running.connect() as connection:
        begun = time.monotonic()
        connection.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        waiting = time.monotonic()
        wait_until(lambda: time.monotonic() - waiting > 0.3)
        waited = time.monotonic() - waiting
        held.open()
        connection.read_response()
        whole = time.monotonic() - begun
    match = running.wait_for_log(r"^/gate (\d+)$", text=path.read_text)
    assert waited <= int(match[1]) / 1e6 <= whole + 0.1


def test_access_log_of_everything(server, tmp_path):
    """Refusals, static files, broken and empty responses each leave one line."""
    (tmp_path / "f.txt").write_text("file")
    path = tmp_path / "access.log"
    running = server(
        "responding:application", "--workers", 1, "--access-logfile", path, "--static",
        f"/s={tmp_path}", "--access-logformat", '"%r" %>s %b',
    )
    with running.connect() as connection:
        connection.send(b"GET /bad HTTP/1.1\r\n\r\n").read_response()
    running.get("/s/f.txt")
    running.get("/s/nothing")
    running.request("HEAD", "/single")
    running.get("/status?status=204+No+Content")
    running.get("/fails-at-once")
    for pattern in (r'^"GET /bad HTTP/1\.1" 400 ', r'^"GET /s/f\.txt HTTP/1\.1" 200 4$',
                    r'^"GET /s/nothing HTTP/1\.1" 404 ', r'^"HEAD /single HTTP/1\.1" 200 -$',
                    r'^"GET /status\?status=204\+No\+Content HTTP/1\.1" 204 -$',
                    r'^"GET /fails-at-once HTTP/1\.1" 500 '):
        running.wait_for_log(pattern, text=path.read_text)
    assert len(path.read_text().splitlines()) == 6


def test_access_log_cannot_be_forged(server, tmp_path):
    path = tmp_path / "access.log"
    running = server("responding:application", "--workers", 1, "--access-logfile", path)
    headers = {"User-Agent": 'x" 200 1 "\xe9\\', "Referer": "tab\there"}
    running.request(target="/single", headers=headers)
    match = running.wait_for_log(r'^.*"GET /single.*$', text=path.read_text)
    assert r'x\" 200 1 \"' in match[0] and r"\xe9\\" in match[0] and r"\t" in match[0]


def test_request_id_in_both_logs(server, tmp_path):
    path = tmp_path / "access.log"
    running = server(
        "responding:application", "--workers", 1, "--access-logfile", path,
        "--access-logformat", "%L %U",
    )
    running.get("/single")
    running.get("/fails-at-once")
    one = running.wait_for_log(r"^(\S+) /single$", text=path.read_text)[1]
    other = running.wait_for_log(r"^(\S+) /fails-at-once$", text=path.read_text)[1]
    assert one != other and "-" not in (one, other)
    running.wait_for_log(re.escape(other))


def test_logs_are_reopened(server, tmp_path, wrapping):
    access, errors = tmp_path / "access.log", tmp_path / "error.log"
    running = server(
        f"responding:{wrapping}", "--workers", 2, "--access-logfile", access, "--error-logfile", errors
    )
    running.get("/errors?before")
    running.wait_for_log("before", text=access.read_text)
    running.wait_for_log("printed to errors", text=errors.read_text)
    access.rename(tmp_path / "access.old")
    errors.rename(tmp_path / "error.old")
    workers = running.worker_pids()
    running.signal(signal.SIGUSR2)
    wait_until(lambda: access.exists() and errors.exists(), what="new log files")

    def moved():
        running.get("/errors?after")
        return "after" in access.read_text() and "printed to errors" in errors.read_text()

    wait_until(moved, what="lines in the new files")
    for pid in workers:
        links = processes.descriptors(pid).values()
        wait_until(
            lambda links=links, pid=pid: not [
                link for link in processes.descriptors(pid).values() if link.endswith(".old")
            ],
            what="every worker to close the old files",
        )
    assert running.worker_pids() == workers


def test_log_levels(server):
    quiet = server("hello:application", "--workers", 1, "--log-level", "error")
    assert quiet.get("/").body == b"hello"
    quiet.stop()
    assert quiet.log_text() == ""


# Sockets.


@pytest.mark.parametrize(("suffix", "mode"), [("", 0o660), ("?mode=0600", 0o600), ("?mode=0666", 0o666)])
def test_unix_socket(server, tmp_path, suffix, mode):
    path = str(tmp_path / "socket")
    running = server(
        "hello:application", "--workers", 2, "--bind", f"unix:{path}{suffix}", bind="none"
    )
    running.path = path
    assert stat.S_ISSOCK(os.stat(path).st_mode) and os.stat(path).st_mode & 0o777 == mode
    assert running.get("/").body == b"hello"
    old = running.worker_pids()
    running.signal(signal.SIGHUP)
    running.wait_for_workers(2, without=old)
    assert running.get("/").body == b"hello"
    running.stop()
    assert not os.path.exists(path)


def test_stale_unix_socket_is_replaced(server, tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    running = server("hello:application", "--workers", 1, "--bind", f"unix:{path}", bind="none")
    running.path = path
    assert running.get("/").body == b"hello"


def test_several_binds(server, tmp_path):
    ports = [free_port(), free_port()]
    path = str(tmp_path / "socket")
    running = server(
        "hello:application", "--workers", 2, "--bind", f"127.0.0.1:{ports[0]}",
        "--bind", f"127.0.0.1:{ports[1]}", "--bind", f"unix:{path}", bind="none",
    )
    for address in (("127.0.0.1", ports[0]), ("127.0.0.1", ports[1]), path):
        running.path, running.port = (address, None) if address == path else (None, address[1])
        assert running.get("/").body == b"hello"


def test_ipv6(server):
    port = free_port("::1")
    running = server("hello:application", "--workers", 1, "--bind", f"[::1]:{port}", bind="none")
    running.host, running.port = "::1", port
    assert running.get("/").body == b"hello"


ACTIVATE = """
import os, sys
count = int(sys.argv[1])
given = [int(fd) for fd in sys.argv[2 : 2 + count]]
high = [os.dup2(fd, 50 + i) for i, fd in enumerate(given)]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i, inheritable=True)
    os.close(fd)
os.environ["LISTEN_FDS"] = str(count)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2 + count], sys.argv[2 + count :])
"""


def test_sockets_from_systemd(server):
    """LISTEN_FDS: served from the first connection on, even one made before the start."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    numbers = [str(listener.fileno()) for listener in listeners]
    ports = [listener.getsockname()[1] for listener in listeners]
    early = Connection(("127.0.0.1", ports[0]))
    early.send(request_bytes())
    running = server(
        "hello:application", "--workers", 1, bind="none",
        wrapper=[sys.executable, "-c", ACTIVATE, "2", *numbers],
        pass_fds=[int(number) for number in numbers],
    )
    assert early.read_response().body == b"hello"
    early.close()
    for port in ports:
        running.port = port
        assert running.get("/").body == b"hello"
    environment = running_environment(running)
    assert "LISTEN_FDS" not in environment and "LISTEN_PID" not in environment
    running.stop()
    with Connection(("127.0.0.1", ports[0])):
        pass  # the sockets are systemd's, and stay open
    for listener in listeners:
        listener.close()


def running_environment(running):
    """The environment that the kernel shows for a worker; empty where its title overwrote it."""
    with open(f"/proc/{running.worker_pids()[0]}/environ", "rb") as file:
        return dict(
            entry.decode().split("=", 1) for entry in file.read().split(b"\0") if b"=" in entry
        )


def test_more_connections_than_a_worker_takes(server):
    """--worker-connections: the others wait, or go elsewhere, but are answered."""
    running = server(
        "hello:application", "--workers", 1, "--worker-connections", 10, "--keep-alive", 1
    )
    connections = [running.connect(timeout=30) for _ in range(30)]
    for connection in connections:
        connection.send(request_bytes(headers={"Connection": "close"}))
    for connection in connections:
        assert connection.read_response().body == b"hello"
        connection.close()


# Users, environment, directories.


def process_of(server):
    return json.loads(server.get("/").body)["*process"]


def test_user(server, system_python, readable_copy):
    """As root: the application runs as nobody, while the logs are written where only root may."""
    stage, apps = readable_copy
    private = apps / "private"
    private.mkdir(mode=0o700)
    running = server(
        "environment:application", "--workers", 1, "--user", "nobody",
        "--access-logfile", private / "access.log", "--error-logfile", private / "error.log",
        "--pid", private / "pid", python=system_python, chdir=apps, stage=stage,
    )
    import pwd

    entry = pwd.getpwnam("nobody")
    found = process_of(running)
    assert (found["uid"], found["gid"]) == (entry.pw_uid, entry.pw_gid)
    assert 0 not in found["groups"]
    running.wait_for_log('"GET / HTTP/1.1" 200', text=(private / "access.log").read_text)
    for pid in running.titled("mold") + running.worker_pids():
        assert processes.status_field(pid, "Uid").split() == [str(entry.pw_uid)] * 4
    (private / "access.log").rename(private / "access.old")
    running.signal(signal.SIGUSR2)
    wait_until((private / "access.log").exists, what="the log reopened")
    old = running.worker_pids()
    running.signal(signal.SIGHUP)
    running.wait_for_workers(1, without=old)
    assert process_of(running)["uid"] == entry.pw_uid


def test_group(server, system_python, readable_copy):
    stage, apps = readable_copy
    running = server(
        "environment:application", "--workers", 1, "--user", "nobody", "--group", "daemon",
        python=system_python, chdir=apps, stage=stage,
    )
    import grp

    assert process_of(running)["gid"] == grp.getgrnam("daemon").gr_gid


def test_umask(server):
    running = server("environment:application", "--workers", 1, "--umask", "027")
    assert process_of(running)["umask"] == 0o027


def test_env(server):
    running = server(
        "environment:application", "--workers", 1, "--env", "FROM_OPTION=yes", "--env", "EQUALS=a=b",
        "--env", "EMPTY=", INHERITED="too",
    )
    found = process_of(running)["os.environ"]
    assert found["FROM_OPTION"] == "yes" and found["EQUALS"] == "a=b" and found["EMPTY"] == ""
    assert found["INHERITED"] == "too"


def test_pythonpath(server, site, tmp_path):
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "from_library.py").write_text("NAME = 'library'\n")
    directory = site(uses_library="import from_library\n" + numbered(1))
    running = server(
        "uses_library", "--workers", 1, "--pythonpath", tmp_path / "library", chdir=directory
    )
    assert version_served(running) == "1"


def test_chdir(server, tmp_path):
    """The working directory of the application, and where its modules are found."""
    (tmp_path / "where.py").write_text(
        "import os\ndef application(e, s):\n    s('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [os.getcwd().encode()]\n")
    running = server("where", "--workers", 1, chdir=tmp_path)
    assert running.get("/").text == str(tmp_path)


def test_no_preload(server, site):
    """Each worker imports by itself."""
    source = "import os\nIMPORTED_BY = os.getpid()\ndef application(e, s):\n"
    source += "    s('200 OK', [('Content-Type', 'text/plain')])\n"
    source += "    return [f'{IMPORTED_BY} {os.getpid()}'.encode()]\n"
    directory = site(importing=source)
    running = server("importing", "--workers", 2, "--no-preload", chdir=directory)
    for _ in range(10):
        imported_by, pid = running.get("/").text.split()
        assert imported_by == pid
    preloaded = server("importing", "--workers", 2, chdir=directory)
    imported_by, pid = preloaded.get("/").text.split()
    assert imported_by != pid and imported_by == str(preloaded.titled("mold")[0])


# Forms of the application, choice of Python.


FORMS = {
    "module": "pack.mod", "module and callable": "pack.mod:other", "file": "pack/script.wsgi",
    "file and callable": "pack/script.wsgi:other", "python file": "pack/mod.py",
    "python file and callable": "pack/mod.py:other", "name app": "pack.named",
    "file from outside": "{directory}/pack/script.wsgi",
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_the_application(server, tmp_path, form):
    package = tmp_path / "pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "sibling.py").write_text("NAME = 'sibling'\n")
    source = "def {name}(e, s):\n    s('200 OK', [('Content-Type', 'text/plain')])\n"
    source += "    return [b'{answer}']\n"
    both = source.format(name="application", answer="application")
    both += source.format(name="other", answer="other")
    (package / "mod.py").write_text(both)
    (package / "script.wsgi").write_text("import sibling\nassert __file__\n" + both)
    (package / "named.py").write_text(source.format(name="app", answer="app"))
    chdir = "/" if form == "file from outside" else tmp_path
    running = server(FORMS[form].format(directory=tmp_path), "--workers", 1, chdir=chdir)
    expected = "other" if "callable" in form else "app" if form == "name app" else "application"
    assert running.get("/").text == expected


def make_environment(python, directory):
    subprocess.run([python, "-m", "venv", "--without-pip", directory], check=True)
    return directory


@pytest.mark.parametrize("version", interpreters.SUPPORTED)
@pytest.mark.parametrize("how", ["program", "directory"])
def test_python_versions(server, tmp_path, wrapping, version, how):
    """One build for every version."""
    python = interpreters.find(version) or pytest.skip(f"no Python {version} here")
    given = python
    if how == "directory":
        given = make_environment(python, tmp_path / "environment")
    running = server(f"environment:{wrapping}", "--workers", 2, python=str(given))
    found = process_of(running)
    assert found["version"] == version
    if how == "directory":
        assert found["prefix"] == str(tmp_path / "environment")
    old = running.worker_pids()
    running.signal(signal.SIGHUP)
    running.wait_for_workers(2, without=old)
    assert process_of(running)["version"] == version


def test_active_virtual_environment(server, tmp_path):
    active = make_environment(sys.executable, tmp_path / "active")
    running = server(
        "environment:application", "--workers", 1, python="unset", VIRTUAL_ENV=str(active)
    )
    assert process_of(running)["prefix"] == str(active)


def test_virtual_environment_next_to_the_application(server, tmp_path):
    (tmp_path / "site").mkdir()
    with open(os.path.join(os.path.dirname(__file__), "apps", "environment.py"), encoding="utf-8") as f:
        (tmp_path / "site" / "environment.py").write_text(f.read())
    near = make_environment(sys.executable, tmp_path / "site" / ".venv")
    running = server("environment", "--workers", 1, python="unset", chdir=tmp_path / "site")
    assert process_of(running)["prefix"] == str(near)


def test_python_of_the_path(server, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(os.path.realpath(sys.executable))
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    running = server("environment:application", "--workers", 1, python="unset", PATH=path)
    found = process_of(running)
    assert os.path.realpath(found["executable"]) == os.path.realpath(sys.executable)


# Concurrency.


def test_threads_run_at_once(server, gate, wrapping):
    """As many requests at a time as there are threads, on new and on kept connections."""
    gates = [gate() for _ in range(4)]
    running = server(f"responding:{wrapping}", "--workers", 1, "--threads", 4)
    connections = [running.connect() for _ in gates]
    for connection in connections:
        assert connection.request(target="/single").body == b"single"
    for connection, held in zip(connections, gates, strict=True):
        connection.send(request_bytes(target=f"/gate?path={held.path}"))
    for held in gates:
        held.wait_for_visitor()
    for connection, held in zip(connections, gates, strict=True):
        held.open()
        assert connection.read_response().body == b"passed"
        connection.close()


def test_static_files_while_all_threads_are_busy(server, gate, tmp_path):
    (tmp_path / "f.txt").write_text("file")
    held = gate()
    running = server(
        "responding:application", "--workers", 1, "--threads", 1, "--static", f"/s={tmp_path}"
    )
    with running.connect() as connection:
        connection.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        for _ in range(3):
            assert running.get("/s/f.txt").body == b"file"
        held.open()
        assert connection.read_response().body == b"passed"


def test_waiting_requests_are_answered_when_a_thread_is_free(server, gate):
    held = gate()
    running = server("responding:application", "--workers", 1, "--threads", 1)
    connections = [running.connect() for _ in range(10)]
    with running.connect() as first:
        first.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        for connection in connections:
            connection.send(request_bytes(target="/single"))
        held.open()
        assert first.read_response().body == b"passed"
    for connection in connections:
        assert connection.read_response().body == b"single"
        connection.close()


def test_busy_worker_leaves_connections_to_an_idle_one(server, gate):
    """Two workers with one thread each: one stuck request does not hold up others for long."""
    held = gate()
    running = server("responding:application", "--workers", 2, "--threads", 1)
    with running.connect() as first:
        first.send(request_bytes(target=f"/gate?path={held.path}"))
        held.wait_for_visitor()
        for _ in range(10):
            assert running.request(target="/single", timeout=5).body == b"single"
        held.open()
        assert first.read_response().body == b"passed"
