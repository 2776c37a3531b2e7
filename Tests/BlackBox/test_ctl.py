"""`plimsoll ctl`: stops and restarts a server, and tells what came of it."""

import os
import pathlib
import subprocess
import sys
import threading

import pytest
from harness.processes import wait_until
from harness.serving import run_to_its_end
from harness.versions import numbered, version_served

APPLICATION, USAGE, PERMISSION, NO_SERVER, NOT_IN_TIME = 3, 2, 6, 9, 10


def ctl(*words):
    """(code, the one line that it says, on whichever of the two outputs)."""
    code, errors, output = run_to_its_end("ctl", *words)
    lines = (errors + output).splitlines()
    assert len(lines) == 1, lines
    assert bool(errors) == (code != 0)
    return code, lines[0]


@pytest.mark.parametrize("verb", ["graceful", "restart"])
def test_new_code_serves_when_it_returns(server, site, verb):
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 1, chdir=directory)
    assert version_served(running) == "1"
    (directory / "numbered.py").write_text(numbered(2))
    code, line = ctl(verb, "--pid", running.pid)
    assert code == 0 and "generation 2 serves" in line and str(running.pid) in line
    wait_until(lambda: version_served(running) == "2", 10, "version 2")


def test_new_code_that_fails_is_told(server, site):
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 1, chdir=directory)
    (directory / "numbered.py").write_text("raise ValueError('broken')\n")
    code, line = ctl("graceful", "--pid", running.pid)
    assert code == APPLICATION
    assert "generation 2" in line and "generation 1 still serves" in line and "log" in line
    assert version_served(running) == "1"
    (directory / "numbered.py").write_text(numbered(3))
    code, line = ctl("graceful", "--pid", running.pid)
    assert code == 0 and "generation 3 serves" in line


def test_a_restart_that_takes_too_long(server, site, gate):
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 1, chdir=directory)
    door = gate()
    (directory / "numbered.py").write_text(f"open({door.path!r}).read()\n" + numbered(2))
    code, line = ctl("graceful", "--pid", running.pid, "--timeout", "300ms")
    assert code == NOT_IN_TIME and "0.3 s" in line
    door.open()
    wait_until(lambda: version_served(running) == "2", 10, "version 2")


@pytest.mark.parametrize("verb", ["stop", "graceful-stop"])
def test_the_server_is_gone_when_it_returns(server, tmp_path, verb):
    path = tmp_path / "site.pid"
    running = server("hello", "--workers", 2, "--pid", path)
    code, line = ctl(verb, "--pid", path)
    assert code == 0 and "has stopped" in line
    assert running.wait(1) == 0
    running.expect_nothing_left()
    code, line = ctl(verb, "--pid", path)
    assert code == NO_SERVER and str(path) in line


def test_stop_waits_for_the_request_in_hand(server, gate):
    running = server("busy", "--workers", 1, "--threads", 2)
    door = gate()
    answers = []
    client = threading.Thread(
        target=lambda: answers.append(running.get("/gate", [("X-Gate", door.path)])))
    client.start()
    door.wait_for_visitor()
    code, line = ctl("stop", "--pid", running.pid, "--timeout", "300ms")
    assert code == NOT_IN_TIME and "still runs" in line
    assert running.process.poll() is None
    door.open()
    client.join(10)
    assert answers[0].status == 200
    assert running.wait() == 0


def test_no_wait_only_signals(server, site):
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 1, chdir=directory)
    (directory / "numbered.py").write_text(numbered(2))
    code, line = ctl("graceful", "--no-wait", "--pid", running.pid)
    assert code == 0 and "SIGUSR1 is sent" in line
    wait_until(lambda: version_served(running) == "2", 20, "version 2")


def test_a_server_that_ends_meanwhile(server, site, gate):
    directory = site(numbered=numbered(1))
    running = server("numbered", "--workers", 1, chdir=directory)
    door = gate()
    (directory / "numbered.py").write_text(f"open({door.path!r}).read()\n" + numbered(2))
    found = []
    waiter = threading.Thread(
        target=lambda: found.append(ctl("graceful", "--pid", running.pid)))
    waiter.start()
    door.wait_for_visitor()
    code, _ = ctl("stop", "--pid", running.pid)
    assert code == 0
    waiter.join(20)
    assert found[0][0] == NO_SERVER and "ended instead" in found[0][1]
    assert running.wait() == 0


def test_what_is_no_server_is_left_alone(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        path = tmp_path / "site.pid"
        path.write_text(f"{other.pid}\n")
        for reference in (other.pid, path):
            code, line = ctl("stop", "--pid", reference)
            assert code == USAGE and "left alone" in line
        assert other.poll() is None
        other.stdin.close()
    code, line = ctl("stop", "--pid", other.pid)
    assert code == NO_SERVER and f"no process {other.pid}" in line


def test_a_name_alone_makes_no_supervisor(tmp_path):
    """A process that only calls itself like one, as an application may, has another short name."""
    command = "exec -a 'plimsoll: supervisor x' sleep 60"
    with subprocess.Popen(["bash", "-c", command]) as other:
        comm = pathlib.Path(f"/proc/{other.pid}/comm")
        wait_until(lambda: comm.read_text() == "sleep\n", 5, "exec")
        code, line = ctl("stop", "--pid", other.pid)
        assert code == USAGE and '"sleep"' in line
        other.kill()


def test_the_server_of_somebody_else(server, readable_copy):
    if os.getuid() != 0:
        pytest.skip("only root can change the user")
    stage, _ = readable_copy
    running = server("hello", "--workers", 1)
    done = subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
         os.path.join(stage, "bin", "plimsoll"), "ctl", "stop", "--pid", str(running.pid)],
        capture_output=True, text=True, timeout=30, check=False, cwd="/")
    assert done.returncode == PERMISSION, done.stderr
    assert str(running.pid) in done.stderr and len(done.stderr.splitlines()) == 1
    assert running.process.poll() is None


@pytest.mark.parametrize(
    ("words", "needle"),
    [([], "graceful-stop"), (["gracful"], "did you mean graceful?"), (["start"], "plimsoll serve"),
     (["stop", "restart"], "one at a time"), (["stop", "--timeot", "1"], "--timeout"),
     (["stop", "--timeout", "0"], "24h"), (["stop", "--pid", "0"], "--pid")])
def test_mistyped_words(words, needle):
    code, line = ctl(*words)
    assert code == USAGE and needle in line


def test_help():
    code, errors, output = run_to_its_end("ctl", "--help")
    assert code == 0 and "graceful-stop" in output and not errors
