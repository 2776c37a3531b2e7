"""Load that steps up and down while processes come and go: no request is lost, under any MPM."""

import random
import time

import pytest
from harness.crowd import Crowd
from harness.processes import wait_until

MOST = 8
POLICIES = {
    "loadline": {
        "prefork": ("--workers", f"1-{MOST}", "--threads", 1),
        "worker": ("--workers", f"1-{MOST}", "--threads", 2),
        "event": ("--workers", f"1-{MOST}", "--threads", 2),
    },
    "apache": {
        "prefork": (
            "--start-servers", 1, "--min-spare-servers", 1, "--max-spare-servers", 2,
            "--max-request-workers", MOST,
        ),
        "worker": (
            "--start-servers", 1, "--min-spare-threads", 2, "--max-spare-threads", 4,
            "--threads", 2, "--max-request-workers", 2 * MOST,
        ),
        "event": (
            "--start-servers", 1, "--min-spare-threads", 2, "--max-spare-threads", 4,
            "--threads", 2, "--max-request-workers", 2 * MOST,
        ),
    },
}
# Pages from quick to slow, in milliseconds.
TARGETS = ["/?0", "/?5", "/?20", "/?20", "/?60"]


class Watch:
    """Which workers there were, and how many at once."""

    def __init__(self, server):
        self.server = server
        self.seen = set()
        self.counts = []

    def for_seconds(self, seconds):
        end = time.monotonic() + seconds
        wait_until(lambda: self.look() and time.monotonic() > end, seconds + 30, "the step's end")

    def look(self):
        pids = self.server.worker_pids()
        self.seen |= set(pids)
        self.counts.append(len(pids))
        time.sleep(0.1)  # looking at all of /proc is work, too
        return True

    @property
    def gone(self):
        return self.seen - set(self.server.worker_pids())


def run_steps(server, policy, mpm, steps, seconds):
    """Steps of so many seconds, each with so many clients; the crowd, and the watch."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    running = server(
        "waiting:application", "--policy", policy, "--mpm", mpm, *POLICIES[policy][mpm]
    )
    watch = Watch(running)
    with Crowd(running.address, TARGETS, seed) as crowd:
        for number, count in enumerate(steps):
            crowd.resize(count)
            watch.for_seconds(seconds)
            assert not crowd.failures, f"step {number}: {crowd.failures[:5]}"
    print(
        f"{policy}, {mpm}: {crowd.answers} answers, {len(crowd.failures)} failures, "
        f"{crowd.closed_while_idle} connections closed while idle, {min(watch.counts)} to "
        f"{max(watch.counts)} workers at once, {len(watch.seen)} in all, {len(watch.gone)} ended"
    )
    assert crowd.failures == []
    assert crowd.answers > 50
    assert running.get("/?0").status == 200
    return running, crowd, watch


@pytest.mark.parametrize("mpm", ["prefork", "worker", "event"])
@pytest.mark.parametrize("policy", ["loadline", "apache"])
def test_a_step_up_and_down(server, policy, mpm):
    running, crowd, watch = run_steps(server, policy, mpm, steps=[1, 30, 2], seconds=1.5)
    assert max(watch.counts) > watch.counts[0], "no worker was started"
    assert len(crowd.answered_by) > 1, "one worker did everything"


@pytest.mark.long
@pytest.mark.timeout(500)
@pytest.mark.parametrize("mpm", ["prefork", "worker", "event"])
@pytest.mark.parametrize(("policy", "seconds"), [("loadline", 20), ("apache", 10)])
def test_minutes_of_steps(server, policy, mpm, seconds):
    """Five minutes, where processes are found superfluous only after a while."""
    steps = [2, 30, 1, 1, 40, 10, 1, 1, 20, 40, 0, 0, 5, 30, 1]
    running, crowd, watch = run_steps(server, policy, mpm, steps, seconds)
    assert max(watch.counts) > 2, "hardly a worker was started"
    assert watch.gone, "no worker was ended"
