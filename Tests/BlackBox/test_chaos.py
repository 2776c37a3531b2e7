"""Any process but the supervisor, killed at any moment under load: fronts, workers and molds come
back, and what is lost is only what the dead had in hand."""

import os
import random
import signal
import time
from collections import Counter

import pytest
from harness.load import Load
from harness.processes import wait_until

pytestmark = pytest.mark.embedded("these say themselves that they are in daemon mode")

KEEP_ALIVE, FRESH = 4, 3
CLIENTS = KEEP_ALIVE + FRESH
THREADS = 2
ROLES = ("front", "worker", "mold")


def kill_anybody_under_load(server, seconds):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    choice = random.Random(seed)
    running = server(
        "responding:application", "--mode", "daemon", "--workers", 3, "--threads", THREADS)
    killed = []
    with Load(running.address, "/pid", keep_alive=KEEP_ALIVE, fresh=FRESH) as load:
        load.wait_for_answers(50)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            next_kill = time.monotonic() + 1
            role = choice.choice(ROLES)
            living = [pid for pid in running.titled(role) if pid not in dict(killed)]
            if living:
                victim = choice.choice(living)
                os.kill(victim, signal.SIGKILL)
                killed.append((victim, role))
            load.wait_for_answers(10)
            wait_until(lambda when=next_kill: time.monotonic() > when, 10)
        wait_until(
            lambda: [len(running.titled(role)) for role in ROLES] == [1, 3, 1], 30,
            "a front, three workers and a mold")
        load.wait_for_answers(50)
    return running, load, killed


def check(running, load, killed):
    kills = Counter(role for _, role in killed)
    # Whose connection the front had is told by nobody but the kernel.
    lost = [failure for failure in load.failures if failure.what.startswith("answer 502")]
    broken = [failure for failure in load.failures if failure not in lost]
    print(
        f"{dict(kills)} killed, {load.answers} answers, {len(lost)} answered 502, {len(broken)} "
        f"connections broken, longest silence {load.longest_silence:.2f} s")
    assert len(lost) <= kills["worker"] * THREADS, [str(failure) for failure in lost]
    assert len(broken) <= kills["front"] * CLIENTS, [str(failure) for failure in broken]
    assert not [one for one in broken if one.what.startswith("answer")], "an answer but 502"
    assert load.longest_silence < 10, "the server stopped serving"
    for pid, _ in killed:
        running.wait_for_log(rf"\b{pid}\b.*(SIGKILL|killed)")
    assert running.get("/single").body == b"single"


def test_any_process_may_be_killed(server):
    check(*kill_anybody_under_load(server, seconds=8))


@pytest.mark.long
@pytest.mark.timeout(200)
def test_one_is_killed_each_second_for_a_minute(server):
    check(*kill_anybody_under_load(server, seconds=60))
