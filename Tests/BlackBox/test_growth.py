"""Where memory grows: the URL that leaks is named, and the status tells what a request takes."""

import json
import re
import subprocess

import pytest
from harness import serving
from harness.processes import wait_until

SITE = """
import os

LEAK = int(os.environ.get("LEAK_KB", "0")) << 10
kept = []


def application(environ, start_response):
    if environ["PATH_INFO"].startswith("/leak"):
        kept.append(b"l" * LEAK)
    body = b"p" * (64 << 10) if environ["PATH_INFO"] == "/page" else b"small"
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
GREW = r"took ([\d.]+) MB more memory since it began to serve(.*), of [\d.]+ MB that it may"


@pytest.fixture
def start(server, site):
    def start(kilobytes):
        return server(
            "leaks", "--memory", "64M", "--workers", 1, "--threads", 2, chdir=site(leaks=SITE),
            LEAK_KB=kilobytes)

    return start


def ask_until_it_grew(running, *paths):
    """Asks for the paths in turns, on one connection for each worker that comes."""
    for _ in range(20_000):
        for path in paths:
            running.get(path)
        if found := re.search(GREW, running.log_text()):
            return float(found[1]), found[2]
    raise AssertionError("no worker has outgrown its allowance")


def test_the_url_that_leaks_is_named(start):
    running = start(1024)
    grown, where = ask_until_it_grew(running, "/", "/leak/?page=1", "/page")
    print(grown, where)
    found = re.fullmatch(r", mostly in /leak/: ([\d.]+) MB in (\d+) requests", where)
    assert found, where
    assert grown / 2 <= float(found[1]) <= grown + 1
    # Pages that the allocator had already may make a request or two unseen.
    assert abs(int(found[2]) - float(found[1])) <= 2


def test_a_url_that_leaks_little_by_little_is_named(start):
    running = start(40)
    grown, where = ask_until_it_grew(running, "/", "/leak/slowly")
    print(grown, where)
    assert re.match(r", mostly in /leak/slowly: [\d.]+ MB", where), where


def test_growth_all_over_the_place_is_nobodys(start):
    running = start(1024)
    _, where = ask_until_it_grew(running, *(f"/leak/{number}" for number in range(12)))
    assert where == ""


def test_the_status_tells_what_a_request_takes(start):
    running = start(100)
    before = status_of(running)
    assert before["workers"][0]["growth_bytes_per_request"] is None
    assert before["memory"]["growth_bytes_per_request"] is None
    for _ in range(20):
        running.get("/leak/")

    def per_request():
        now = status_of(running)
        return now["workers"][0]["growth_bytes_per_request"] or 0, now

    wait_until(lambda: per_request()[0] > 50_000, 15, "the growth in the status")
    each, now = per_request()
    print(each, now["memory"])
    assert each < 300_000
    assert now["memory"]["growth_bytes_per_request"] == each
    assert now["workers"][0]["growth_bytes"] >= 20 * 50_000


def status_of(running):
    words = [f"{serving.STAGE}/bin/plimsoll", "status", "--json", "--pid", str(running.pid)]
    text = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20).stdout
    return json.loads(text)


def test_merging_is_asked_for_and_what_is_missing_is_told(server):
    """Whether ksmd runs is the machine's business: one of the two lines has to come."""
    running = server("hello", "--merge-pages", "--workers", 2, "--log-level", "info")
    line = running.wait_for_log(
        r"mold: (the kernel may merge equal pages|equal pages are not merged)(.*)")
    print(line[0])
    flags = [read(f"/proc/{pid}/ksm_stat") for pid in running.wait_for_workers(2)]
    if line[1].startswith("the kernel may") or "ksmd does not run" in line[2]:
        # Older kernels do not say it for each process.
        assert all("ksm_merge_any: no" not in one for one in flags), flags


def test_nothing_is_merged_unless_it_is_asked_for(server):
    running = server("hello", "--workers", 1, "--log-level", "info")
    running.get("/")
    assert "merge" not in running.log_text()
    assert "ksm_merge_any: yes" not in read(f"/proc/{running.worker_pids()[0]}/ksm_stat")


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
