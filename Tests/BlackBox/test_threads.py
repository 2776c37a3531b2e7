"""Threads that stand in for workers: where memory, or the greatest number, forbids those."""

import json
import random
import resource
import signal
import subprocess

import pytest
from harness import serving
from harness.crowd import Crowd
from harness.processes import wait_until

SITE = """
import os
import time

BASE = b"b" * (int(os.environ.get("BASE_MB", "0")) << 20)


def application(environ, start_response):
    time.sleep(0.1)
    body = str(environ["wsgi.multithread"]).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
# Each worker has 24 MiB of its own, and is reckoned with 32 until one was measured: one fits.
ONE_FITS = ["--memory", "64M", "--no-preload", "--workers", "1-8"]


@pytest.fixture
def directory(site):
    return site(waits=SITE)


def status_of(running):
    words = [f"{serving.STAGE}/bin/plimsoll", "status", "--json", "--pid", str(running.pid)]
    text = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20).stdout
    return json.loads(text)


def crowd(running):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return Crowd(running.address, ["/"], seed, pause=0)


def threads_of(status):
    return [worker["handler_count"] for worker in status["workers"] if worker["phase"] == "serving"]


def watch(running, clients, count):
    """The statuses until `clients` have got so many answers more."""
    goal = clients.answers + count
    seen = []

    def look():
        seen.append(status_of(running))
        return clients.answers >= goal or clients.failures

    wait_until(look, 90, f"{count} answers")
    assert not clients.failures, [str(one) for one in clients.failures[:5]]
    return seen


def test_threads_stand_in_for_workers_that_do_not_fit(server, directory):
    running = server("waits", *ONE_FITS, chdir=directory, BASE_MB=24)
    assert threads_of(status_of(running)) == [4]
    with crowd(running) as clients:
        clients.resize(24)
        wait_until(
            lambda: threads_of(status_of(running)) == [16] or clients.failures, 60, "16 threads")
        seen = watch(running, clients, 200)
    assert max(one["busy_handlers"] for one in seen) > 4
    for one in seen:
        assert one["memory"]["binding"] == "memory"
        assert one["memory"]["used_bytes"] <= one["memory"]["budget_bytes"]
        assert (one["threads_per_worker"], one["threads_per_worker_most"]) == (4, 16)
        assert threads_of(one) == [16]
        assert one["busy_handlers"] + one["idle_handlers"] == 16


def test_a_fixed_number_of_threads_stays(server, directory):
    running = server("waits", *ONE_FITS, "--threads", 4, chdir=directory, BASE_MB=24)
    with crowd(running) as clients:
        clients.resize(24)
        seen = watch(running, clients, 200)
    assert {tuple(threads_of(one)) for one in seen} == {(4,)}
    assert {one["memory"]["binding"] for one in seen[-2:]} == {"memory"}
    assert max(one["busy_handlers"] for one in seen) <= 4


def test_a_range_of_threads_is_for_every_worker(server, directory):
    """Two workers with up to six threads: twelve at a time, whatever memory there is."""
    running = server("waits", "--workers", 2, "--threads", "1-6", chdir=directory)
    with crowd(running) as clients:
        clients.resize(30)
        wait_until(
            lambda: threads_of(status_of(running)) == [6, 6] or clients.failures, 60, "12 threads")
        seen = watch(running, clients, 300)
    assert {tuple(threads_of(one)) for one in seen} == {(6, 6)}
    assert max(one["busy_handlers"] for one in seen) <= 12
    assert running.get("/").body == b"True"


def test_a_new_generation_begins_with_few_threads(server, directory):
    running = server("waits", "--workers", 1, "--threads", "2-6", chdir=directory)
    with crowd(running) as clients:
        clients.resize(12)
        wait_until(
            lambda: threads_of(status_of(running)) == [6] or clients.failures, 60, "6 threads")
    running.signal(signal.SIGUSR1)
    running.wait_for_notification("RELOADING=1")
    running.wait_for_notification("READY=1", 60)
    wait_until(lambda: threads_of(status_of(running)) == [2], 30, "a worker with 2 threads")


def test_a_thread_that_cannot_be_started(server, directory):
    """The worker goes on with those that it has, says so once, and tries again later."""
    running = server("waits", "--workers", 1, "--threads", "1-3", chdir=directory)
    (pid,) = running.worker_pids()
    with open(f"/proc/{pid}/statm") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    _, hard = resource.prlimit(pid, resource.RLIMIT_AS)
    # Enough for requests, and not for the stack of a thread.
    resource.prlimit(pid, resource.RLIMIT_AS, (size + (4 << 20), hard))
    with crowd(running) as clients:
        clients.resize(6)
        running.wait_for_log(r"\[warn\].*cannot start its handler thread 1: .*it has\. Raise")
        assert {tuple(threads_of(one)) for one in watch(running, clients, 20)} == {(1,)}
        resource.prlimit(pid, resource.RLIMIT_AS, (hard, hard))
        wait_until(
            lambda: threads_of(status_of(running)) == [3] or clients.failures, 60, "3 threads")
    assert not clients.failures, clients.failures[:5]
    assert running.log_text().count("cannot start its handler thread") == 1
