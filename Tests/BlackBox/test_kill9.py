"""Workers killed without warning under load: what is lost, what is said, what goes on."""

import os
import random
import signal
import time

import pytest
from harness.load import Load
from harness.processes import wait_until
from harness.serving import DAEMON

KEEP_ALIVE, FRESH = 4, 3
THREADS = 2


def worker_in(response):
    return response.text


def kill_workers_under_load(server, seconds, every):
    """Kills a random worker every so many seconds; returns the load and who was killed when."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    choice = random.Random(seed)
    running = server("responding:application", "--workers", 3, "--threads", THREADS)
    killed = []
    with Load(
        running.address, "/pid", keep_alive=KEEP_ALIVE, fresh=FRESH, worker_of=worker_in
    ) as load:
        load.wait_for_answers(50)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            next_kill = time.monotonic() + every
            living = [pid for pid in running.worker_pids() if pid not in killed]
            if living:
                victim = choice.choice(living)
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)
                load.wait_for_answers(10)
            wait_until(lambda when=next_kill: time.monotonic() > when, every + 10)
        wait_until(lambda: len(running.worker_pids()) == 3, 30, "three workers again")
        load.wait_for_answers(50)
    return running, load, killed


def check(running, load, killed, least_kills):
    assert len(killed) >= least_kills
    if DAEMON:
        load.expect_only_begun_lost(len(killed) * THREADS)
    else:
        expect_lost_with_their_workers(load, killed)
    assert load.longest_silence < 10, "the server stopped serving"
    for pid in killed:
        running.wait_for_log(rf"\b{pid}\b.*(SIGKILL|signal 9|killed)|(SIGKILL|signal 9).*\b{pid}\b")
    assert running.get("/single").body == b"single"
    assert running.process.poll() is None
    print(
        f"{len(killed)} kills, {load.answers} answers, {len(load.failures)} lost, longest "
        f"silence {load.longest_silence:.3f} s"
    )


def expect_lost_with_their_workers(load, killed):
    fresh = [failure for failure in load.failures if failure.kind == "fresh"]
    kept = [failure for failure in load.failures if failure.kind == "kept-alive"]
    for failure in kept:
        # A kept-alive client knows whose connection it has; a new one does not yet.
        assert failure.worker is None or int(failure.worker) in killed, str(failure)
    assert len(kept) <= len(killed) * KEEP_ALIVE, [str(failure) for failure in kept]
    assert len(fresh) <= len(killed) * FRESH, [str(failure) for failure in fresh]


def test_kill_random_workers(server):
    check(*kill_workers_under_load(server, seconds=8, every=0.7), least_kills=5)


@pytest.mark.long
@pytest.mark.timeout(200)
def test_kill_a_random_worker_each_second_for_a_minute(server):
    check(*kill_workers_under_load(server, seconds=60, every=1.0), least_kills=50)


def test_all_workers_killed_at_once(server):
    """Nobody left but the supervisor and the mold; connections wait in the backlog."""
    running = server("responding:application", "--workers", 3, "--threads", 1)
    workers = running.worker_pids()
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    assert int(running.get("/pid").body) not in workers
    running.wait_for_workers(3, without=workers, deadline=30)
