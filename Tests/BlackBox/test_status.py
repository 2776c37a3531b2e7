"""`plimsoll status`: what a running server does, as a table and as JSON."""

import json
import os
import re
import subprocess
import threading

import pytest
from harness import processes
from harness.processes import wait_until
from harness.serving import STAGE, run_to_its_end

USAGE, PERMISSION, NO_SERVER = 2, 6, 9


def status(running):
    code, text, output = run_to_its_end("status", "--json", "--pid", running.pid)
    assert code == 0, text
    return json.loads(output)


def handlers(found, state):
    return [h for w in found["workers"] for h in w["handlers"] if h["state"] == state]


def test_json_tells_who_serves_what(server):
    running = server("hello", "--workers", 2, "--threads", 3)
    assert running.get("/").status == 200
    found = status(running)
    assert found["format"] == 1
    assert found["supervisor_pid"] == running.pid
    assert found["title"] == "hello" and found["software"].startswith("plimsoll/")
    assert found["mpm"] == "event" and found["policy"] == "loadline"
    assert found["generation"] == 1 and found["threads_per_worker"] == 3
    assert found["workers_most"] == 2
    assert sorted(w["pid"] for w in found["workers"]) == sorted(running.worker_pids())
    assert all(len(w["handlers"]) == 3 for w in found["workers"])
    wait_until(lambda: status(running)["totals"]["requests"] == 1, 5, "the request to count")


def test_it_tells_how_long_workers_took_to_serve(server):
    running = server("hello", "--workers", 3)
    running.wait_for_workers(3)
    found = wait_until(
        lambda: (found := status(running))["fork_us"]["count"] == 3 and found, 5, "three forks")
    fork, asked = found["fork_us"], found["fork_asked_us"]
    assert asked["count"] == 3
    assert 0 < fork["p50"] <= fork["p99"] <= fork["max"] <= asked["max"]
    code, _, table = run_to_its_end("status", f"--pid={running.pid}")
    assert code == 0 and re.search(r"workers +3 started, 0 died; ready after [\d.]+ ms", table)


def test_a_request_in_hand_shows_with_its_client(server, gate):
    running = server("busy", "--workers", 1, "--threads", 2)
    door = gate()
    thread = threading.Thread(
        target=running.get, args=("/gate?<b>&x=1", [("X-Gate", door.path), ("Host", "a.example")])
    )
    thread.start()
    try:
        door.wait_for_visitor()
        found = status(running)
        assert found["busy_handlers"] == 1
        assert "W" in found["scoreboard"]
        (handler,) = handlers(found, "W")
        assert handler["request"] == "GET /gate?<b>&x=1 HTTP/1.1"
        assert handler["host"] == "a.example" and handler["client"] == "127.0.0.1"
        assert handler["since_begin_ms"] >= 0
        code, _, table = run_to_its_end("status", f"--pid={running.pid}")
        assert code == 0
        assert "GET /gate?<b>&x=1 HTTP/1.1" in table and "a.example" in table
        assert all(len(line) <= 100 for line in table.splitlines())
    finally:
        door.open()
        thread.join(10)
    wait_until(lambda: status(running)["busy_handlers"] == 0, 5, "the handler to be idle")


def test_a_client_cannot_steer_the_terminal(server):
    running = server("hello", "--workers", 1, "--threads", 1)
    with running.connect() as connection:
        connection.send(b"GET /\xff\xc3\xa4\xe2\x80\xaex HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.read_response()
    code, text, table = run_to_its_end("status", "--pid", running.pid)
    assert code == 0, text
    assert all(c == "\n" or (c.isprintable() and c != "\u202e") for c in table)
    status(running)


def test_the_pid_file_names_the_server(server, tmp_path):
    path = tmp_path / "site.pid"
    running = server("hello", "--workers", 1, "--pid", path)
    code, text, output = run_to_its_end("status", "--json", "--pid", path)
    assert code == 0, text
    assert json.loads(output)["supervisor_pid"] == running.pid
    running.stop()
    code, text, _ = run_to_its_end("status", "--pid", path)
    assert code == NO_SERVER and str(path) in text
    path.write_text(f"{running.pid}\n")
    code, text, _ = run_to_its_end("status", "--pid", path)
    assert code == NO_SERVER and str(running.pid) in text and "does not run" in text


def test_other_processes_are_not_servers(server):
    running = server("hello", "--workers", 1)
    code, text, _ = run_to_its_end("status", "--pid", os.getpid())
    assert code == USAGE and str(os.getpid()) in text and "left alone" in text
    (worker,) = running.worker_pids()
    code, text, _ = run_to_its_end("status", "--pid", worker)
    assert code == USAGE and f"--pid {running.pid}" in text


def test_a_file_that_holds_no_number(tmp_path):
    path = tmp_path / "site.pid"
    for content in ("", "hello", "12 13", "-4", "99999999999"):
        path.write_text(content)
        code, text, _ = run_to_its_end("status", "--pid", path)
        assert code == USAGE and "does not hold the number" in text
        assert len(text.splitlines()) == 1
    code, text, _ = run_to_its_end("status", "--pid", tmp_path)
    assert code == USAGE and "directory" in text


def test_several_servers_are_listed(server):
    first, second = server("hello", "--workers", 1), server("busy", "--workers", 1)
    code, text, _ = run_to_its_end("status")
    assert code == USAGE and "--pid" in text
    # Those of others may run on this machine too; the first eight are listed.
    if int(text.split()[1]) <= 8:
        assert f"{first.pid} (hello)" in text and f"{second.pid} (busy)" in text


def in_a_namespace_of_its_own(*words):
    """Runs `plimsoll` where it sees no process but itself: (code, standard error)."""
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", os.path.join(STAGE, "bin", "plimsoll"),
         *words], capture_output=True, text=True, timeout=30, check=False)
    if "unshare:" in done.stderr:
        pytest.skip(f"no namespaces here: {done.stderr.strip()}")
    return done.returncode, done.stderr


def test_no_server_at_all():
    if os.getuid() != 0:
        pytest.skip("only root can make a namespace")
    code, text = in_a_namespace_of_its_own("status")
    assert code == NO_SERVER and "no server runs" in text


def test_the_server_of_somebody_else(server, readable_copy):
    if os.getuid() != 0:
        pytest.skip("only root can change the user")
    stage, _ = readable_copy
    running = server("hello", "--workers", 1)
    done = subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
         os.path.join(stage, "bin", "plimsoll"), "status", "--pid", str(running.pid)],
        capture_output=True, text=True, timeout=30, check=False, cwd="/")
    assert done.returncode == PERMISSION, done.stderr
    assert str(running.pid) in done.stderr and "root" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "needle"),
    [(["stats"], "status"), (["status", "--jsn"], "--json"), (["status", "17"], "--pid"),
     (["status", "--pid"], "no value"), (["graceful"], "plimsoll ctl graceful")])
def test_mistyped_words(words, needle):
    code, text, _ = run_to_its_end(*words)
    assert code == USAGE and needle in text and len(text.splitlines()) == 1


def test_help():
    code, text, output = run_to_its_end("status", "--help")
    assert code == 0 and "--json" in output and not text


def test_a_reader_that_goes_is_no_fault(server):
    running = server("hello", "--workers", 1)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [os.path.join(STAGE, "bin", "plimsoll"), "status", "--json", "--pid", str(running.pid)],
        stdout=write, stderr=subprocess.PIPE, timeout=30, check=False)
    os.close(write)
    assert done.stderr == b""
    assert running.process.poll() is None and processes.title(running.pid)
