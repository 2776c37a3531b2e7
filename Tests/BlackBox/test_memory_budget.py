"""The memory budget: what is said, what a control group allows, leaks, restarts, and misfits."""

import json
import random
import re
import signal
import subprocess
import sys

import pytest
from harness import serving
from harness.crowd import Crowd
from harness.load import Load
from harness.memory_group import MIB, MemoryGroup, Watch, why_not
from harness.processes import wait_until

# What it takes is set from outside: at import, at a worker's first request, with each request.
SITE = """
import os
import time

PAGE = 4096
BASE = b"b" * (int(os.environ.get("BASE_MB", "0")) << 20)
FIRST = int(os.environ.get("FIRST_MB", "0")) << 20
LEAK = int(os.environ.get("LEAK_KB", "0")) << 10
WAIT = float(os.environ.get("WAIT", "0"))
kept = []


def application(environ, start_response):
    if FIRST and not kept:
        kept.append(b"f" * FIRST)
    if LEAK:
        kept.append(b"l" * LEAK)
    time.sleep(WAIT)
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
GREW = r"worker .*took [\d.]+ MB more memory .* of [\d.]+ MB that it may.* \d+ requests"


@pytest.fixture
def directory(site):
    return site(takes=SITE)


@pytest.fixture
def group():
    """Makes control groups, `group(megabytes)`; removed after the servers in them have ended."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    made = []

    def make(megabytes):
        made.append(MemoryGroup(megabytes * MIB))
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.fixture
def grouped(group, server, directory):
    """Starts a server in a group of its own: `grouped(megabytes, *options, **env)`."""
    def start(megabytes, *options, **env):
        made = group(megabytes)
        return made, server("takes", *options, chdir=directory, wrapper=made.wrapper, **env)

    return start


def memory_of(running):
    """The object "memory" of `plimsoll status --json`, and the number of workers."""
    words = [f"{serving.STAGE}/bin/plimsoll", "status", "--json", "--pid", str(running.pid)]
    text = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20).stdout
    status = json.loads(text)
    return status["memory"], status["workers"]


def crowd(running, **options):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return Crowd(running.address, ["/"], seed, **options)


def wait_for_answers(clients, count, deadline=90):
    goal = clients.answers + count
    wait_until(lambda: clients.answers >= goal or clients.failures, deadline, f"{count} answers")


def check(group, clients, watch):
    """No request was lost, nothing was killed, and the limit was kept."""
    print(
        f"{clients.answers} answers, {len(clients.failures)} failures; of "
        f"{group.limit_bytes // MIB} MiB: peak {group.peak_bytes // MIB}, without files "
        f"{watch.most_bytes // MIB}; {group.oom_kills} killed")
    assert not clients.failures, [str(one) for one in clients.failures[:5]]
    assert group.oom_kills == 0
    assert group.peak_bytes <= group.limit_bytes
    assert watch.most_bytes < group.limit_bytes


def test_the_budget_that_was_set_bounds_the_workers(server, directory):
    """64 clients would have 64 workers; each takes 4 MiB and more, and 64 MB are set."""
    running = server(
        "takes", "--memory", "64M", "--workers", "1-64", "--threads", 1, chdir=directory,
        FIRST_MB=4, WAIT=0.05)
    seen = []

    def look():
        seen.append(memory_of(running))
        return seen[-1][0]["binding"] == "memory"

    with crowd(running, pause=0) as clients:
        clients.resize(64)
        wait_until(look, 60, "the memory to be what binds")
        for _ in range(10):
            wait_for_answers(clients, 100)
            look()
    assert not clients.failures, clients.failures[:5]
    most = max(len(workers) for _, workers in seen)
    used = max(memory["used_bytes"] for memory, _ in seen)
    last = seen[-1][0]
    print(f"at most {most} workers, {used // MIB} MiB; {last}")
    assert {memory["budget_bytes"] for memory, _ in seen} == {64 * MIB}
    assert 1 < most < 20
    assert used <= 64 * MIB
    assert last["worker_bytes"] >= 4 * MIB
    assert 0 < last["capacity"] < 20
    running.wait_for_log(r"\[warn\].*one more worker takes .* the memory budget of 6\d")


