"""The access log and the error log: what stands in them, and that they can be rotated."""

import re
import signal
import time

from harness import processes
from harness.processes import wait_until
from harness.serving import DAEMON
from harness.wire import request_bytes

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
    assert int(match[1]) < 30_000_000
    assert int(match[3]) in running.titled("front" if DAEMON else "worker")


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
        f"responding:{wrapping}", "--workers", 2, "--access-logfile", access,
        "--error-logfile", errors,
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


def test_standard_output_stays_when_logs_are_reopened(server):
    """With the access log there, it must not be closed: a connection would get its number."""
    running = server("busy:application", "--workers", 1, "--access-logfile", "-")
    before = running.get("/stdout").body
    running.signal(signal.SIGUSR2)
    running.wait_for_log("reopen")
    with running.connect() as connection:
        for _ in range(3):
            assert connection.request("GET", "/stdout").body == before


def test_access_log_that_cannot_be_written_is_said_once(server):
    running = server("busy:application", "--workers", 1, "--access-logfile", "/dev/full")
    running.get("/plain")
    running.wait_for_log(r"access log cannot be written \(No space left on device\)")
    for _ in range(3):
        assert running.get("/plain").body == b"plain"
    running.stop()
    assert running.log_text().count("access log cannot be written") == 1
