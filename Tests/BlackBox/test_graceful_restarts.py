"""Graceful restarts by the hundred, with processes killed meanwhile: nothing is left behind."""

import collections
import os
import random
import re
import signal
import time

import pytest
from harness import processes
from harness.load import Load
from harness.processes import wait_until
from harness.serving import DAEMON

WORKERS = 2
THREADS = 2
CLIENTS = 2
WARM_UP = 3
MOMENT = 0.05  # s; a restart takes about as long
KIB = 1024
# What one restart may never cost, times a thousand, is far more; allocators breathe by less.
MEMORY_TOLERANCE = 256 * KIB


def kinds(links):
    """How many descriptors or mappings there are of each kind; numbers inside names left out."""
    return collections.Counter(re.sub(r"\d+", "N", link) for link in links)


def shared_mappings(pid):
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:
        names = [line.split(maxsplit=5) for line in file]
    return [parts[5].strip() for parts in names if parts[1].endswith("s") and len(parts) > 5]


def files_of(running):
    """Names in the server's directories, and of shared memory that has one."""
    found = [name for _, below, names in os.walk(running.directory) for name in below + names]
    return sorted(found), sorted(name for name in os.listdir("/dev/shm") if "plimsoll" in name)


def look_at(running):
    time.sleep(0.1)
    descriptors = kinds(processes.descriptors(running.pid).values())
    return descriptors, kinds(shared_mappings(running.pid)), files_of(running)


class Inventory:
    """All that a server has, at rest."""

    def __init__(self, running):
        running.wait_for_workers(WORKERS, deadline=60)
        wait_until(lambda: len(running.titled("mold")) == 1, 60, "one mold")
        wait_until(
            lambda: len(processes.descendants(running.pid)) == WORKERS + 1 + DAEMON, 60,
            "no process but the workers, the mold and a front",
        )
        # What belonged to a process goes a moment after it: at rest is what stays the same.
        looks = [None]
        wait_until(lambda: looks.append(look_at(running)) or looks[-1] == looks[-2], 20, "rest")
        self.descriptors, self.mappings, self.files = looks[-1]
        self.memory = processes.private_dirty_bytes(running.pid)


class Killer:
    """Kills a random worker or mold, at some moments."""

    def __init__(self, running, choice, share):
        self.running, self.choice, self.share = running, choice, share
        self.killed = []

    def perhaps(self):
        if self.choice.random() >= self.share:
            return
        time.sleep(self.choice.uniform(0, MOMENT))  # any moment of what goes on, not its beginning
        victims = self.running.worker_pids() + self.running.titled("mold")
        if victims:
            victim = self.choice.choice(victims)
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                return  # it ended by itself, being an old one
            self.killed.append(victim)


def restart_and_kill(server, directory, count, share):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    choice = random.Random(seed)
    temporary = directory / "server-0" / "temporary"  # in the server's own directory
    temporary.mkdir(parents=True)
    running = server(
        "responding:application", "--workers", WORKERS, "--threads", THREADS, "--keep-alive", "1s",
        "--temp-dir", temporary, bind="unix", TMPDIR=temporary,
    )

    def restart(moments):
        running.signal(signal.SIGUSR1)
        moments()
        running.wait_for_notification("RELOADING=1")
        moments()
        running.wait_for_notification("READY=1", 60)
        moments()

    for _ in range(WARM_UP):
        restart(lambda: None)
    before = Inventory(running)
    killer = Killer(running, choice, share)
    with Load(
        running.address, "/pid", keep_alive=CLIENTS, fresh=1,
        worker_of=lambda response: response.text, pause=0.01,
    ) as load:
        for number in range(count):
            restart(killer.perhaps)
            load.wait_for_answers(2, 60)
            assert running.process.poll() is None
            if (number + 1) % 100 == 0:
                memory = processes.private_dirty_bytes(running.pid) // KIB
                print(f"{number + 1} restarts, {len(killer.killed)} kills, supervisor {memory} KiB")
    after = Inventory(running)
    print(
        f"{count} restarts, {len(killer.killed)} kills, {load.answers} answers, "
        f"{len(load.failures)} failures; supervisor {before.memory // KIB} KiB before, "
        f"{after.memory // KIB} KiB after"
    )
    check_failures(load, killer)
    log = running.log_text()
    assert log.count("graceful restart: SIGUSR1") == WARM_UP + count
    assert log.count("serving generation") + log.count("given up") >= WARM_UP + count
    assert after.descriptors == before.descriptors
    assert after.mappings == before.mappings
    assert after.files == before.files
    assert after.memory <= before.memory + MEMORY_TOLERANCE
    return running, killer


def check_failures(load, killer):
    """Only who was talking to a process that was killed has lost something."""
    killed = {str(pid) for pid in killer.killed}
    if DAEMON:
        load.expect_only_begun_lost(len(killed) * THREADS)
        return
    for failure in load.failures:
        assert failure.worker is None or failure.worker in killed, str(failure)
    assert len(load.failures) <= len(killed) * (CLIENTS + 1), [str(one) for one in load.failures]


def test_twenty_restarts_with_kills(server, tmp_path):
    running, killer = restart_and_kill(server, tmp_path, count=20, share=0.15)
    running.stop()
    assert not os.path.exists(running.path)


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_a_thousand_restarts_with_kills(server, tmp_path):
    running, killer = restart_and_kill(server, tmp_path, count=1000, share=0.15)
    assert len(killer.killed) > 100
    running.stop()
    assert not os.path.exists(running.path)