def check_leak(grouped, megabytes, count, kilobytes, clients):
    group, running = grouped(megabytes, LEAK_KB=kilobytes)
    with Watch(group) as watch:
        with Load(running.address, keep_alive=clients, fresh=0) as load:
            load.wait_for_answers(count, 600)
    check(group, load, watch)
    grew = running.wait_for_log(GREW)
    print(grew[0])
    assert len(load.seen) > count * kilobytes // 1024 // megabytes, "nobody was replaced"


def test_a_leak_within_a_group(grouped):
    check_leak(grouped, 128, count=1000, kilobytes=1024, clients=8)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_leak_of_five_thousand_requests(grouped):
    check_leak(grouped, 256, count=5000, kilobytes=1024, clients=16)


def check_prefork(grouped, megabytes, clients, count, first):
    group, running = grouped(
        megabytes, "--mpm", "prefork", "--workers", "1-150", FIRST_MB=first, WAIT=0.05)
    with Watch(group) as watch, crowd(running, pause=0.02) as visitors:
        visitors.resize(clients)
        most = 0
        for _ in range(10):
            wait_for_answers(visitors, count // 10)
            most = max(most, len(running.worker_pids()))
        visitors.resize(0)
    check(group, visitors, watch)
    memory, workers = memory_of(running)
    print(f"at most {most} workers; after the load {len(workers)} of {memory}")
    assert 1 < most < clients
    assert memory["used_bytes"] <= memory["budget_bytes"] <= group.limit_bytes
    assert running.get("/").status == 200


def test_prefork_with_more_clients_than_fit(grouped):
    check_prefork(grouped, 96, clients=60, count=1500, first=4)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_prefork_with_many_more_clients_than_fit(grouped):
    check_prefork(grouped, 256, clients=300, count=30_000, first=4)


def check_restarts(grouped, megabytes, count, clients):
    group, running = grouped(megabytes, "--workers", "4-16", "--threads", 1, BASE_MB=24, FIRST_MB=1)
    with Watch(group) as watch, crowd(running, pause=0.02) as visitors:
        visitors.resize(clients)
        for _ in range(count):
            wait_for_answers(visitors, 50)
            running.signal(signal.SIGUSR1)
            running.wait_for_notification("RELOADING=1")
            running.wait_for_notification("READY=1", 60)
        wait_for_answers(visitors, 50)
    check(group, visitors, watch)
    assert running.log_text().count("serving generation") == count


def test_graceful_restarts_within_a_group(grouped):
    """Two molds of 24 MiB and what two generations of workers take do fit, but not by much."""
    check_restarts(grouped, 112, count=5, clients=12)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_twenty_graceful_restarts_within_a_group(grouped):
    check_restarts(grouped, 112, count=20, clients=24)


def test_an_application_that_does_not_fit_is_served_by_one_worker(server, directory):
    running = server(
        "takes", "--memory", "48M", "--threads", 1, "--workers", "1-8", chdir=directory,
        BASE_MB=64, WAIT=0.02)
    misfit = running.wait_for_log(
        r"the application does not fit into the memory budget: (.*) = (.*), and the budget is 48")
    parts = [float(one) for one in re.findall(r"([\d.]+) M", misfit[1])]
    # Parts below 1 MB are told in kB, and sums from 100 MB on without a digit behind the point.
    assert abs(sum(parts) - float(misfit[2].split()[0])) < 2, misfit[0]
    with crowd(running, pause=0) as clients:
        clients.resize(8)
        wait_for_answers(clients, 200)
        assert len(running.worker_pids()) == 1
    assert not clients.failures, clients.failures[:5]
    assert running.log_text().count("does not fit into the memory budget") == 1


@pytest.mark.parametrize("value", ["lots", "-1", "12Q", "", "99999999999999999999"])
def test_a_budget_that_is_none(value, directory):
    """One sentence with the option's name, and the exit code of a wrong command line."""
    code, text, _ = serving.run_to_its_end(
        "serve", "takes", f"--memory={value}", "--bind", f"127.0.0.1:{serving.free_port()}",
        "--python", sys.executable, chdir=directory)
    print(text)
    assert code == 2
    assert len([line for line in text.splitlines() if "--memory" in line]) == 1, text
    assert "Traceback" not in text and "Fatal" not in text
