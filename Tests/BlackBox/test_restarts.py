"""Restarts and reloads: new code takes over, broken code does not, and nothing is lost."""

import os
import re
import resource
import signal

import pytest
from harness import processes
from harness.load import Load
from harness.processes import wait_until
from harness.versions import numbered, restart, version_served
from harness.wire import request_bytes


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


@pytest.mark.embedded("connections outlive workers")
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


def test_restart_whose_mold_cannot_be_started(server, site):
    """Said to systemd too, which would wait for the end of the reload otherwise."""
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 1, chdir=directory)
    # One number is left, for what systemd is told; a channel takes two.
    most = next(n for n in range(1000) if n not in processes.descriptors(running.pid)) + 1
    limits = resource.prlimit(running.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(running.pid, resource.RLIMIT_NOFILE, (most, limits[1]))
    running.signal(signal.SIGHUP)
    running.wait_for_notification("RELOADING=1")
    running.wait_for_notification("READY=1")
    running.wait_for_log("old one keeps serving")
    resource.prlimit(running.pid, resource.RLIMIT_NOFILE, limits)
    restart(running, directory, 2)


def test_reload_picks_up_a_change(server, site):
    """Of the application itself and of what it imports; a broken one is reported and survived."""
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
        "reading_settings", "--workers", 1, "--reload", "--reload-extra-file", extra,
        chdir=directory,
    )
    assert running.get("/").text == "1"
    extra.write_text("22")
    wait_until(lambda: running.get("/").text == "22", 20, "the new settings")


@pytest.mark.embedded("a worker with one thread heeds signals after its request")
def test_worker_told_to_stop_by_signal_is_replaced_at_once(server, gate):
    """A request in hand does not keep others from being served meanwhile."""
    running = server("busy:application", "--workers", 1, "--threads", 1)
    closed = gate()
    busy = running.connect()
    busy.send(b"GET /gate HTTP/1.1\r\nHost: x\r\nX-Gate: " + closed.path.encode() + b"\r\n\r\n")
    closed.wait_for_visitor()
    os.kill(running.worker_pids()[0], signal.SIGTERM)
    running.wait_for_workers(2)  # the old one, at its last request, and its successor
    assert running.get("/plain").body == b"plain"
    closed.open()
    assert busy.read_response().body == b"passed"
